"""Where readers disagree: what each of them said, without who they are, and the decision of somebody else."""

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.exceptions import PlatformError
from classifier.models import Image
from mriplatform.accounts.access import NOT_FOUND
from mriplatform.accounts.models import Collection
from mriplatform.pages import check_query, person, says_refusals, signed_in
from reviews.access import get_collection_to_adjudicate, get_image_to_adjudicate
from reviews.forms import DecisionForm
from reviews.models import Adjudication, ImageStanding, Location, ReviewEvent
from reviews.selectors import (
    AnonymousRead,
    Outcome,
    anonymous_reads,
    decided_images,
    decisions_on,
    labels_said,
    open_disagreements,
    to_decide,
)
from reviews.services.adjudication import adjudicate
from reviews.views.choices import amendment_choices
from reviews.views.wording import NAMES, NOT_ASSESSABLE

PAGE_SIZE = 50
# What stands out beside a label; a good image says nothing.
QUALITIES = {
    ReviewEvent.Quality.LIMITED: "Limited image",
    ReviewEvent.Quality.NOT_DIAGNOSTIC: "Not diagnostic",
}


@require_safe
@signed_in
@never_cache
def disagreements(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """What waits for this person's decision, the longest open first; `?decided` lists what was decided."""
    check_query(request, "page", "decided")
    collection = get_collection_to_adjudicate(request.user, collection_id)
    decided = "decided" in request.GET
    listed = (decided_images if decided else open_disagreements)(collection, person(request))
    page = Paginator(listed, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(page)
    said = labels_said([row.image for row in rows])
    context = {
        "collection": collection,
        "decided": decided,
        "rows": [_row(row, said[row.image_id]) for row in rows],
        "total": page.paginator.count,
    } | _pager(page, "decided&" if decided else "")
    return render(request, "reviews/disagreements.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
@never_cache
def disagreement(request: HttpRequest, collection_id: UUID, image_id: UUID) -> HttpResponse:
    """One image on which its readers disagree or disagreed, and, by POST, its final label."""
    check_query(request, "again")
    collection = get_collection_to_adjudicate(request.user, collection_id)
    image = get_image_to_adjudicate(request.user, image_id)
    if image.collection_id != collection.pk:
        raise Http404(NOT_FOUND)
    if request.method == "POST":
        return _decide(request, collection, image)
    standing = to_decide(collection, person(request)).filter(pk=image.pk).first()
    if standing is None:
        messages.info(request, f"Image {image.short_id} is not yours to decide, or its readers agree by now.")
        return redirect("disagreements", collection.pk)
    return _show(request, standing)


def _decide(request: HttpRequest, collection: Collection, image: Image) -> HttpResponse:
    """Record the decision and go to what waits next; a refusal is said where the decision was filled in."""
    try:
        adjudicate(adjudicator=person(request), image=image, **DecisionForm(request.POST).told())
    except PlatformError as refusal:
        standing = to_decide(collection, person(request)).filter(pk=image.pk).first()
        if standing is None:
            raise
        return _show(request, standing, refusal)
    messages.success(request, f"The final label of image {image.short_id} is recorded.")
    following = open_disagreements(collection, person(request)).first()
    if following is None:
        return redirect("disagreements", collection.pk)
    return redirect("disagreement", collection.pk, following.pk)


def _show(
    request: HttpRequest, standing: ImageStanding, refusal: PlatformError | None = None
) -> HttpResponse:
    """The image with what was said of it, and what was filled in if it was refused."""
    image, entered = standing.image, request.POST if refusal else {}
    reads = [_read(read) for read in anonymous_reads(image)]
    asked = standing.outcome == Outcome.DISAGREEMENT or "again" in request.GET or refusal is not None
    context = {
        "collection": standing.collection,
        "image": image,
        "study": image.study,
        "standing": standing,
        "reads": reads,
        "marked": any(read["region"] for read in reads),
        "decisions": [_decision(one) for one in decisions_on(image)],
        "deciding": asked and image.pixels_available,
        "labels": amendment_choices(entered),
        "rationale": entered.get("rationale", ""),
        "refusal": refusal.sentence if refusal else "",
    }
    status = refusal.status if refusal else 200
    return render(request, "reviews/disagreement.html", context, status=status)


def _row(standing: ImageStanding, said: list[str]) -> dict[str, Any]:
    return {
        "standing": standing,
        "image": standing.image,
        "said": [NAMES[label] for label in said],
        "final": NAMES[standing.label or NOT_ASSESSABLE] if standing.adjudication_id else "",
    }


def _read(read: AnonymousRead) -> dict[str, Any]:
    """A reader's words: no name, no time, nothing of the machine's."""
    quality = QUALITIES.get(ReviewEvent.Quality(read.image_quality), "") if read.image_quality else ""
    return {
        "number": read.number,
        "words": NAMES[read.label],
        "note": read.note,
        "quality": quality,
        "location": Location(read.location).label if read.location else "",
        "region": json.dumps(read.region) if read.region else "",
        "shape": str(read.region.get("shape", "")).capitalize() if read.region else "",
    }


def _decision(decision: Adjudication) -> dict[str, Any]:
    return {"decision": decision, "words": NAMES[decision.label or NOT_ASSESSABLE]}


def _pager(page: Page[ImageStanding], query: str) -> dict[str, str]:
    return {
        "previous_url": f"?{query}page={page.previous_page_number()}" if page.has_previous() else "",
        "next_url": f"?{query}page={page.next_page_number()}" if page.has_next() else "",
        "summary": f"{page.start_index()}–{page.end_index()} of {page.paginator.count}",
    }
