"""The gate: its rules, each verdict in full, and what may be asked of it."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from classifier.access import get_gate_decision, get_gate_rule, get_version, may_ask_the_gate, require_gate
from classifier.exceptions import PlatformError
from classifier.forms import GateRuleForm
from classifier.models import GateRequest
from classifier.selectors import version_in_force
from classifier.selectors.gate import gate_decisions, gate_requests, gate_rules, open_requests
from classifier.services.gate import RuleRefused, current_rule, write_rule
from classifier.services.gate_requests import ask_judgement
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.api.problems import answer_to
from mriplatform.pages import check_query, person, signed_in, with_headers

_MOST_DECISIONS = 50


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def rules(request: HttpRequest) -> HttpResponse:
    """All rules, and the form that writes the next one."""
    check_query(request)
    require_anywhere(request.user, Permission.VIEW_MODELS)
    if request.method != "POST":
        return _rules_page(request)
    require_anywhere(request.user, Permission.PROMOTE)
    form = GateRuleForm(request.POST)
    try:
        if not form.is_valid():
            raise RuleRefused(form.sentence())
        rule = write_rule(actor=person(request), **form.as_rule())
    except PlatformError as refusal:
        return _rules_page(request, form, refusal)
    messages.success(request, f"Rule {rule.number} is written. Runs that start from now on are judged by it.")
    return redirect("gate-rules")


@require_safe
@signed_in
def rule(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    check_query(request)
    found = get_gate_rule(request.user, rule_id)
    newest = gate_rules().first()
    return render(request, "classifier/gate/rule.html", {"rule": found, "newest": found == newest})


@require_safe
@signed_in
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """One verdict, and whether it is still about what is in force."""
    check_query(request)
    found = get_gate_decision(request.user, decision_id)
    current = version_in_force()
    asked = gate_requests(found.candidate_id).first()
    pairs = [
        pair for one in found.criteria if one["name"] == "leaks" for pair in one["figures"].get("pairs", [])
    ]
    in_force = current is not None and current.pk == found.candidate_id
    context = {
        "decision": found,
        "incumbent": current,
        "stale": current is not None and not in_force and current.pk != found.incumbent_id,
        "waiting": open_requests(version=found.candidate).exists(),
        "failed": asked if asked and asked.status == GateRequest.Status.FAILED else None,
        "may_ask": not in_force and may_ask_the_gate(request.user),
        "pairs": pairs,
    }
    return render(request, "classifier/gate/decision_page.html", context)


@require_POST
@signed_in
def judge_again(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """Ask that a version be measured anew beside what is in force."""
    check_query(request)
    version = get_version(request.user, version_id)
    require_gate(request.user)
    try:
        ask_judgement(actor=person(request), version=version)
        messages.success(request, f"Version {version.number} is in line to be judged again.")
    except PlatformError as refusal:
        messages.error(request, refusal.sentence)
    newest = gate_decisions().filter(candidate=version).first()
    return redirect("gate-decision", newest.pk) if newest else redirect("version", version.pk)


def _rules_page(
    request: HttpRequest, form: GateRuleForm | None = None, refusal: PlatformError | None = None
) -> HttpResponse:
    newest = current_rule()
    may_write = has_anywhere(request.user, Permission.PROMOTE)
    context = {
        "rule": newest,
        "next_number": newest.number + 1,
        "form": (form or GateRuleForm.after(newest)) if may_write else None,
        "refusal": refusal,
        "rules": gate_rules().annotate(verdicts=Count("decisions")),
        "decisions": gate_decisions()[:_MOST_DECISIONS],
    }
    status = refusal.status if refusal else 200
    response = render(request, "classifier/gate/rules.html", context, status=status)
    return with_headers(response, answer_to(refusal))
