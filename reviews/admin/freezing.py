"""Freezing in the admin: a collection is chosen, what would be frozen is shown, and exactly that is frozen."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from classifier.exceptions import PlatformError
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import staff_person
from mriplatform.accounts.selectors import collections_of, has_anywhere
from reviews.access import get_collection_to_freeze
from reviews.models import LabelSet, Outcome
from reviews.selectors import newest_label_set
from reviews.selectors.eligibility import policy_of
from reviews.selectors.label_set_words import counted, in_words
from reviews.selectors.planned import planned_label_set
from reviews.services.label_sets import freeze_label_set


class FreezingAdmin(admin.ModelAdmin[LabelSet]):
    """What the admin of label sets gains: the choice of a collection, the dry run to confirm, and the freeze."""

    def get_urls(self) -> list[URLPattern]:
        own = path("freeze/", self.admin_site.admin_view(self.freeze_view), name="reviews_labelset_freeze")
        return [own, *super().get_urls()]

    def freeze_view(self, request: HttpRequest) -> HttpResponse:
        """Choose a collection; with one chosen, see its policy and what would be frozen, and confirm."""
        if not has_anywhere(request.user, Permission.FREEZE_LABELS):
            raise PermissionDenied("None of your roles may freeze labels.")
        asked = request.POST if request.method == "POST" else request.GET
        if not asked.get("collection"):
            title = "Freeze the labels of a collection"
            return self._freeze_page(request, "freeze", title, choices=_to_freeze(request))
        collection = get_collection_to_freeze(request.user, _uuid(asked["collection"]))
        if request.method == "POST" and request.POST.get("if_sha256"):
            return self._freeze(request, collection, request.POST["if_sha256"])
        return self._to_confirm(request, collection)

    def _to_confirm(self, request: HttpRequest, collection: Collection) -> HttpResponse:
        planned = planned_label_set(collection, policy_of(collection))
        return self._freeze_page(
            request,
            "freeze_confirm",
            f"Freeze the labels of {collection}",
            collection=collection,
            planned=planned,
            counts=counted(planned.counts),
            policy_words=in_words(planned.policy),
        )

    def _freeze(self, request: HttpRequest, collection: Collection, if_sha256: str) -> HttpResponse:
        newest = newest_label_set(collection)
        try:
            label_set = freeze_label_set(
                actor=staff_person(request), collection=collection, if_sha256=if_sha256
            )
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            address = reverse("admin:reviews_labelset_freeze")
            return HttpResponseRedirect(f"{address}?collection={collection.pk}")
        if newest is not None and label_set.number <= newest.number:
            self.message_user(request, f"Nothing changed since {label_set}.", messages.WARNING)
        else:
            self.message_user(request, f"{label_set} is frozen.")
        return HttpResponseRedirect(reverse("admin:reviews_labelset_change", args=[label_set.pk]))

    def _freeze_page(self, request: HttpRequest, name: str, title: str, **more: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"title": title, "opts": self.model._meta} | more
        return TemplateResponse(request, f"admin/reviews/labelset/{name}.html", context)


def _to_freeze(request: HttpRequest) -> QuerySet[Collection]:
    """The collections whose labels the user may freeze, each with how many of its images were read."""
    read = Q(images__standing__outcome__in=[Outcome.WAITING, Outcome.DISAGREEMENT, Outcome.FINAL])
    collections = collections_of(request.user, Permission.FREEZE_LABELS)
    return collections.annotate(images_read=Count("images", filter=read))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error
