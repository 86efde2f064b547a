"""Label sets of a collection: what is in them, by which policy, what a new one would be, and what differs."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from classifier.exceptions import PlatformError
from classifier.selectors.label_set_runs import runs_on, versions_from
from mriplatform.accounts.selectors import permissions_in
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers
from reviews.access import get_collection_to_freeze, get_collection_with_label_sets, get_label_set
from reviews.models import LabelSet
from reviews.selectors import newest_label_set
from reviews.selectors.eligibility import policy_of
from reviews.selectors.frozen import label_sets_in
from reviews.selectors.label_set_words import counted, in_words
from reviews.selectors.listed_lines import PAGE, narrowed_entries
from reviews.selectors.planned import planned_label_set
from reviews.selectors.set_differences import CHANGES, difference_counts, differences, differences_as_json
from reviews.services.label_sets import freeze_label_set
from reviews.views.label_set_tables import (
    change_tabs,
    entry_row,
    narrowed_from,
    narrowing_choices,
    pair_row,
    query,
)


@require_safe
@signed_in
@never_cache
def label_sets(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    check_query(request)
    collection = get_collection_with_label_sets(request.user, collection_id)
    policy = policy_of(collection)
    context = {
        "collection": collection,
        "label_sets": label_sets_in(collection),
        "policy": policy,
        "policy_words": in_words(policy),
        "may": permissions_in(request.user, collection_id),
    }
    return render(request, "reviews/label_sets/list.html", context)


@require_safe
@signed_in
@never_cache
def label_set(request: HttpRequest, label_set_id: UUID) -> HttpResponse:
    check_query(request, "split", "label", "reason", "start")
    found = get_label_set(request.user, label_set_id)
    narrowing, start = narrowed_from(request.GET), _image(request.GET.get("start"))
    entries = narrowed_entries(found, narrowing)
    rows = list((entries.filter(image__gt=start) if start else entries)[: PAGE + 1])
    context = {
        "collection": found.collection,
        "label_set": found,
        "counts": counted(found.counts),
        "policy_words": in_words(found.policy) if found.policy else "",
        "entries": [entry_row(entry) for entry in rows[:PAGE]],
        "total": entries.count(),
        "choices": narrowing_choices(narrowing, found.counts["reasons"]),
        "newest_url": query(narrowing) if start else "",
        "older_url": query(narrowing, start=rows[PAGE - 1].image_id) if len(rows) > PAGE else "",
        "table_query": query(narrowing),
        "runs": runs_on(found.manifest_sha256),
        "versions": versions_from(found.manifest_sha256),
        "before": label_sets_in(found.collection).filter(number__lt=found.number).first(),
        "may": permissions_in(request.user, found.collection_id),
    }
    return render(request, "reviews/label_sets/detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def freeze(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """What would be frozen now, to confirm; exactly that is frozen, or nothing."""
    check_query(request)
    collection = get_collection_to_freeze(request.user, collection_id)
    newest, refusal = newest_label_set(collection), None
    if request.method == "POST":
        try:
            frozen = freeze_label_set(
                actor=person(request), collection=collection, if_sha256=request.POST.get("if_sha256", "")
            )
        except PlatformError as error:
            refusal = error
        else:
            _tell(request, frozen, newest)
            return redirect("label-set", frozen.pk)
    planned = planned_label_set(collection, policy_of(collection))
    context = {
        "collection": collection,
        "planned": planned,
        "counts": counted(planned.counts),
        "policy_words": in_words(planned.policy),
        "newest": newest,
        "same": LabelSet.objects.filter(collection=collection, manifest_sha256=planned.sha256).first(),
        "refusal": refusal,
    }
    response = render(
        request, "reviews/label_sets/freeze.html", context, status=refusal.status if refusal else 200
    )
    return with_headers(response, answer_to(refusal) if refusal else None)


@require_safe
@signed_in
@never_cache
def compare(request: HttpRequest, label_set_id: UUID) -> HttpResponse:
    """What is different in this set from another one; without one named, from the one before it."""
    check_query(request, "with", "change", "start")
    after = get_label_set(request.user, label_set_id)
    others = label_sets_in(after.collection).exclude(pk=after.pk)
    before = _other(request) or others.filter(number__lt=after.number).first() or others.first()
    change = request.GET.get("change", "")
    if change and change not in CHANGES:
        raise BadRequest(f"What changed is one of {', '.join(CHANGES)}.")
    context: dict[str, Any] = {
        "collection": after.collection, "after": after, "before": before, "others": others, "change": change
    }  # fmt: skip
    if before is not None:
        counts, start = difference_counts(before, after), _hash(request.GET.get("start", ""))
        rows = list(differences(before, after, change=change, start=start, size=PAGE + 1))
        context |= {
            "counts": counts,
            "tabs": change_tabs(counts, before, change),
            "rows": [pair_row(row) for row in rows[:PAGE]],
            "newest_url": f"?with={before.pk}&change={change}" if start else "",
            "older_url": f"?with={before.pk}&change={change}&start={rows[PAGE - 1].pixel_sha256}"
            if len(rows) > PAGE
            else "",
        }
    return render(request, "reviews/label_sets/compare.html", context)


@require_safe
@signed_in
@never_cache
def compare_download(request: HttpRequest, label_set_id: UUID) -> StreamingHttpResponse:
    """Every difference as JSON, in pieces as the database finds them."""
    check_query(request, "with")
    after = get_label_set(request.user, label_set_id)
    before = _other(request)
    if before is None:
        raise BadRequest("Name the label set to compare with: ?with= and its identifier.")
    response = StreamingHttpResponse(differences_as_json(before, after), content_type="application/json")
    name = f"label-sets-{before.number}-{after.number}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _other(request: HttpRequest) -> LabelSet | None:
    """The set to compare with: any that the user may see."""
    asked = request.GET.get("with")
    return get_label_set(request.user, _uuid(asked)) if asked else None


def _tell(request: HttpRequest, frozen: LabelSet, newest: LabelSet | None) -> None:
    if newest is not None and frozen.number <= newest.number:
        messages.info(request, f"Nothing changed since {frozen}.")
    else:
        messages.success(request, f"{frozen} is frozen.")


def _image(text: str | None) -> UUID | None:
    return _uuid(text) if text else None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest("An identifier in the address is none that this page gave out.") from error


def _hash(text: str) -> str:
    if text and not (len(text) == 64 and text.isascii() and text.isalnum()):
        raise BadRequest("The page that is asked for is not one that this list gave out.")
    return text
