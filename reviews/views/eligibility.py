"""The policy of a collection's label sets, with what it would take: in force, or only tried out."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from classifier.exceptions import PlatformError
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers
from reviews.access import get_collection_to_freeze
from reviews.forms import PolicyForm
from reviews.models import EligibilityPolicy
from reviews.selectors.eligibility import policies_of, policy_of
from reviews.selectors.label_set_words import counted, in_words
from reviews.selectors.listed_lines import PAGE, narrowed_lines, page_of
from reviews.selectors.planned import planned_label_set
from reviews.services.eligibility import POLICY, is_same_policy, proposed_policy, set_policy
from reviews.views.label_set_tables import (
    line_row,
    narrowed_from,
    narrowing_choices,
    query,
)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@never_cache
def eligibility(request: HttpRequest, collection_id: UUID) -> HttpResponse:
    """The policy's form with its dry run: by GET what is chosen in it is tried out, by POST it is put in force."""
    check_query(request, *POLICY, "if_version", "split", "label", "reason", "start", "csrfmiddlewaretoken")
    collection = get_collection_to_freeze(request.user, collection_id)
    current = policy_of(collection)
    form, refusal = PolicyForm(_asked(request, current)), None
    policy = current
    try:
        told = form.told()
        seen = told.pop("if_version")
        policy = proposed_policy(collection, **told)
        if request.method == "POST":
            now = set_policy(actor=person(request), collection=collection, if_version=seen, **told)
            messages.success(request, _set(current.version, now.version))
            return redirect("eligibility", collection.pk)
    except PlatformError as error:
        refusal = error
    context = {
        "collection": collection,
        "form": form,
        "current": current,
        "current_words": in_words(current),
        "policy_words": in_words(policy),
        "in_force": is_same_policy(policy, current),
        "policies": policies_of(collection),
        "refusal": refusal,
    } | _dry_run(request, policy, form)
    response = render(
        request, "reviews/label_sets/eligibility.html", context, status=refusal.status if refusal else 200
    )
    return with_headers(response, answer_to(refusal) if refusal else None)


def _asked(request: HttpRequest, current: EligibilityPolicy) -> dict[str, Any]:
    """What the form holds: what was sent, what is tried out, or what is in force."""
    if request.method == "POST":
        return request.POST.dict()
    in_force = {name: getattr(current, name) for name in POLICY} | {"if_version": current.version}
    return in_force | {name: value for name, value in request.GET.items() if name in in_force}


def _dry_run(request: HttpRequest, policy: EligibilityPolicy, form: PolicyForm) -> dict[str, Any]:
    """What a freeze by this policy would make of the labels as they are, with a page of its images."""
    planned = planned_label_set(policy.collection, policy)
    narrowing, start = narrowed_from(request.GET), request.GET.get("start", "")[:36]
    lines = narrowed_lines(planned, narrowing)
    shown = page_of(lines, start=start, size=PAGE + 1)
    tried = {name: str(getattr(policy, name)) for name in POLICY}
    return {
        "planned": planned,
        "counts": counted(planned.counts),
        "choices": narrowing_choices(narrowing, planned.counts["reasons"]),
        "tried": tried,
        "entries": [line_row(line) for line in shown[:PAGE]],
        "total": len(lines),
        "newest_url": query(narrowing, **tried) if start else "",
        "older_url": query(narrowing, start=shown[PAGE - 1].image, **tried) if len(shown) > PAGE else "",
    }


def _set(before: int, now: int) -> str:
    if now == before:
        return "This policy is in force already; nothing changed."
    return f"Version {now} of the policy is in force, for the label sets that are frozen from now on."
