"""A study as two versions read it, side by side; for those who may see what the machine says of it."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.access import get_study_to_compare, get_version
from classifier.exceptions import StateConflict
from classifier.forms import AskVersionForm
from classifier.models import JobStatus, ModelVersion, Prediction, Study
from classifier.selectors import (
    Pair,
    Spoken,
    agreement,
    model_versions,
    pairs,
    spoken,
    versions_asked,
    viewer_maps,
)
from classifier.services.comparison import ask_version
from classifier.views.asking import brings_news, identifier_in, pause_after, times_asked
from mriplatform.accounts.access import NOT_FOUND
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.pages import check_query, person, says_refusals, signed_in


@dataclass(frozen=True)
class Side:
    """What one version says of the image in the foreground.

    Attributes:
        viewer: the id of its viewer on the page.
        status: of the prediction; empty where the version was never asked.
    """

    viewer: str
    version: ModelVersion | None
    status: str
    failure: str = ""
    spoken: Spoken | None = None
    maps: dict[str, Any] | None = None

    @property
    def maps_json(self) -> str:
        return json.dumps(self.maps, separators=(",", ":"))


@require_safe
@signed_in
@never_cache
def compare(request: HttpRequest, study_id: UUID) -> HttpResponse:
    check_query(request, "version", "image")
    study = get_study_to_compare(request.user, study_id)
    return render(request, "classifier/compare.html", _context(request, study))


@require_safe
@signed_in
@never_cache
def compare_status(request: HttpRequest, study_id: UUID) -> HttpResponse:
    """The parts of a comparison that change by themselves, each with its place; asks for itself until settled."""
    check_query(request, "version", "image", "asked", "answered")
    context = _context(request, get_study_to_compare(request.user, study_id))
    if context["version"] is None:
        raise Http404(NOT_FOUND)
    context["news"] = brings_news(request, context["chosen_settled"])
    return render(request, "classifier/compare_live.html", context)


@require_POST
@signed_in
@says_refusals
def ask(request: HttpRequest, study_id: UUID) -> HttpResponse:
    study = get_study_to_compare(request.user, study_id, Permission.ASK_VERSIONS)
    form = AskVersionForm(request.POST)
    if not form.is_valid():
        raise StateConflict("Choose the version to ask.", code="version_missing", status=400)
    version = get_version(request.user, form.cleaned_data["version"])
    asked = ask_version(actor=person(request), study=study, version=version)
    if asked.queued:
        messages.success(request, f"Version {version.number} is asked about {_images(asked.queued)}.")
    else:
        messages.info(request, f"Version {version.number} has every image of this study, or has it in line.")
    return redirect(f"{reverse('study-compare', args=[study.pk])}?version={version.pk}")


def _context(request: HttpRequest, study: Study) -> dict[str, Any]:
    may = permissions_in(request.user, study.collection_id)
    asked = versions_asked(study)
    wanted = identifier_in(request, "version")
    version = get_version(request.user, wanted) if wanted else next(iter(asked), None)
    context: dict[str, Any] = {
        "study": study,
        "version": version,
        "versions_asked": asked,
        "may_ask": Permission.ASK_VERSIONS in may and study.purged_at is None,
        "to_ask": _to_ask(study, asked),
        "asked": times_asked(request) + 1,
        "pause": pause_after(times_asked(request)),
    }
    return context | (_beside(request, study, version) if version else {})


def _beside(request: HttpRequest, study: Study, version: ModelVersion) -> dict[str, Any]:
    found = pairs(study, version)
    wanted = identifier_in(request, "image")
    chosen = next((pair for pair in found if pair.image.pk == wanted), found[0] if found else None)
    return {
        "pairs": found,
        "chosen": chosen,
        "chosen_settled": chosen is not None and not chosen.waiting,
        "settled": not any(pair.waiting for pair in found),
        "never_asked": all(pair.other is None for pair in found),
        "failed": any(pair.other is not None and pair.other.status == JobStatus.FAILED for pair in found),
        "agreement": agreement(found),
        "sides": _sides(chosen, version) if chosen else [],
    }


def _sides(chosen: Pair, version: ModelVersion) -> list[Side]:
    answering = chosen.answer.model_version if chosen.answer else None
    return [_side("answer", chosen.answer, answering), _side("other", chosen.other, version)]


def _side(viewer: str, prediction: Prediction | None, version: ModelVersion | None) -> Side:
    if prediction is None:
        return Side(viewer, version, "")
    if prediction.status != JobStatus.SUCCEEDED:
        return Side(viewer, version, prediction.status, prediction.failure_reason)
    return Side(viewer, version, prediction.status, "", spoken(prediction), viewer_maps(prediction))


def _to_ask(study: Study, asked: list[ModelVersion]) -> list[ModelVersion]:
    """The versions that have not seen the study yet."""
    answering = [row.model_version_id for image in study.images.all() for row in image.predictions.all()]
    known = {version.pk for version in asked}.union(answering)
    return [version for version in model_versions().defer("metadata") if version.pk not in known]


def _images(count: int) -> str:
    return "one image" if count == 1 else f"{count} images"
