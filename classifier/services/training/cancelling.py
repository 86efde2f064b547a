"""Taking a training run back."""

from django.db import transaction
from django.db.models.functions import Now

from classifier.exceptions import StateConflict
from classifier.models import RunStatus, TrainingRun
from classifier.services.telling import tell_run_ended
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record


@transaction.atomic
def cancel_run(*, actor: User | None, run: TrainingRun) -> TrainingRun:
    """Cancel a run: at once where it waits in line, at its worker's next sign of life where it is being worked on.

    Asked twice it is cancelled once. Whether a run was cancelled or had finished is decided in the database: the
    first of the two updates to commit leaves nothing for the other.

    Returns:
        The run as it is now.

    Raises:
        StateConflict: it has finished or failed already.
    """
    asked = {"cancel_requested_at": Now(), "cancelled_by": actor}
    rows = TrainingRun.objects.filter(pk=run.pk, cancel_requested_at=None)
    if rows.filter(status=RunStatus.QUEUED).update(
        status=RunStatus.CANCELLED, finished_at=Now(), lease_expires_at=None, **asked
    ):
        record(action="training.cancelled", actor=actor, target=run, number=run.number)
        tell_run_ended(run, RunStatus.CANCELLED)
    elif rows.filter(status=RunStatus.RUNNING).update(**asked):
        record(action="training.cancel_requested", actor=actor, target=run, number=run.number)
    run.refresh_from_db()
    if run.status in {RunStatus.SUCCEEDED, RunStatus.FAILED}:
        how = "has finished" if run.status == RunStatus.SUCCEEDED else "has failed"
        raise StateConflict(
            f"Training run {run.number} {how} already; there is nothing to cancel.", code="run_finished"
        )
    return run


@transaction.atomic
def close_cancelled_run(*, run: TrainingRun) -> bool:
    """End a run that somebody asked to be cancelled, once its worker has stopped or was lost."""
    closed = TrainingRun.objects.filter(
        pk=run.pk, attempt=run.attempt, status=RunStatus.RUNNING, cancel_requested_at__isnull=False
    ).update(status=RunStatus.CANCELLED, finished_at=Now(), lease_expires_at=None)
    if closed:
        record(action="training.cancelled", target=run, number=run.number)
        tell_run_ended(run, RunStatus.CANCELLED)
    return bool(closed)
