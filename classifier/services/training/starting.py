"""Starting a training run: one at a time, whoever asks."""

import hashlib
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from classifier import doorbell
from classifier.exceptions import StateConflict
from classifier.models import ModelVersion, TrainingRun
from classifier.selectors import active_training_run, version_in_force
from classifier.services.files import keep_file
from classifier.services.gate import current_rule
from classifier.services.training.recipes import check_recipe
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record

# Serialises starts: numbers, and which of several that come at once is first.
_START_LOCK: Final = 0x6D7269_7275  # "mri ru"


def start_run(
    *,
    actor: User | None,
    manifest: bytes,
    base: ModelVersion | None = None,
    recipe: dict[str, Any] | None = None,
    seed: int = 0,
    collection: Collection | None = None,
    trigger: str = TrainingRun.Trigger.PERSON,
) -> TrainingRun:
    """Queue a training run on a frozen manifest, and ring the training worker.

    The rule that will judge the candidate is the newest one now, before anything was learned.

    Args:
        base: the version to start from; without one, what is in force. A head learns from its embeddings alone:
            those that it stored with its predictions, and its own computed anew where it made none.
        manifest: JSON Lines as a label set freezes them; stored under its sha256, never changed.
        recipe: as for `check_recipe`.
        collection: where the manifest's images lie; they are then found by their pixels' hash.
        trigger: what started it.

    Raises:
        StateConflict: another run is active (it is named), or there is no version to start from.
        RecipeRefused: nothing can be trained by the recipe.
    """
    checked = check_recipe(recipe)
    base = base or version_in_force()
    if base is None:
        raise StateConflict(
            "No model version is in force to train from. Promote one first.", code="no_version"
        )
    try:
        return _start(actor, manifest, base, checked, seed, collection, trigger)
    except IntegrityError as error:
        raise _conflict(active_training_run()) from error


@transaction.atomic
def _start(
    actor: User | None,
    manifest: bytes,
    base: ModelVersion,
    recipe: dict[str, Any],
    seed: int,
    collection: Collection | None,
    trigger: str,
) -> TrainingRun:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_START_LOCK])
    if (active := active_training_run()) is not None:
        raise _conflict(active)
    digest = hashlib.sha256(manifest).hexdigest()
    run = TrainingRun.objects.create(
        number=(TrainingRun.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        recipe=recipe,
        seed=seed,
        manifest=keep_file(f"manifests/{digest}.jsonl", manifest),
        manifest_sha256=digest,
        base_version=base,
        rule=current_rule(),
        collection=collection,
        trigger=trigger,
        started_by=actor,
    )
    record(
        action="training.started", actor=actor, target=run, number=run.number, manifest_sha256=digest,
        base=base.number, recipe=recipe["kind"], trigger=trigger,
    )  # fmt: skip
    doorbell.ring(doorbell.TRAINING)
    return run


def _conflict(active: TrainingRun | None) -> StateConflict:
    name = f"Training run {active.number}" if active else "Another training run"
    return StateConflict(f"{name} is active; wait until it has finished.", code="run_active")
