"""The gate: its rules, its verdicts, and what may be asked of it."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_gate_decision, get_gate_rule, get_version, require_gate, require_run
from classifier.api.serializers import NothingSerializer, VersionNameSerializer
from classifier.models import GateDecision, GateRequest, GateRule, ModelVersion, TrainingRun
from classifier.selectors.gate import curve_requests, gate_decisions, gate_requests, gate_rules
from classifier.selectors.training_runs import sees_run_figures
from classifier.services.gate import current_rule, write_rule
from classifier.services.gate_requests import ask_curve, ask_judgement
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.serializers import StrictSerializer
from mriplatform.api.views import ApiView, person


class GateRuleWriteSerializer(StrictSerializer):
    allowed_change = serializers.CharField(max_length=2000, help_text="What a candidate may differ in.")
    protocol = serializers.CharField(max_length=4000, help_text="How a candidate is measured.")
    criteria = serializers.DictField(
        child=serializers.FloatField(),
        help_text="Every bound by its name, as the newest rule has them; each must lie between its ends.",
    )
    impact = serializers.CharField(
        max_length=4000, help_text="What a wrong change could do, and what stands against that."
    )
    expected = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The number of the rule that this one replaces; another one meanwhile is a conflict.",
    )


class GateRuleSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    allowed_change = serializers.CharField()
    protocol = serializers.CharField()
    criteria = serializers.DictField(child=serializers.FloatField())
    impact = serializers.CharField()
    written_by = serializers.CharField(allow_null=True, help_text="Null for the one that came first.")
    at = serializers.DateTimeField()


class CriterionSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    answer = serializers.ChoiceField(choices=["pass", "fail", "insufficient", "not_asked"])
    sentence = serializers.CharField()
    figures = serializers.DictField(help_text="What it follows from; what there is depends on the criterion.")


class LockedPartSerializer(serializers.Serializer[Any]):
    part = serializers.CharField()
    sha256 = serializers.CharField()
    n = serializers.IntegerField(help_text="Images.")
    subjects = serializers.IntegerField()


class GateDecisionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    candidate = VersionNameSerializer()
    incumbent = VersionNameSerializer()
    training_run = serializers.UUIDField(allow_null=True)
    rule = serializers.IntegerField(help_text="The number of the rule.")
    verdict = serializers.ChoiceField(choices=GateDecision.Verdict.choices)
    criteria = CriterionSerializer(many=True)
    parts = LockedPartSerializer(many=True)
    at = serializers.DateTimeField()


class GateDecisionQuerySerializer(StrictSerializer):
    candidate = serializers.UUIDField(required=False, help_text="Of this version alone.")


class GateRequestSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=GateRequest.Kind.choices)
    status = serializers.ChoiceField(choices=GateRequest.Status.choices)
    decision = serializers.UUIDField(allow_null=True, help_text="The verdict that it led to.")
    failure = serializers.CharField(help_text="Why it failed; empty where it did not.")
    at = serializers.DateTimeField()


class GateRules(ApiView):
    serializer_class = GateRuleSerializer
    paged = True

    @extend_schema(
        operation_id="list_gate_rules",
        summary="List the gate's rules, the one in force first",
        responses={200: GateRuleSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        current_rule()
        return self.paged_response([_shown_rule(row) for row in self.page_of(gate_rules())])

    @extend_schema(
        operation_id="write_gate_rule",
        summary="Write the next version of the gate's rule",
        description="Approvers and administrators. Runs that were started before keep the rule that they named.",
        request=GateRuleWriteSerializer,
        responses={201: GateRuleSerializer, **problems(400, 401, 403, 409)},
    )
    def post(self, request: Request) -> Response:
        sent = self.sent(GateRuleWriteSerializer, request.data)
        require_anywhere(request.user, Permission.PROMOTE)
        rule = write_rule(actor=person(request), **sent)
        return Response(GateRuleSerializer(_shown_rule(rule)).data, status=status.HTTP_201_CREATED)


class OneGateRule(ApiView):
    serializer_class = GateRuleSerializer

    @extend_schema(
        operation_id="get_gate_rule",
        summary="One version of the gate's rule",
        responses={200: GateRuleSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, rule_id: UUID) -> Response:
        return Response(GateRuleSerializer(_shown_rule(get_gate_rule(request.user, rule_id))).data)


class GateDecisions(ApiView):
    serializer_class = GateDecisionSerializer
    query_serializer = GateDecisionQuerySerializer
    paged = True

    @extend_schema(
        operation_id="list_gate_decisions",
        summary="List the gate's verdicts, newest first",
        parameters=[GateDecisionQuerySerializer],
        responses={200: GateDecisionSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        rows = gate_decisions()
        if candidate := self.asked(request).get("candidate"):
            rows = rows.filter(candidate=candidate)
        return self.paged_response([_shown_decision(row) for row in self.page_of(rows)])


class OneGateDecision(ApiView):
    serializer_class = GateDecisionSerializer

    @extend_schema(
        operation_id="get_gate_decision",
        summary="One verdict of the gate, each criterion with its figures",
        responses={200: GateDecisionSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, decision_id: UUID) -> Response:
        found = get_gate_decision(request.user, decision_id)
        return Response(GateDecisionSerializer(_shown_decision(found)).data)


class VersionJudgements(ApiView):
    serializer_class = GateRequestSerializer
    paged = True

    @extend_schema(
        operation_id="list_version_judgements",
        summary="What was asked of the gate about a version, newest first",
        responses={200: GateRequestSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, version_id: UUID) -> Response:
        version = get_version(request.user, version_id)
        return self.paged_response([_shown_request(row) for row in self.page_of(gate_requests(version.pk))])

    @extend_schema(
        operation_id="judge_version_again",
        summary="Have a version judged again beside the one in force",
        description=(
            "Engineers, approvers and administrators. The training worker measures both on the locked images as soon "
            "as no run is in line, and records another verdict."
        ),
        request=NothingSerializer,
        responses={202: GateRequestSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, version_id: UUID) -> Response:
        self.sent(NothingSerializer, request.data)
        version = get_version(request.user, version_id)
        require_gate(request.user)
        asked = ask_judgement(actor=person(request), version=version)
        return Response(GateRequestSerializer(_shown_request(asked)).data, status=status.HTTP_202_ACCEPTED)


class RunLearningCurve(ApiView):
    serializer_class = GateRequestSerializer
    paged = True

    @extend_schema(
        operation_id="list_learning_curve_requests",
        summary="Each time that a run's learning curve was asked for, newest first",
        description="Empty for those who do not see the figures of the run.",
        responses={200: GateRequestSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        run = _run(run_id)
        rows = curve_requests(run.pk)
        shown = rows if sees_run_figures(request.user, run) else rows.none()
        return self.paged_response([_shown_request(row) for row in self.page_of(shown)])

    @extend_schema(
        operation_id="draw_learning_curve",
        summary="Have the learning curve of a finished run drawn again",
        description="Engineers and administrators of the run's collection. It comes into the report of a head's run.",
        request=NothingSerializer,
        responses={202: GateRequestSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, run_id: UUID) -> Response:
        self.sent(NothingSerializer, request.data)
        require_anywhere(request.user, Permission.TRAIN)
        run = _run(run_id)
        require_run(request.user, run)
        asked = ask_curve(actor=person(request), run=run)
        return Response(GateRequestSerializer(_shown_request(asked)).data, status=status.HTTP_202_ACCEPTED)


def _run(run_id: UUID) -> TrainingRun:
    run = TrainingRun.objects.filter(pk=run_id).first()
    if run is None:
        raise Http404
    return run


def _shown_rule(rule: GateRule) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "number": rule.number,
        "allowed_change": rule.allowed_change,
        "protocol": rule.protocol,
        "criteria": rule.criteria,
        "impact": rule.impact,
        "written_by": rule.written_by.username if rule.written_by else None,
        "at": rule.created_at,
    }


def _shown_decision(decision: GateDecision) -> dict[str, Any]:
    return {
        "id": decision.pk,
        "candidate": _named(decision.candidate),
        "incumbent": _named(decision.incumbent),
        "training_run": decision.training_run_id,
        "rule": decision.rule.number,
        "verdict": decision.verdict,
        "criteria": decision.criteria,
        "parts": decision.parts,
        "at": decision.created_at,
    }


def _named(version: ModelVersion) -> dict[str, Any]:
    return {"id": version.pk, "number": version.number, "name": version.name}


def _shown_request(asked: GateRequest) -> dict[str, Any]:
    return {
        "id": asked.pk,
        "kind": asked.kind,
        "status": asked.status,
        "decision": asked.decision_id,
        "failure": asked.failure_reason,
        "at": asked.created_at,
    }
