"""One reading: the page and its steps. Each is access, then a service, then the page as it stands after it."""

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.services.removal import hide_image
from mriplatform.accounts.access import require_in
from mriplatform.accounts.roles import Permission
from mriplatform.pages import check_query, person, says_refusals, signed_in
from reviews.access import get_reading
from reviews.forms import DraftForm, FirstReadForm, RevealForm, UndoForm, VerdictForm, WithdrawForm
from reviews.models import Reading
from reviews.selectors import machine_answer, reading_state, was_set_aside
from reviews.selectors.offers import next_images
from reviews.services import reading as readings
from reviews.views.answering import go_to_next, show, show_next_step, step
from reviews.views.choices import verdict_on
from reviews.views.findings import without_finding
from reviews.views.ranges import first_read_of

# How many of the next images a reader's browser fetches while they look at this one.
FETCHED_AHEAD: Final = 3
DRAFT_WORDS = ("label", "confidence", "reason", "note", "image_quality", "location")


@require_safe
@signed_in
@never_cache
def reading(request: HttpRequest, reading_id: UUID) -> HttpResponse:
    check_query(request, "amend", "withdraw")
    return show(request, get_reading(request.user, reading_id))


@require_safe
@signed_in
@never_cache
def ahead(request: HttpRequest, reading_id: UUID) -> HttpResponse:
    """The pixels of the images that will most likely come after this one; nothing is claimed by asking.

    Asked by the page when it has nothing else to do: finding them is no part of any wait.
    """
    check_query(request)
    found = get_reading(request.user, reading_id)
    images = next_images(
        person(request), found.image.collection, after=found, aside=was_set_aside(found), count=FETCHED_AHEAD
    )
    return JsonResponse({"images": [reverse("image-pixels", args=[image.pk]) for image in images]})


@step
def first_read(request: HttpRequest, reading: Reading) -> HttpResponse:
    said = without_finding(FirstReadForm(request.POST).told())
    images = first_read_of(reader=person(request), reading=reading, entered=request.POST, said=said)
    if images > 1:
        messages.success(request, f"Your first read stands for {images} images of the study.")
    return show_next_step(request, reading)


@step
def reveal(request: HttpRequest, reading: Reading) -> HttpResponse:
    readings.reveal(reader=person(request), reading=reading, **RevealForm(request.POST).told())
    return show_next_step(request, reading)


@step
def verdict(request: HttpRequest, reading: Reading) -> HttpResponseBase:
    """Record the verdict and go to the next image."""
    said = _verdict_said(request, reading)
    readings.give_verdict(reader=person(request), reading=reading, **said)
    return go_to_next(request, reading.image.collection, aside=was_set_aside(reading))


@step
def amend(request: HttpRequest, reading: Reading) -> HttpResponse:
    """Say otherwise, of the reading as the form showed it."""
    said = _verdict_said(request, reading)
    seen = request.POST.get("revision") or None
    readings.amend(reader=person(request), reading=reading, if_revision=seen, **said)
    return show_next_step(request, reading)


@step
def undo(request: HttpRequest, reading: Reading) -> HttpResponse:
    event = UndoForm(request.POST).told()["event"]
    readings.undo(reader=person(request), reading=reading, event_id=event)
    return show_next_step(request, reading)


@step
def withdraw(request: HttpRequest, reading: Reading) -> HttpResponse:
    """Take a verdict back with a reason; the reading waits for another."""
    said = WithdrawForm(request.POST).told()
    seen = request.POST.get("revision") or None
    readings.withdraw(reader=person(request), reading=reading, if_revision=seen, **said)
    return show_next_step(request, reading)


@step
def identity(request: HttpRequest, reading: Reading) -> HttpResponseBase:
    """Hide the pixels, from everybody and at once, and go on."""
    require_in(request.user, reading.image.collection_id, Permission.HIDE_IMAGES)
    hide_image(actor=person(request), image=reading.image)
    messages.warning(
        request,
        f"Image {reading.image.short_id} is hidden from everybody; an administrator looks at it next.",
    )
    return go_to_next(request, reading.image.collection, aside=was_set_aside(reading))


@require_POST
@signed_in
@says_refusals
@never_cache
def draft(request: HttpRequest, reading_id: UUID) -> HttpResponse:
    """Keep what is filled in and not said yet, and the claim with it."""
    found = get_reading(request.user, reading_id)
    kept: dict[str, Any] = {name: request.POST[name] for name in DRAFT_WORDS if name in request.POST}
    kept |= {name: value for name, value in DraftForm(request.POST).told().items() if value is not None}
    step_of = request.POST.get("step", "")
    readings.save_draft(reader=person(request), reading=found, draft=kept, step=step_of)
    return HttpResponse(status=204)


def _verdict_said(request: HttpRequest, reading: Reading) -> dict[str, Any]:
    """What the verdict's form says; a button that answers at once counts before what was only selected."""
    given = request.POST.copy()
    given["label"] = given.get("now") or given.get("label", "")
    said = without_finding(VerdictForm(given).told())
    answer = machine_answer(reading)
    machine_answered = answer.label if answer else ""
    return said | verdict_on(reading_state(reading), machine_answered, said["label"])
