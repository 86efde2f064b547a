"""Whether a worker can load a version: asked before it is put in force, answered between two batches.

The web process loads no model, so it cannot know. It asks by a row, rings, and waits a moment for the answer.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from classifier import doorbell
from classifier.exceptions import CheckpointRefused, PlatformError
from classifier.models import LoadCheck, ModelVersion
from classifier.selectors.load_checks import fresh_load_check
from mriplatform.accounts.models import User

# Nobody waits for an answer any more after this long, so no worker spends its time on it.
ASKED_IN_VAIN = timedelta(minutes=1)
_LOOK_EVERY = 0.1


def require_loadable(*, actor: User | None, version: ModelVersion) -> LoadCheck:
    """A worker's word that it can load the version: one given in the last minutes, or else one that is waited for.

    Raises:
        CheckpointRefused: a worker tried and could not; says why.
        PlatformError: no worker answered in time; nothing was changed.
    """
    fresh = fresh_load_check(version)
    if fresh is not None:
        return fresh
    check = _answered(ask_load_check(actor=actor, version=version))
    if check.answered_at is None:
        raise PlatformError(
            f"No worker has answered within {settings.LOAD_CHECK_SECONDS} seconds whether it can load version "
            f"{version.number}, so nothing was changed. See that the inference worker runs, then do it again.",
            code="not_verified",
            status=503,
        )
    if not check.passed:
        raise CheckpointRefused(f"A worker could not load version {version.number}: {check.words}")
    return check


def ask_load_check(*, actor: User | None, version: ModelVersion) -> LoadCheck:
    """Ask the workers whether one of them can load a version, and ring."""
    check = LoadCheck.objects.create(model_version=version, asked_by=actor)
    doorbell.ring(doorbell.INFERENCE)
    return check


def _answered(check: LoadCheck) -> LoadCheck:
    """The check as soon as it is answered, or as it stands when waiting has an end.

    Inside a transaction no worker sees the question, so there is nothing to wait for.
    """
    deadline = time.monotonic() + (0 if connection.in_atomic_block else settings.LOAD_CHECK_SECONDS)
    while check.answered_at is None and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
        check.refresh_from_db()
    return check


@transaction.atomic
def claim_load_check(*, worker: str) -> LoadCheck | None:
    """Take the oldest question that somebody still waits for. Each is taken once: if the checkpoint takes its worker
    down, it takes no other along."""
    waiting = LoadCheck.objects.select_for_update(skip_locked=True, of=("self",))
    check = (
        waiting.filter(answered_at=None, worker="", asked_at__gt=Now() - ASKED_IN_VAIN)
        .select_related("model_version")
        .order_by("asked_at", "id")
        .first()
    )
    if check is not None:
        check.worker = worker[:120]
        check.save(update_fields=["worker"])
    return check


def answer_load_check(
    *, check: LoadCheck, passed: bool, words: str = "", runtime: str = "", device: str = ""
) -> None:
    """Write down what a worker found, once."""
    LoadCheck.objects.filter(pk=check.pk, answered_at=None).update(
        answered_at=Now(), passed=passed, words=words[:300], runtime=runtime[:40], device=device[:80]
    )
