"""Which labels count, in the admin: every version of every policy, a new one, and the labels that were imported."""

from typing import Any

from django.contrib import admin
from django.db.models.fields.related import ForeignKey
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, staff_person
from mriplatform.accounts.selectors import collections_of, has_anywhere
from reviews.models import EligibilityPolicy, ImportedLabel
from reviews.services.eligibility import POLICY, set_policy


@admin.register(EligibilityPolicy)
class EligibilityPolicyAdmin(OwnCollectionsAdmin[EligibilityPolicy]):
    """Adding one is setting a collection's policy; the versions before stay."""

    permission = Permission.DOWNLOAD_LABELS
    list_display = ("collection", "version", "rule", "seen", "set_by", "created_at", "dry_run")
    list_filter = ("rule", "seen")
    list_select_related = ("collection", "set_by")
    fields = ("collection", *POLICY)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_anywhere(request.user, Permission.FREEZE_LABELS)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "collection":
            kwargs["queryset"] = collections_of(request.user, Permission.FREEZE_LABELS)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: EligibilityPolicy, form: ModelForm[EligibilityPolicy], change: bool
    ) -> None:
        policy = set_policy(
            actor=staff_person(request),
            collection=obj.collection,
            **{name: getattr(obj, name) for name in POLICY},
        )
        obj.pk, obj.version = policy.pk, policy.version

    @admin.display(description="what it takes")
    def dry_run(self, policy: EligibilityPolicy) -> str:
        address = reverse("eligibility", args=[policy.collection_id])
        asked = "&".join(f"{name}={getattr(policy, name)}" for name in POLICY)
        return format_html('<a href="{}?{}">Dry run</a>', address, asked)


@admin.register(ImportedLabel)
class ImportedLabelAdmin(OwnCollectionsAdmin[ImportedLabel]):
    collection_path = "image__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("at", "image", "label", "split", "dataset", "imported_by")
    list_filter = ("label", "split", "dataset")
    list_select_related = ("image", "imported_by")
