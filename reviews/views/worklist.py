"""The worklist: what waits for this reader, in an order and with words that say nothing of the machine's answers."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.models import Image
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of, permissions_in
from mriplatform.pages import check_query, person, says_refusals, signed_in
from reviews.access import get_collection_to_read, get_image_to_read
from reviews.forms import WorklistFilterForm
from reviews.models import Reading
from reviews.selectors import Step, protocol_of, reading_state, readings_of, set_aside, worklist_counts
from reviews.selectors import worklist as waiting
from reviews.selectors.narrowing import narrowed
from reviews.selectors.own_trace import OwnLine, own_trace
from reviews.selectors.recent import recent_verdict
from reviews.selectors.worklist import begun, is_being_analysed, not_begun
from reviews.services.reading import claim_image
from reviews.views.answering import go_to_next
from reviews.views.presenting import recent_toast
from reviews.views.wording import said_in

SHOWN = 50
RECENT = 20
FILTERS = tuple(WorklistFilterForm.base_fields)
STEP_WORDS = {
    Step.FIRST_READ: "Begun",
    Step.REVEAL: "First read committed",
    Step.VERDICT: "Verdict due",
    Step.DONE: "Finished",
}


@require_safe
@signed_in
@says_refusals
@never_cache
def worklist(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request, *FILTERS)
    user = person(request)
    collection = get_collection_to_read(user, collection_id)
    form = WorklistFilterForm(request.GET)
    asked = form.told()
    images = not_begun(user, narrowed(waiting(user, collection), **asked))
    listed = _rows(images.select_related("study")[:SHOWN])
    context = {
        "collection": collection,
        "collections": collections_of(user, Permission.READ),
        "protocol": protocol_of(collection),
        "counts": worklist_counts(user, collection),
        "begun": _rows([(reading.image, reading) for reading in begun(user, collection)[:SHOWN]]),
        "images": listed,
        "images_aside": _rows(
            not_begun(user, narrowed(set_aside(user, collection), **asked)).select_related("study")[:SHOWN]
        ),
        "filter": form,
        "narrowed": any(value for value in asked.values()),
        "analysing": not listed and is_being_analysed(collection),
        "empty": not listed and not Image.objects.filter(collection=collection).exists(),
        "shown": SHOWN,
        "rows": _recent(user, collection),
        "recent": recent_toast(recent_verdict(user)),
        "may": permissions_in(user, collection.pk),
    }
    return render(request, "reviews/worklist.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
def read_next(request: HttpRequest, collection_id: UUID) -> HttpResponseBase:
    collection = get_collection_to_read(request.user, collection_id)
    if request.method != "POST":
        return redirect("worklist", collection.pk)
    return go_to_next(request, collection, aside="aside" in request.POST)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
def read_image(request: HttpRequest, image_id: UUID) -> HttpResponse:
    image = get_image_to_read(request.user, image_id)
    if request.method != "POST":
        return redirect("worklist", image.collection_id)
    return redirect("reading", claim_image(reader=person(request), image=image).pk)


def _rows(found: Iterable[Image | tuple[Image, Reading]]) -> list[dict[str, Any]]:
    """Images with how many their study has, and the reading where one was begun."""
    pairs = [one if isinstance(one, tuple) else (one, None) for one in found]
    studies = Image.objects.filter(study__in={image.study_id for image, _ in pairs}).order_by()
    sizes = dict(studies.values_list("study").annotate(images=Count("pk"))) if pairs else {}
    return [
        {"image": image, "reading": reading, "images_in_study": sizes[image.study_id]}
        for image, reading in pairs
    ]


def _recent(user: User, collection: Collection) -> list[dict[str, Any]]:
    mine = list(readings_of(user).filter(protocol__collection=collection)[:RECENT])
    traced = own_trace(user, mine)
    return [_row(reading, traced.get(reading.pk, [])) for reading in mine]


def _row(reading: Reading, trace: list[OwnLine]) -> dict[str, Any]:
    state = reading_state(reading)
    said = state.verdict or state.first_read
    return {
        "reading": reading,
        "state": STEP_WORDS[state.step],
        "said": said_in(said) if said else "",
        "at": said.at if said else reading.claimed_at,
        "done": state.step is Step.DONE,
        "amended": state.verdict is not None and state.verdict.kind == "amendment",
        "hidden": not reading.image.pixels_available,
        "line": trace[0] if trace else None,
    }
