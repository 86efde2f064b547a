"""Proposing a version, deciding on a proposal, and going back: each confirmed on a page, each with its reason."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.access import (
    get_proposal,
    get_proposal_to_decline,
    get_version,
    may_ask_the_gate,
    may_roll_back,
    require_roll_back,
)
from classifier.exceptions import PlatformError, StateConflict
from classifier.forms import ApproveForm, ReasonForm, RollBackForm
from classifier.models import GateDecision, ModelVersion, Proposal
from classifier.selectors import version_before, version_in_force
from classifier.selectors.comparing_versions import compared_parts, figure_names
from classifier.selectors.gate import open_requests
from classifier.selectors.load_checks import newest_load_check
from classifier.selectors.proposals import newest_decision, outcome
from classifier.services.promotion import approve, decline, propose, roll_back
from classifier.views.versions import part_shown
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers

GET_AND_POST = ["GET", "HEAD", "POST"]


@require_http_methods(GET_AND_POST)
@signed_in
def version_propose(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """Propose a version, after a look at it beside what is in force."""
    check_query(request)
    version = get_version(request.user, version_id)
    require_anywhere(request.user, Permission.TRAIN)
    form, refusal = ReasonForm(request.POST or None), None
    if request.method == "POST":
        try:
            said = _said(form)
            proposal = propose(actor=person(request), version=version, reason=said["reason"])
            messages.success(request, f"Version {version.number} is proposed. Somebody else decides.")
            return redirect("proposal", proposal.pk)
        except PlatformError as refused:
            refusal = refused
    context = {"version": version, "form": form} | _beside(version)
    context["may_judge"] = may_ask_the_gate(request.user)
    return _page(request, "classifier/registry/propose.html", context, refusal)


@require_safe
@signed_in
def proposal(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    """What was proposed, what the gate says of it, and the decision."""
    check_query(request)
    return _proposal_page(request, get_proposal(request.user, proposal_id))


@require_POST
@signed_in
def proposal_approve(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    check_query(request)
    found = get_proposal(request.user, proposal_id)
    require_anywhere(request.user, Permission.PROMOTE)
    form = ApproveForm(request.POST)

    def act() -> str:
        said = _said(form)
        promotion = approve(actor=person(request), proposal=found, **said)
        return f"{promotion.model_version} is in force; the next image is read by it."

    return _decided(request, found, act, approving=form)


@require_POST
@signed_in
def proposal_decline(request: HttpRequest, proposal_id: UUID) -> HttpResponse:
    check_query(request)
    found = get_proposal_to_decline(request.user, proposal_id)
    form = ReasonForm(request.POST, auto_id="decline_%s")

    def act() -> str:
        decline(actor=person(request), proposal=found, reason=_said(form)["reason"])
        return "The proposal was declined; what is in force stays."

    return _decided(request, found, act, declining=form)


@require_http_methods(GET_AND_POST)
@signed_in
def roll_back_page(request: HttpRequest) -> HttpResponse:
    """Go back to the version that was in force before, once a worker has loaded it."""
    check_query(request)
    require_anywhere(request.user, Permission.VIEW_MODELS)
    require_roll_back(request.user)
    form, refusal = RollBackForm(request.POST or None), None
    if request.method == "POST":
        try:
            said = _said(form)
            done = roll_back(actor=person(request), reason=said["reason"], expected=said["version"])
            messages.success(
                request, f"{done.model_version} is in force again; the next image is read by it."
            )
            return redirect("versions")
        except PlatformError as refused:
            refusal = refused
    before = version_before()
    context = {"version": before, "form": form, "in_force": version_in_force()}
    context |= _beside(before) if before else {}
    return _page(request, "classifier/registry/roll_back.html", context, refusal)


def _said(form: Form) -> dict[str, Any]:
    """What was entered.

    Raises:
        StateConflict: it is not what the form asks for; says what is missing first.
    """
    if not form.is_valid():
        complaint = next(iter(form.errors.values()))[0]
        raise StateConflict(f"Say why, in at most 500 characters. {complaint}", code="malformed", status=400)
    return form.cleaned_data


def _decided(request: HttpRequest, found: Proposal, act: Callable[[], str], **forms: Form) -> HttpResponse:
    try:
        messages.success(request, act())
    except PlatformError as refusal:
        return _proposal_page(request, found, refusal, **forms)
    return redirect("proposal", found.pk)


def _beside(version: ModelVersion) -> dict[str, Any]:
    """What whoever decides about a version looks at: it beside what is in force, and what the gate says."""
    current = version_in_force()
    decision = newest_decision(version, current)
    pair = [version] if current is None or current == version else [version, current]
    shared = [part for part in compared_parts(pair) if len(part.measured) == len(pair)]
    return {
        "in_force": current,
        "decision": decision,
        "passed": decision is not None and decision.verdict == GateDecision.Verdict.PASS,
        "parts": [part_shown(part, current) for part in shared],
        "names": figure_names(),
        "load_check": newest_load_check(version),
        "judging": open_requests(version=version).exists(),
    }


def _proposal_page(
    request: HttpRequest,
    found: Proposal,
    refusal: PlatformError | None = None,
    approving: Form | None = None,
    declining: Form | None = None,
) -> HttpResponse:
    beside, approving = _beside(found.version), approving or ApproveForm()
    # It is asked for where it is needed, and shown nowhere else.
    approving.fields["override_reason"].required = not beside["passed"]
    user, is_own = request.user, found.proposed_by_id == request.user.pk
    state = outcome(found)
    approves = has_anywhere(user, Permission.PROMOTE)
    context = {
        "proposal": found,
        "version": found.version,
        "state": state,
        "is_own": is_own,
        "may_approve": state == "open" and approves and not is_own,
        "may_decline": state == "open" and (approves or is_own),
        "approving": approving,
        "declining": declining or ReasonForm(auto_id="decline_%s"),
        "may_roll_back": may_roll_back(user),
        "may_judge": may_ask_the_gate(user),
    } | beside
    return _page(request, "classifier/registry/proposal.html", context, refusal)


def _page(
    request: HttpRequest, template: str, context: dict[str, Any], refusal: PlatformError | None
) -> HttpResponse:
    status = refusal.status if refusal else 200
    response = render(request, template, context | {"refusal": refusal}, status=status)
    return with_headers(response, answer_to(refusal))
