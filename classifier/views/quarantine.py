"""What waits in quarantine, and one image of it: masked, released or rejected by a reviewer of the intake."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from classifier.access import get_quarantined
from classifier.exceptions import PlatformError
from classifier.forms import PageFilter, masks_in
from classifier.models import QuarantinedImage
from classifier.selectors.pictures import as_shown
from classifier.selectors.quarantine import (
    next_waiting,
    quarantined_of,
    quarantined_png,
    rectangles_offered,
)
from classifier.services.quarantine_decisions import (
    mask_quarantined,
    reject_quarantined,
    release_quarantined,
)
from classifier.views.paging import page_of
from mriplatform.accounts.access import get_collection
from mriplatform.accounts.roles import Permission
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, says_refusals, signed_in, with_headers
from mriplatform.served import serve_png

EMPTY_RECTANGLES = 2


@require_safe
@signed_in
@says_refusals
@never_cache
def quarantine(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """What waits in a collection, or what was decided there."""
    check_query(request, "decided", "before", "after")
    found = get_collection(request.user, collection_id, Permission.REVIEW_INTAKE)
    asked = PageFilter(request.GET)
    if not asked.is_valid():
        raise BadRequest(f"The filter {next(iter(asked.errors))!r} has a value that it does not take.")
    decided = "decided" in request.GET
    rows = quarantined_of(request.user).filter(collection=found)
    waiting = QuarantinedImage.Status.WAITING
    rows = rows.exclude(status=waiting) if decided else rows.filter(status=waiting)
    page = page_of(rows, **asked.cleaned_data)
    context = {"collection": found, "page": page, "rows": page.rows, "decided": decided}
    return render(request, "classifier/quarantine.html", context)


@require_safe
@signed_in
@never_cache
def quarantined(request: HttpRequest, quarantined_id: UUID) -> HttpResponse:
    """One image that waits, to be decided about; or what was decided."""
    check_query(request)
    found = get_quarantined(request.user, quarantined_id)
    return _page(request, found, masks=[", ".join(map(str, box)) for box in rectangles_offered(found)])


@require_safe
@signed_in
@says_refusals
def quarantined_pixels(request: HttpRequest, quarantined_id: UUID) -> HttpResponse:
    check_query(request, "shown")
    found = get_quarantined(request.user, quarantined_id)
    png, sha256 = quarantined_png(found), found.pixel_sha256
    if request.GET.get("shown") == "1":
        png, sha256 = as_shown(png, found), f"{sha256}-shown"
    response = serve_png(request, png, sha256=sha256, name=f"quarantined-{found.pk}")
    # It may name a patient: no browser keeps a copy.
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
@signed_in
def quarantined_release(request: HttpRequest, quarantined_id: UUID) -> HttpResponse:
    return _decide(request, quarantined_id, release_quarantined, "The image is let in as it is.")


@require_POST
@signed_in
def quarantined_mask(request: HttpRequest, quarantined_id: UUID) -> HttpResponse:
    def mask(**decision: Any) -> QuarantinedImage:
        return mask_quarantined(masks=masks_in(request.POST.getlist("mask")), **decision)

    return _decide(request, quarantined_id, mask, "The image is let in with what you marked blackened.")


@require_POST
@signed_in
def quarantined_reject(request: HttpRequest, quarantined_id: UUID) -> HttpResponse:
    return _decide(
        request, quarantined_id, reject_quarantined, "The image is rejected, and its pixels are gone."
    )


def _decide(
    request: HttpRequest, quarantined_id: UUID, act: Callable[..., QuarantinedImage], done: str
) -> HttpResponse:
    check_query(request)
    found = get_quarantined(request.user, quarantined_id)
    try:
        act(actor=person(request), quarantined=found, reason=request.POST.get("reason", ""))
    except PlatformError as refusal:
        found.refresh_from_db()
        return _page(request, found, masks=request.POST.getlist("mask"), refusal=refusal)
    following = next_waiting(request.user, found)
    messages.success(request, f"{done} {'This one waits next.' if following else 'No other one waits.'}")
    return redirect("quarantined", following.pk) if following else redirect("quarantine", found.collection_id)


def _page(
    request: HttpRequest, found: QuarantinedImage, *, masks: list[str], refusal: PlatformError | None = None
) -> HttpResponse:
    context = {
        "quarantined": found,
        "collection": found.collection,
        "masks": [*masks, *[""] * EMPTY_RECTANGLES],
        "reason": request.POST.get("reason", ""),
        "refusal": refusal,
        "waits": found.status == QuarantinedImage.Status.WAITING,
    }
    answer = answer_to(refusal) if refusal else None
    response = render(
        request, "classifier/quarantined.html", context, status=answer.status if answer else 200
    )
    return with_headers(response, answer)
