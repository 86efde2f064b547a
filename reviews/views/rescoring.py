"""The backlog of a collection, read again by the version that reads there now: begun, watched, held and ended."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.access import get_collection_to_choose
from classifier.exceptions import PlatformError, StateConflict
from classifier.selectors import version_reading_for
from mriplatform.accounts.access import NOT_FOUND
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, says_refusals, signed_in, with_headers
from reviews.access import get_rescore
from reviews.forms import RescoreForm
from reviews.models import Rescore
from reviews.selectors.rescoring import active_rescore, backlog, progress_of, rescores_of
from reviews.services.rescoring import cancel_rescore, pause_rescore, resume_rescore, start_rescore

CHANGES: dict[str, tuple[Callable[..., Rescore], str]] = {
    "pause": (pause_rescore, "The pass is paused."),
    "resume": (resume_rescore, "The pass goes on."),
    "cancel": (cancel_rescore, "The pass is cancelled. What it replaced stays."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def rescores(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    if request.method != "POST":
        return _page(request, get_collection_to_choose(request.user, collection_id), RescoreForm())
    collection = get_collection_to_choose(request.user, collection_id, Permission.TRAIN)
    form = RescoreForm(request.POST)
    try:
        rescore = start_rescore(
            actor=person(request), collection=collection, version=_reads(collection), **form.told()
        )
    except PlatformError as refusal:
        return _page(request, collection, form, refusal)
    messages.success(request, f"Version {rescore.model_version.number} reads the backlog again.")
    return redirect("rescores", collection.pk)


@require_safe
@signed_in
@never_cache
def rescores_live(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """How far the pass is; asks for itself while there is one. Where there never was one there is nothing."""
    check_query(request)
    now = _now(request, get_collection_to_choose(request.user, collection_id))
    if now["rescore"] is None:
        raise Http404(NOT_FOUND)
    return render(request, "reviews/rescore_live.html", now)


@require_POST
@signed_in
@says_refusals
def rescore_change(request: HttpRequest, rescore_id: UUID, change: str) -> HttpResponse:
    rescore = get_rescore(request.user, rescore_id, Permission.TRAIN)
    act, said = CHANGES[change]
    act(actor=person(request), rescore=rescore)
    messages.success(request, said)
    return redirect("rescores", rescore.collection_id)


def _reads(collection: Collection) -> Any:
    version = version_reading_for(collection.pk)
    if version is None:
        raise StateConflict("No version reads here yet.", code="no_version")
    return version


def _now(request: HttpRequest, collection: Collection) -> dict[str, Any]:
    active = active_rescore(collection)
    newest = active or rescores_of(collection).first()
    progress = progress_of(newest) if newest else None
    return {
        "collection": collection,
        "active": active,
        "rescore": newest,
        "progress": progress,
        "total": newest.replaced + progress.left + progress.in_line if newest and progress else 0,
        "may_start": Permission.TRAIN in permissions_in(request.user, collection.pk),
    }


def _page(
    request: HttpRequest, collection: Collection, form: RescoreForm, refusal: PlatformError | None = None
) -> HttpResponse:
    reads = version_reading_for(collection.pk)
    context = _now(request, collection) | {
        "form": form,
        "refusal": refusal,
        "reads": reads,
        "backlog": backlog(collection, reads).count() if reads else 0,
        "rescores": rescores_of(collection),
    }
    status = refusal.status if refusal else 200
    response = render(request, "reviews/rescores.html", context, status=status)
    return with_headers(response, answer_to(refusal) if refusal else None)
