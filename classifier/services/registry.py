"""The registry: versions are registered once, and the newest promotion says which of them is in force."""

import hashlib
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import Max

from classifier import doorbell
from classifier.exceptions import CheckpointRefused, StateConflict
from classifier.models import Evaluation, ModelVersion, Promotion, TrainingRun
from classifier.selectors import version_before, version_in_force
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record

_REGISTRY_LOCK = 0x6D7269_7265  # "mri re"


@transaction.atomic
def register_version(
    *,
    actor: User | None,
    name: str,
    archive: bytes,
    metadata: dict[str, Any],
    training_run: TrainingRun | None = None,
) -> ModelVersion:
    """Register a checkpoint that the caller has read and verified; the same bytes twice are the same version.

    Args:
        archive: the checkpoint archive; stored under the sha256 of its bytes.
        metadata: what the checkpoint says of itself (`metadata.json`).
    """
    digest = hashlib.sha256(archive).hexdigest()
    hold_registry()
    known = ModelVersion.objects.filter(checkpoint_sha256=digest).first()
    if known is not None:
        return known
    path = f"checkpoints/{digest}.zip"
    if not storages["checkpoints"].exists(path):
        storages["checkpoints"].save(path, ContentFile(archive))
    number = (ModelVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    version = ModelVersion.objects.create(
        number=number,
        name=name,
        checkpoint=path,
        checkpoint_sha256=digest,
        metadata=metadata,
        training_run=training_run,
        registered_by=actor,
    )
    record(action="version.registered", actor=actor, target=version, number=number, sha256=digest)
    return version


@transaction.atomic
def record_evaluation(
    *,
    version: ModelVersion,
    part: str,
    part_sha256: str,
    figures: dict[str, Any],
    training_run: TrainingRun | None = None,
) -> Evaluation:
    """Record figures of a version on a named part; every use of a locked part leaves its row."""
    evaluation = Evaluation.objects.create(
        model_version=version, part=part, part_sha256=part_sha256, figures=figures, training_run=training_run
    )
    record(action="version.evaluated", target=version, part=part, part_sha256=part_sha256)
    return evaluation


def promote(*, actor: User | None, version: ModelVersion, reason: str) -> Promotion:
    """Put a version in force; predictions queued from now on are its own, and no worker needs a restart.

    Raises:
        StateConflict: it is in force already.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    return _put_in_force(actor=actor, version=version, reason=reason, kind=Promotion.Kind.PROMOTE)


@transaction.atomic
def roll_back(*, actor: User | None, reason: str, expected: int | None = None) -> Promotion:
    """Put the version in force again that the newest promotion replaced.

    Args:
        expected: the number of the version that was announced; without it, whichever it is now.

    Raises:
        StateConflict: there is no earlier version, or it is not the expected one any more.
    """
    hold_registry()
    replaced = version_before()
    if replaced is None:
        raise StateConflict("There is no earlier version to go back to.", code="nothing_to_roll_back")
    if expected not in (None, replaced.number):
        raise StateConflict(
            f"Somebody decided meanwhile: to roll back would put version {replaced.number} in force now, not version "
            f"{expected}. Look again, then decide.",
            code="roll_back_changed",
        )
    return _put_in_force(actor=actor, version=replaced, reason=reason, kind=Promotion.Kind.ROLL_BACK)


@transaction.atomic
def _put_in_force(*, actor: User | None, version: ModelVersion, reason: str, kind: str) -> Promotion:
    if not reason.strip():
        raise StateConflict(
            "Say why: a promotion keeps its reason for ever.", code="reason_missing", status=400
        )
    hold_registry()
    last = Promotion.objects.order_by("-sequence").first()
    if last is not None and last.model_version_id == version.pk:
        raise StateConflict(f"Version {version.number} is in force already.", code="already_in_force")
    verify_stored_checkpoint(version)
    replaced = version_in_force()
    promotion = Promotion.objects.create(
        sequence=(last.sequence if last else 0) + 1,
        model_version=version,
        kind=kind,
        reason=reason.strip()[:500],
        promoted_by=actor,
    )
    record(
        action="version.promoted" if kind == Promotion.Kind.PROMOTE else "version.rolled_back", actor=actor,
        target=version, number=version.number, replaces=replaced.number if replaced else None, reason=reason[:500],
    )  # fmt: skip
    doorbell.ring(doorbell.INFERENCE)
    return promotion


def hold_registry() -> None:
    """Make registrations and promotions follow each other, until this transaction ends.

    An advisory lock, because a row lock would need the UPDATE privilege, which nobody has on a ledger.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_REGISTRY_LOCK])


def verify_stored_checkpoint(version: ModelVersion) -> None:
    """Check that a version's checkpoint lies in the storage, byte for byte as it was registered.

    Raises:
        CheckpointRefused: it does not.
    """
    try:
        with version.checkpoint.open("rb") as stored:
            digest = hashlib.sha256(stored.read()).hexdigest()
    except FileNotFoundError as error:
        raise CheckpointRefused(
            f"The checkpoint of version {version.number} is not in the storage."
        ) from error
    if digest != version.checkpoint_sha256:
        raise CheckpointRefused(f"The checkpoint of version {version.number} was altered in the storage.")
