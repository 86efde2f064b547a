"""Where readers disagree: what each of them said, and the decision of somebody else."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.models import Image
from mriplatform.accounts.access import NOT_FOUND
from mriplatform.accounts.models import Collection, User
from mriplatform.pages import check_query, person, says_refusals, signed_in
from reviews.access import get_collection_to_adjudicate
from reviews.forms import DecisionForm
from reviews.models import ReviewEvent
from reviews.selectors import open_disagreements, standings
from reviews.services.adjudication import adjudicate
from reviews.views.choices import amendment_choices
from reviews.views.wording import said_in


@require_safe
@signed_in
@never_cache
def disagreements(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_to_adjudicate(request.user, collection_id)
    images = _to_decide(person(request), collection).select_related("study")
    verdicts = {pk: _said(standing.verdicts) for pk, standing in standings(images).items()}
    rows = [{"image": image, "said": verdicts[image.pk]} for image in images]
    return render(request, "reviews/disagreements.html", {"collection": collection, "rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@says_refusals
@never_cache
def disagreement(request: HttpRequest, collection_id: UUID, image_id: UUID) -> HttpResponse:
    """One image on which its readers disagree, and, by POST, its final label."""
    collection = get_collection_to_adjudicate(request.user, collection_id)
    image = Image.objects.filter(collection=collection, pk=image_id).select_related("study").first()
    if image is None:
        raise Http404(NOT_FOUND)
    if request.method == "POST":
        adjudicate(adjudicator=person(request), image=image, **DecisionForm(request.POST).told())
        messages.success(request, f"The final label of image {image.short_id} is recorded.")
        return redirect("disagreements", collection.pk)
    if not _to_decide(person(request), collection).filter(pk=image.pk).exists():
        messages.info(request, f"Image {image.short_id} is not yours to decide, or was decided already.")
        return redirect("disagreements", collection.pk)
    said = _said(standings([image])[image.pk].verdicts)
    context = {"collection": collection, "image": image, "study": image.study, "said": said}
    return render(request, "reviews/disagreement.html", context | {"labels": amendment_choices({})})


def _to_decide(user: User, collection: Collection) -> QuerySet[Image]:
    """Open disagreements about images that this person has not begun to read: what readers say is not for readers."""
    return open_disagreements(collection).exclude(readings__reader=user)


def _said(verdicts: tuple[ReviewEvent, ...]) -> list[dict[str, Any]]:
    """What the readers said, without their names and without what the machine answered them."""
    return [
        {"number": number, "words": said_in(event), "note": event.note, "at": event.at}
        for number, event in enumerate(verdicts, start=1)
    ]
