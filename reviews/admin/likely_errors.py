"""Likely label errors in the admin: looked for and sent back, after a look; and what was sent back."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from classifier.exceptions import PlatformError
from mriplatform.accounts.access import require_in
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter, staff_person
from mriplatform.accounts.selectors import has_anywhere
from reviews.models import LabelErrorSearch, LabelSet, SentBack
from reviews.selectors.likely_errors import newest_found, newest_search, ranked_errors
from reviews.services.label_errors import ask_for_label_errors
from reviews.services.sending_back import send_back

SHOWN = 20


class CorrectingAdmin(admin.ModelAdmin[LabelSet]):
    """What the admin of label sets gains: an action that leads to the likely errors, to look for and to send back."""

    actions: Sequence[str] = ("likely_errors",)

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/likely-errors/",
            self.admin_site.admin_view(self.likely_errors_view),
            name="reviews_labelset_likely_errors",
        )
        return [own, *super().get_urls()]

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location)
        if not has_anywhere(request.user, Permission.FREEZE_LABELS):
            actions.pop("likely_errors", None)
        return actions

    @admin.action(description="Likely label errors…")
    def likely_errors(self, request: HttpRequest, queryset: QuerySet[LabelSet]) -> HttpResponse | None:
        """Lead to the ranking of the one label set that was chosen."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "A ranking is of one label set: choose one.", messages.WARNING)
            return None
        return HttpResponseRedirect(reverse("admin:reviews_labelset_likely_errors", args=[chosen[0].pk]))

    def likely_errors_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The likeliest errors; looking for them and sending them back are POSTs of this page's own."""
        label_set = self.get_queryset(request).filter(pk=pk).first()
        if label_set is None:
            raise Http404
        require_in(request.user, label_set.collection_id, Permission.FREEZE_LABELS)
        if request.method != "POST":
            return self._ranking(request, label_set)
        try:
            self._act(request, label_set)
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
        return HttpResponseRedirect(reverse("admin:reviews_labelset_likely_errors", args=[pk]))

    def _act(self, request: HttpRequest, label_set: LabelSet) -> None:
        if "top" not in request.POST:
            ask_for_label_errors(actor=staff_person(request), label_set=label_set)
            self.message_user(request, "A worker looks for them; it takes seconds.")
            return
        asked = request.POST["top"].strip()
        top = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 7 else 0
        sending = send_back(actor=staff_person(request), label_set=label_set, top=top)
        kept = f"; {len(sending.kept)} not: {sorted(set(sending.kept.values()))[0]}" if sending.kept else ""
        self.message_user(request, f"{len(sending.sent)} labels sent back to be read{kept}")

    def _ranking(self, request: HttpRequest, label_set: LabelSet) -> HttpResponse:
        found, newest = newest_found(label_set), newest_search(label_set)
        context = self.admin_site.each_context(request) | {
            "title": f"Likely label errors in {label_set}",
            "opts": self.model._meta,
            "label_set": label_set,
            "found": found,
            "waiting": newest is not None and newest.status == LabelErrorSearch.Status.QUEUED,
            "failed": newest if newest and newest.status == LabelErrorSearch.Status.FAILED else None,
            "rows": ranked_errors(found, size=SHOWN) if found else [],
        }
        return TemplateResponse(request, "admin/reviews/labelset/likely_errors.html", context)


@admin.register(SentBack)
class SentBackAdmin(OwnCollectionsAdmin[SentBack]):
    collection_path = "label_set__collection"
    permission = Permission.DOWNLOAD_LABELS
    list_display = ("image", "label_set", "score", "reason", "sent_by", "at")
    list_filter = (("label_set", OwnRowsFilter),)
    list_select_related = ("image", "label_set__collection", "sent_by")
