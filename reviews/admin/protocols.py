"""Reading protocols in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models.fields.related import ForeignKey
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, staff_person
from mriplatform.accounts.selectors import collections_of, has_anywhere
from reviews.models import ReadingProtocol
from reviews.services.protocols import RULES, set_protocol


@admin.register(ReadingProtocol)
class ReadingProtocolAdmin(OwnCollectionsAdmin[ReadingProtocol]):
    """Adding one is setting a collection's protocol; the versions before stay."""

    list_display = ("collection", "version", "mode", "readers_per_image", "set_by", "created_at")
    list_filter = ("mode",)
    list_select_related = ("collection", "set_by")
    fields = ("collection", *RULES)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_anywhere(request.user, Permission.SET_PROTOCOL)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "collection":
            kwargs["queryset"] = collections_of(request.user, Permission.SET_PROTOCOL)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: ReadingProtocol, form: ModelForm[ReadingProtocol], change: bool
    ) -> None:
        protocol = set_protocol(
            actor=staff_person(request),
            collection=obj.collection,
            **{name: getattr(obj, name) for name in RULES},
        )
        obj.pk, obj.version = protocol.pk, protocol.version
