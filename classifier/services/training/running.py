"""A training run in its worker's hands: claimed with a lease, kept by a heartbeat, finished or failed once."""

from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from classifier import doorbell
from classifier.models import RunStatus, TrainingRun
from classifier.services.telling import tell_run_ended
from classifier.services.training.cancelling import close_cancelled_run
from mriplatform.audit.recording import record

MAX_ATTEMPTS: Final = 3


@transaction.atomic
def claim_run(*, worker: str) -> TrainingRun | None:
    """Take the queued run, if there is one, with a lease that the worker's heartbeat renews."""
    run = TrainingRun.objects.select_for_update(skip_locked=True).filter(status=RunStatus.QUEUED).first()
    if run is None:
        return None
    TrainingRun.objects.filter(pk=run.pk).update(
        status=RunStatus.RUNNING,
        attempt=F("attempt") + 1,
        worker=worker[:120],
        started_at=Now(),
        lease_expires_at=_lease_end(),
    )
    run.refresh_from_db()
    return run


def heartbeat(
    *,
    run: TrainingRun,
    progress: list[dict[str, Any]] | None = None,
    log: list[dict[str, str]] | None = None,
) -> bool:
    """Renew the lease, and keep the curve and the log so far where they are given.

    Returns:
        Whether this worker still holds the run and nobody cancelled it; if not, it must stop and record nothing.
    """
    told = {name: value for name, value in (("progress", progress), ("log", log)) if value is not None}
    return bool(_to_finish(run).update(lease_expires_at=_lease_end(), **told))


@transaction.atomic
def finish_run(
    *,
    run: TrainingRun,
    report: dict[str, Any],
    progress: list[dict[str, Any]],
    log: list[dict[str, str]] | None = None,
) -> bool:
    """Mark a run succeeded, where its candidate is registered; not where it was cancelled or is another worker's."""
    finished = _to_finish(run).update(
        status=RunStatus.SUCCEEDED,
        finished_at=Now(),
        lease_expires_at=None,
        report=report,
        progress=progress,
        **({} if log is None else {"log": log}),
    )
    if finished:
        record(action="training.succeeded", target=run, number=run.number)
        tell_run_ended(run, RunStatus.SUCCEEDED)
    return bool(finished)


@transaction.atomic
def fail_run(*, run: TrainingRun, reason: str) -> bool:
    """Mark a run failed with a reason that a person can read; one that was cancelled meanwhile is cancelled."""
    if close_cancelled_run(run=run):
        return False
    failed = _still_mine(run).update(
        status=RunStatus.FAILED, finished_at=Now(), lease_expires_at=None, failure_reason=reason[:300]
    )
    if failed:
        record(action="training.failed", target=run, number=run.number, reason=reason[:300])
        tell_run_ended(run, RunStatus.FAILED)
    return bool(failed)


@transaction.atomic
def reap_expired_runs() -> int:
    """Return a run whose worker went silent to the queue; after three attempts it has failed.

    Returns:
        How many runs were queued again.
    """
    queued = 0
    expired = TrainingRun.objects.filter(status=RunStatus.RUNNING, lease_expires_at__lt=Now())
    for run in expired.select_for_update(skip_locked=True):
        if run.cancel_requested_at is not None:
            close_cancelled_run(run=run)
        elif run.attempt >= MAX_ATTEMPTS:
            fail_run(run=run, reason=f"The training worker stopped during each of {run.attempt} attempts.")
        else:
            queued += _still_mine(run).update(status=RunStatus.QUEUED, lease_expires_at=None)
    if queued:
        doorbell.ring(doorbell.TRAINING)
    return queued


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.TRAINING_LEASE_SECONDS)


def _still_mine(run: TrainingRun) -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(pk=run.pk, attempt=run.attempt, status=RunStatus.RUNNING)


def _to_finish(run: TrainingRun) -> QuerySet[TrainingRun]:
    return _still_mine(run).filter(cancel_requested_at=None)
