"""Training runs: started by a person, claimed by the training worker with a lease, finished with a candidate."""

import hashlib
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Now

from classifier import doorbell
from classifier.exceptions import StateConflict
from classifier.models import ModelVersion, RunStatus, TrainingRun
from classifier.selectors import active_training_run, version_in_force
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record

MAX_ATTEMPTS = 3
HEAD_RECIPE: dict[str, Any] = {"kind": "head"}


def start_run(
    *,
    actor: User | None,
    manifest: bytes,
    base: ModelVersion | None = None,
    recipe: dict[str, Any] | None = None,
    seed: int = 0,
) -> TrainingRun:
    """Queue a training run on a frozen manifest, and ring the training worker.

    Args:
        base: the version to start from; without one, what is in force. The run learns from its embeddings alone:
            those that it stored with its predictions, and its own computed anew where it made none.
        manifest: JSON Lines as a label set freezes them; stored under its sha256, never changed.

    Raises:
        StateConflict: another run is active (it is named), or there is no version to start from.
    """
    base = base or version_in_force()
    if base is None:
        raise StateConflict(
            "No model version is in force to train from. Promote one first.", code="no_version"
        )
    digest = hashlib.sha256(manifest).hexdigest()
    path = f"manifests/{digest}.jsonl"
    try:
        with transaction.atomic():
            if not storages["checkpoints"].exists(path):
                storages["checkpoints"].save(path, ContentFile(manifest))
            number = (TrainingRun.objects.aggregate(last=Max("number"))["last"] or 0) + 1
            run = TrainingRun.objects.create(
                number=number,
                recipe=recipe or HEAD_RECIPE,
                seed=seed,
                manifest=path,
                manifest_sha256=digest,
                base_version=base,
                started_by=actor,
            )
            record(
                action="training.started", actor=actor, target=run, number=number, manifest_sha256=digest,
                base=base.number,
            )  # fmt: skip
            doorbell.ring(doorbell.TRAINING)
    except IntegrityError as error:
        active = active_training_run()
        name = f"Training run {active.number}" if active else "Another training run"
        raise StateConflict(f"{name} is active; wait until it has finished.", code="run_active") from error
    return run


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
        lease_expires_at=Now() + timedelta(seconds=settings.TRAINING_LEASE_SECONDS),
        progress=[],
    )
    run.refresh_from_db()
    return run


def heartbeat(*, run: TrainingRun, progress: list[dict[str, Any]]) -> bool:
    """Renew the lease and keep the curve so far.

    Returns:
        Whether this worker still holds the run; if not, it must stop and record nothing.
    """
    return bool(
        _still_mine(run).update(
            lease_expires_at=Now() + timedelta(seconds=settings.TRAINING_LEASE_SECONDS), progress=progress
        )
    )


@transaction.atomic
def finish_run(*, run: TrainingRun, report: dict[str, Any], progress: list[dict[str, Any]]) -> bool:
    """Mark a run succeeded, if this worker still holds it; called where its candidate is registered."""
    finished = _still_mine(run).update(
        status=RunStatus.SUCCEEDED, finished_at=Now(), lease_expires_at=None, report=report, progress=progress
    )
    if finished:
        record(action="training.succeeded", target=run, number=run.number)
    return bool(finished)


@transaction.atomic
def fail_run(*, run: TrainingRun, reason: str) -> bool:
    """Mark a run failed with a reason that a person can read."""
    failed = _still_mine(run).update(
        status=RunStatus.FAILED, finished_at=Now(), lease_expires_at=None, failure_reason=reason[:300]
    )
    if failed:
        record(action="training.failed", target=run, number=run.number, reason=reason[:300])
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
        if run.attempt >= MAX_ATTEMPTS:
            fail_run(run=run, reason=f"The training worker stopped during each of {run.attempt} attempts.")
        else:
            queued += _still_mine(run).update(status=RunStatus.QUEUED, lease_expires_at=None)
    if queued:
        doorbell.ring(doorbell.TRAINING)
    return queued


def _still_mine(run: TrainingRun) -> QuerySet[TrainingRun]:
    return TrainingRun.objects.filter(pk=run.pk, attempt=run.attempt, status=RunStatus.RUNNING)
