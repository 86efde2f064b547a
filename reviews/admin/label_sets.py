"""Label sets in the admin: what was frozen, image by image, and freezing and training from it."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.exceptions import PlatformError
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter, staff_person
from mriplatform.accounts.selectors import collections_of, has_anywhere, permissions_in
from mriplatform.audit.admin import ReadOnlyAdmin
from reviews.admin.retraining import RetrainingAdmin
from reviews.models import LabelSet, LabelSetEntry, Outcome
from reviews.models import SplitAssignment as Assignment
from reviews.selectors import newest_label_set
from reviews.services.label_sets import freeze_label_set


@admin.register(Assignment)
class SplitAssignmentAdmin(ReadOnlyAdmin[Assignment]):
    list_display = ("key", "split", "at")
    list_filter = ("split",)
    search_fields = ("key",)


@admin.register(LabelSetEntry)
class LabelSetEntryAdmin(OwnCollectionsAdmin[LabelSetEntry]):
    collection_path = "label_set__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("label_set", "image", "label", "split", "reason")
    list_filter = ("split", "label", ("label_set", OwnRowsFilter))
    list_select_related = ("label_set__collection", "image")


@admin.register(LabelSet)
class LabelSetAdmin(RetrainingAdmin, OwnCollectionsAdmin[LabelSet]):
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("number", "collection", "parts", "left_out", "frozen_by", "created_at", "manifest_file")
    list_filter = (("collection", OwnRowsFilter),)
    list_select_related = ("collection", "frozen_by")
    fields = ("number", "collection", "parts", "labels", "left_out", "manifest_sha256", "manifest_file", "entries",
              "frozen_by", "created_at")  # fmt: skip
    readonly_fields = ("parts", "labels", "left_out", "manifest_file", "entries")
    change_list_template = "admin/reviews/labelset/change_list.html"
    change_form_template = "admin/reviews/labelset/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path("freeze/", self.admin_site.admin_view(self.freeze_view), name="reviews_labelset_freeze"),
        ]
        return own + super().get_urls()

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
        context = (extra_context or {}) | {"may_train": Permission.TRAIN in permissions}
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

    @admin.display(description="manifest")
    def manifest_file(self, label_set: LabelSet) -> str:
        return format_html('<a href="{}">Download</a>', reverse("api-manifest", args=[label_set.pk]))

    @admin.display(description="entries")
    def entries(self, label_set: LabelSet) -> str:
        address = reverse("admin:reviews_labelsetentry_changelist")
        return format_html('<a href="{}?label_set__id__exact={}">Each image</a>', address, label_set.pk)

    def freeze_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a collection, then freeze its labels."""
        if request.method != "POST":
            if not has_anywhere(request.user, Permission.FREEZE_LABELS):
                raise PermissionDenied("None of your roles may freeze labels.")
            return self._page(
                request, "freeze", "Freeze the labels of a collection", choices=_to_freeze(request)
            )
        collection = get_collection(
            request.user, _uuid(request.POST.get("collection", "")), Permission.FREEZE_LABELS
        )
        newest = newest_label_set(collection)
        try:
            label_set = freeze_label_set(actor=staff_person(request), collection=collection)
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:reviews_labelset_changelist"))
        if newest is not None and label_set.number <= newest.number:
            self.message_user(request, f"Nothing changed since {label_set}.", messages.WARNING)
        else:
            self.message_user(request, f"{label_set} is frozen.")
        return HttpResponseRedirect(reverse("admin:reviews_labelset_change", args=[label_set.pk]))

    def _page(self, request: HttpRequest, name: str, title: str, **more: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"title": title, "opts": self.model._meta} | more
        return TemplateResponse(request, f"admin/reviews/labelset/{name}.html", context)


def _to_freeze(request: HttpRequest) -> QuerySet[Collection]:
    """The collections whose labels the user may freeze, each with how many of its images were read."""
    read = Q(images__standing__outcome__in=[Outcome.WAITING, Outcome.DISAGREEMENT, Outcome.FINAL])
    collections = collections_of(request.user, Permission.FREEZE_LABELS)
    return collections.annotate(images_read=Count("images", filter=read))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "–"


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error
