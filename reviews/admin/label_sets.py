"""Label sets in the admin: what was frozen, image by image, and freezing and training from it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter
from mriplatform.accounts.selectors import has_anywhere, permissions_in
from mriplatform.audit.admin import ReadOnlyAdmin
from reviews.admin.freezing import FreezingAdmin
from reviews.admin.likely_errors import CorrectingAdmin
from reviews.admin.retraining import RetrainingAdmin
from reviews.models import LabelSet, LabelSetEntry
from reviews.models import SplitAssignment as Assignment


@admin.register(Assignment)
class SplitAssignmentAdmin(ReadOnlyAdmin[Assignment]):
    list_display = ("key", "split", "at")
    list_filter = ("split",)
    search_fields = ("key",)


@admin.register(LabelSetEntry)
class LabelSetEntryAdmin(OwnCollectionsAdmin[LabelSetEntry]):
    collection_path = "label_set__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("label_set", "image", "label", "split", "reason", "weight")
    list_filter = ("split", "label", ("label_set", OwnRowsFilter))
    list_select_related = ("label_set__collection", "image")


@admin.register(LabelSet)
class LabelSetAdmin(FreezingAdmin, RetrainingAdmin, CorrectingAdmin, OwnCollectionsAdmin[LabelSet]):
    permission = Permission.DOWNLOAD_LABELS
    actions = ("retrain", "likely_errors")
    list_display = ("number", "collection", "parts", "left_out", "policy_version", "frozen_by", "created_at",
                    "manifest_file", "page")  # fmt: skip
    list_filter = (("collection", OwnRowsFilter),)
    list_select_related = ("collection", "frozen_by", "policy")
    fields = ("number", "collection", "parts", "labels", "left_out", "policy_version", "dataset", "manifest_sha256",
              "manifest_file", "entries", "page", "frozen_by", "created_at")  # fmt: skip
    readonly_fields = ("parts", "labels", "left_out", "policy_version", "manifest_file", "entries", "page")
    change_list_template = "admin/reviews/labelset/change_list.html"
    change_form_template = "admin/reviews/labelset/change_form.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_freeze": has_anywhere(request.user, Permission.FREEZE_LABELS)}
        return super().changelist_view(request, (extra_context or {}) | context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        label_set = self.get_object(request, object_id)
        permissions = permissions_in(request.user, label_set.collection_id) if label_set else frozenset()
        context = (extra_context or {}) | {
            "may_train": Permission.TRAIN in permissions,
            "may_correct": Permission.FREEZE_LABELS in permissions,
        }
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="training / validation / test")
    def parts(self, label_set: LabelSet) -> str:
        return " / ".join(str(label_set.counts[part]) for part in ("train", "validation", "test"))

    @admin.display(description="labels")
    def labels(self, label_set: LabelSet) -> str:
        return _listed(label_set.counts["labels"])

    @admin.display(description="left out")
    def left_out(self, label_set: LabelSet) -> str:
        return _listed(label_set.counts["reasons"])

    @admin.display(description="policy")
    def policy_version(self, label_set: LabelSet) -> str:
        return f"version {label_set.policy.version}" if label_set.policy else "–"

    @admin.display(description="page")
    def page(self, label_set: LabelSet) -> str:
        return format_html('<a href="{}">Page</a>', reverse("label-set", args=[label_set.pk]))

    @admin.display(description="manifest")
    def manifest_file(self, label_set: LabelSet) -> str:
        return format_html('<a href="{}">Download</a>', reverse("api-manifest", args=[label_set.pk]))

    @admin.display(description="entries")
    def entries(self, label_set: LabelSet) -> str:
        address = reverse("admin:reviews_labelsetentry_changelist")
        return format_html('<a href="{}?label_set__id__exact={}">Each image</a>', address, label_set.pk)


def _listed(counts: dict[str, int]) -> str:
    """A line for each: side by side, the words of a narrow column would stand one below another."""
    if not counts:
        return "–"
    lines = ((count, name) for name, count in counts.items())
    return format_html('<ul class="counts">{}</ul>', format_html_join("", "<li>{} {}</li>", lines))
