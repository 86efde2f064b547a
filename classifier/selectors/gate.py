"""Reads of the gate: its rules, its decisions, and how often a locked part was asked."""

from uuid import UUID

from django.db.models import QuerySet

from classifier.models import Evaluation, GateDecision, GateRequest, GateRule, ModelVersion, TrainingRun


def gate_rules() -> QuerySet[GateRule]:
    """All rules, newest first."""
    return GateRule.objects.select_related("written_by").order_by("-number")


def gate_decisions() -> QuerySet[GateDecision]:
    """All verdicts, newest first, with what they are of."""
    rows = GateDecision.objects.select_related("candidate", "incumbent", "rule", "training_run")
    heavy = ("candidate__metadata", "incumbent__metadata", "training_run__report", "training_run__progress")
    return rows.defer(*heavy, "training_run__log").order_by("-created_at", "-id")


def decision_beside(candidate: ModelVersion, incumbent: ModelVersion) -> GateDecision | None:
    """What the gate last said of a candidate beside that incumbent; None where it never compared the two."""
    return gate_decisions().filter(candidate=candidate, incumbent=incumbent).first()


def uses_of_part(sha256: str) -> int:
    """How many versions were measured on a locked part so far."""
    return Evaluation.objects.filter(part_sha256=sha256).order_by().values("model_version").distinct().count()


def open_requests(
    *, version: ModelVersion | None = None, run: TrainingRun | None = None
) -> QuerySet[GateRequest]:
    """What waits or is worked on for a version or a run."""
    rows = GateRequest.objects.filter(status__in=[GateRequest.Status.QUEUED, GateRequest.Status.RUNNING])
    if version is not None:
        rows = rows.filter(version=version)
    if run is not None:
        rows = rows.filter(training_run=run)
    return rows.order_by("created_at")


def curve_requests(run_id: UUID) -> QuerySet[GateRequest]:
    """Each time that the learning curve of a run was asked for, newest first."""
    return GateRequest.objects.filter(training_run=run_id, kind=GateRequest.Kind.CURVE).order_by(
        "-created_at"
    )


def gate_requests(version_id: UUID) -> QuerySet[GateRequest]:
    """What was asked of the gate about a version, newest first."""
    return GateRequest.objects.filter(version=version_id).select_related("asked_by").order_by("-created_at")
