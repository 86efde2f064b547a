"""The start page: a person's collections, with what waits there for either reader."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from classifier.models import JobStatus
from classifier.selectors import study_counts
from classifier.selectors.quarantine import waiting_counts
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of, permissions_in
from mriplatform.pages import check_query, person, signed_in
from reviews.selectors import worklist_counts
from reviews.selectors.decisions import count_disagreements
from reviews.selectors.worklist import open_reading


@require_safe
@signed_in
def home(request: HttpRequest) -> HttpResponse:
    check_query(request)
    user = person(request)
    counts = study_counts(user)
    cards = [_card(user, collection, counts.get(collection.pk, {})) for collection in collections_of(user)]
    decides = [card["collection"].pk for card in cards if Permission.ADJUDICATE in card["may"]]
    to_decide = count_disagreements(decides, user) if decides else {}
    in_quarantine = waiting_counts(user)
    for card in cards:
        card["to_decide"] = to_decide.get(card["collection"].pk, 0)
        card["in_quarantine"] = in_quarantine.get(card["collection"].pk, 0)
    return render(request, "home.html", {"cards": cards, "open_reading": open_reading(user)})


def _card(user: User, collection: Collection, counts: dict[str, int]) -> dict[str, Any]:
    may = permissions_in(user, collection.pk)
    return {
        "collection": collection,
        "studies": sum(counts.values()),
        "waiting": counts.get(JobStatus.QUEUED, 0) + counts.get(JobStatus.RUNNING, 0),
        "analysed": counts.get(JobStatus.SUCCEEDED, 0),
        "failed": counts.get(JobStatus.FAILED, 0),
        "to_read": worklist_counts(user, collection) if Permission.READ in may else None,
        "may": may,
    }
