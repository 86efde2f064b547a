"""The registry: versions are registered once, and the newest promotion says which of them is in force."""

import hashlib
import logging
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from classifier import doorbell
from classifier.exceptions import CheckpointRefused, StateConflict
from classifier.models import (
    Evaluation,
    GateDecision,
    LoadCheck,
    ModelVersion,
    Promotion,
    Proposal,
    TrainingRun,
)
from classifier.selectors import version_in_force
from classifier.selectors.proposals import newest_decision
from classifier.services.files import keep_file
from classifier.services.telling import tell_promoted
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record

logger = logging.getLogger(__name__)

FROM_THE_COMMAND_LINE = "Put in force from the command line, without a proposal and without the gate's pass."
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
    path = keep_file(f"checkpoints/{digest}.zip", archive)
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
    """Put a version in force as the installation does: its first one, or another from the command line.

    Where that replaces a version without the gate's pass, it is an override like any other, and shown as one.

    Raises:
        StateConflict: it is in force already, or a person asks, who has to propose it instead.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    if actor is not None:
        raise StateConflict(
            f"A person puts no version in force alone. Propose version {version.number}; somebody else approves it.",
            code="proposal_needed",
        )
    reason = require_reason(reason)
    with transaction.atomic():
        hold_registry()
        current = version_in_force()
        decision = newest_decision(version, current)
        passed = decision is not None and decision.verdict == GateDecision.Verdict.PASS
        return put_in_force(
            actor=None,
            version=version,
            reason=reason,
            kind=Promotion.Kind.PROMOTE,
            decision=decision,
            override_reason="" if current is None or passed else FROM_THE_COMMAND_LINE,
        )


def put_in_force(
    *,
    actor: User | None,
    version: ModelVersion,
    reason: str,
    kind: str,
    proposal: Proposal | None = None,
    decision: GateDecision | None = None,
    override_reason: str = "",
    load_check: LoadCheck | None = None,
) -> Promotion:
    """Add the promotion that puts a version in force, for a caller that holds the registry and knows that it may.

    Predictions queued from now on are the version's own, and no worker needs a restart.

    Raises:
        StateConflict: it is in force already.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    last = Promotion.objects.select_related("model_version").order_by("-sequence").first()
    if last is not None and last.model_version_id == version.pk:
        raise StateConflict(f"Version {version.number} is in force already.", code="already_in_force")
    verify_stored_checkpoint(version)
    promotion = Promotion.objects.create(
        sequence=(last.sequence if last else 0) + 1,
        model_version=version,
        kind=kind,
        reason=reason,
        proposal=proposal,
        decision=decision,
        override_reason=override_reason,
        load_check=load_check,
        promoted_by=actor,
    )
    facts: dict[str, Any] = {
        "number": version.number,
        "replaces": last.model_version.number if last else None,
        "reason": reason,
        "gate": decision.verdict if decision else None,
        "proposal": str(proposal.pk) if proposal else None,
        "load_check": str(load_check.pk) if load_check else None,
    }
    rolled_back = kind == Promotion.Kind.ROLL_BACK
    action = "version.rolled_back" if rolled_back else "version.promoted"
    record(action=action, actor=actor, target=version, **facts)
    if override_reason:
        record(
            action="gate.overridden", actor=actor, target=version, **facts, override_reason=override_reason
        )
        logger.warning("Version %s was put in force against the gate: %s", version.number, override_reason)
    tell_promoted(promotion)
    doorbell.ring(doorbell.INFERENCE)
    return promotion


def require_reason(reason: str) -> str:
    """The reason as it is kept.

    Raises:
        StateConflict: there is none.
    """
    if not reason.strip():
        raise StateConflict(
            "Say why: a promotion keeps its reason for ever.", code="reason_missing", status=400
        )
    return reason.strip()[:500]


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
