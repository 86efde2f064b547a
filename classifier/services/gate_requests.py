"""Work asked of the gate beside a run: to judge a version again, and to draw a run's learning curve."""

from datetime import timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from classifier import doorbell
from classifier.exceptions import StateConflict
from classifier.models import GateDecision, GateRequest, ModelVersion, RunStatus, TrainingRun
from classifier.selectors import version_in_force
from classifier.services.gate import JudgedCandidate, record_decision
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record

LEASE_SECONDS: Final = 900
MAX_ATTEMPTS: Final = 3

_Kind = GateRequest.Kind
_Status = GateRequest.Status


def ask_judgement(*, actor: User | None, version: ModelVersion) -> GateRequest:
    """Ask that a registered version be measured anew beside what is in force now; another verdict is recorded.

    Raises:
        StateConflict: the version is in force already, nothing is to compare it with, or it waits to be judged.
    """
    incumbent = version_in_force()
    if incumbent is None:
        raise StateConflict("No version is in force to compare with.", code="no_version")
    if incumbent.pk == version.pk:
        raise StateConflict(f"Version {version.number} is what is in force.", code="already_in_force")
    return _ask(actor, GateRequest(kind=_Kind.JUDGEMENT, version=version), f"Version {version.number}")


def ask_curve(*, actor: User | None, run: TrainingRun) -> GateRequest:
    """Ask for the learning curve of a finished run of the head.

    Raises:
        StateConflict: the run has not succeeded, its recipe is another, or its curve is being drawn.
    """
    if not has_curve(run):
        raise StateConflict(
            "A learning curve is drawn of finished runs of the recipe head; the whole network takes too long.",
            code="no_curve",
        )
    return _ask(actor, GateRequest(kind=_Kind.CURVE, training_run=run), str(run))


def has_curve(run: TrainingRun) -> bool:
    """Whether a learning curve can be drawn of a run: many heads are fitted for it, which is too long for networks."""
    return run.status == RunStatus.SUCCEEDED and run.recipe.get("kind") == "head"


@transaction.atomic
def claim_request() -> GateRequest | None:
    """Take the oldest request that waits, or whose worker went silent; after three attempts it has failed."""
    open_ = Q(status=_Status.QUEUED) | Q(status=_Status.RUNNING, lease_expires_at__lt=Now())
    rows = GateRequest.objects.select_for_update(skip_locked=True).filter(open_).order_by("created_at")
    for request in rows:
        if request.attempt >= MAX_ATTEMPTS:
            _end(request, status=_Status.FAILED, failure_reason="The worker stopped during each attempt.")
            continue
        GateRequest.objects.filter(pk=request.pk).update(
            status=_Status.RUNNING,
            attempt=F("attempt") + 1,
            lease_expires_at=_lease_end(),
        )
        return GateRequest.objects.select_related(
            "version__training_run", "training_run__base_version", "training_run__collection"
        ).get(pk=request.pk)
    return None


def renew_request(*, request: GateRequest) -> bool:
    """Say that the work goes on; a curve of many labels takes longer than a lease.

    Returns:
        Whether this worker still holds the request; if not, it must stop.
    """
    return bool(_still_mine(request).update(lease_expires_at=_lease_end()))


@transaction.atomic
def finish_judgement(*, request: GateRequest, judged: JudgedCandidate) -> GateDecision | None:
    """Record the verdict that was asked for, if this worker still holds the request."""
    if request.version is None or not _still_mine(request).select_for_update().exists():
        return None
    decision = record_decision(run=request.version.training_run, candidate=request.version, judged=judged)
    _end(request, status=_Status.SUCCEEDED, decision=decision)
    return decision


@transaction.atomic
def finish_curve(*, request: GateRequest, curve: dict[str, Any]) -> bool:
    """Put the learning curve into the run's report, if this worker still holds the request."""
    if request.training_run is None or not _still_mine(request).select_for_update().exists():
        return False
    run = TrainingRun.objects.select_for_update().get(pk=request.training_run.pk)
    run.report["learning_curve"] = curve
    run.save(update_fields=["report"])
    return bool(_end(request, status=_Status.SUCCEEDED))


@transaction.atomic
def fail_request(*, request: GateRequest, reason: str) -> bool:
    """Say why a request could not be done."""
    return bool(_end(request, status=_Status.FAILED, failure_reason=reason[:300]))


def _ask(actor: User | None, request: GateRequest, name: str) -> GateRequest:
    request.asked_by = actor
    try:
        with transaction.atomic():
            request.save()
            record(
                action=f"gate.{request.kind}_asked", actor=actor, target=request.version or request.training_run
            )  # fmt: skip
            doorbell.ring(doorbell.TRAINING)
    except IntegrityError as error:
        raise StateConflict(f"{name} is in line already.", code="already_asked") from error
    return request


def _end(request: GateRequest, **fields: Any) -> int:
    return _still_mine(request).update(finished_at=Now(), lease_expires_at=None, **fields)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=LEASE_SECONDS)


def _still_mine(request: GateRequest) -> QuerySet[GateRequest]:
    return GateRequest.objects.filter(pk=request.pk, attempt=request.attempt, status=_Status.RUNNING)
