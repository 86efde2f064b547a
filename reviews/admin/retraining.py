"""Retraining as an action on label sets in the admin: what it would use is shown before it is pressed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.exceptions import PlatformError
from classifier.models import ModelVersion
from classifier.selectors import model_versions, version_reading_for
from mriplatform.accounts.access import require_in
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import staff_person
from mriplatform.accounts.selectors import has_anywhere
from reviews.forms import NETWORK_CHOICES, RECIPES, recipe_of
from reviews.models import LabelSet
from reviews.selectors.retraining_preview import HEAD, preview_retraining
from reviews.services.label_sets import retrain


class RetrainingAdmin(admin.ModelAdmin[LabelSet]):
    """What the admin of label sets gains: the action, the form with its preview, and the start."""

    actions: Sequence[Any] = ("retrain",)

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<uuid:pk>/retrain/",
            self.admin_site.admin_view(self.retrain_view),
            name="reviews_labelset_retrain",
        )
        return [own, *super().get_urls()]

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location)
        if not has_anywhere(request.user, Permission.TRAIN):
            actions.pop("retrain", None)
        return actions

    @admin.action(description="Retrain from the label set…")
    def retrain(self, request: HttpRequest, queryset: QuerySet[LabelSet]) -> HttpResponse | None:
        """Lead to the form of the one label set that was chosen; nothing starts by the action itself."""
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "A run learns from one label set: choose one.", messages.WARNING)
            return None
        return HttpResponseRedirect(reverse("admin:reviews_labelset_retrain", args=[chosen[0].pk]))

    def retrain_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Show what a run would use, then hand the label set to it."""
        label_set = self.get_queryset(request).filter(pk=pk).first()
        if label_set is None:
            raise Http404
        require_in(request.user, label_set.collection_id, Permission.TRAIN)
        if request.method != "POST":
            return self._form(request, label_set)
        try:
            run = retrain(
                actor=staff_person(request), label_set=label_set, base=_base(request.POST), seed=_seed(request),
                recipe=recipe_of(request.POST.get("recipe", HEAD), request.POST.get("network", "")),
            )  # fmt: skip
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:reviews_labelset_change", args=[pk]))
        self.message_user(
            request,
            format_html(
                '{} is in line. <a href="{}">Watch it</a>', run, reverse("training-run", args=[run.pk])
            ),
        )
        return HttpResponseRedirect(reverse("admin:classifier_trainingrun_change", args=[run.pk]))

    def _form(self, request: HttpRequest, label_set: LabelSet) -> HttpResponse:
        asked = request.GET.get("recipe", HEAD)
        recipe, base = asked if asked in dict(RECIPES) else HEAD, _base(request.GET)
        preview = preview_retraining(label_set, recipe=recipe, base=base)
        context = self.admin_site.each_context(request) | {
            "title": f"Retrain from {label_set}",
            "opts": self.model._meta,
            "label_set": label_set,
            "preview": preview,
            "recipes": RECIPES,
            "networks": NETWORK_CHOICES,
            "network": request.GET.get("network", ""),
            "reads": version_reading_for(label_set.collection_id),
            "versions": model_versions().defer("metadata"),
        }
        return TemplateResponse(request, "admin/reviews/labelset/retrain.html", context)


def _base(asked: Any) -> ModelVersion | None:
    """The version that was chosen to start from; None where none was.

    Raises:
        Http404: there is no such version.
    """
    chosen = asked.get("base", "")
    if not chosen:
        return None
    try:
        version = model_versions().filter(pk=UUID(chosen)).first()
    except ValueError as error:
        raise Http404 from error
    if version is None:
        raise Http404
    return version


def _seed(request: HttpRequest) -> int:
    text = request.POST.get("seed", "0")
    return min(int(text), 2**31 - 1) if text.isdecimal() and len(text) < 20 else 0
