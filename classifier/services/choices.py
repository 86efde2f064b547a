"""Which version reads for a collection: named by an approver, or whatever is in force."""

from django.db import transaction
from django.db.models import Q, QuerySet

from classifier.exceptions import PlatformError, StateConflict
from classifier.models import ModelVersion, VersionChoice
from classifier.selectors import choice_of
from classifier.services.registry import hold_registry, verify_stored_checkpoint
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record


def eligible_versions() -> QuerySet[ModelVersion]:
    """The versions that a collection may name, newest first: those that were measured, or were in force once."""
    known = Q(evaluations__isnull=False) | Q(promotions__isnull=False)
    return ModelVersion.objects.filter(known).defer("metadata").distinct().order_by("-number")


@transaction.atomic
def choose_version(
    *, actor: User | None, collection: Collection, version: ModelVersion | None, reason: str
) -> VersionChoice:
    """Name the version that reads what comes into a collection from now on; None follows what is in force.

    What is there already keeps its answer, what waits in line too. What is chosen already is not chosen twice: that
    row is returned.

    Raises:
        StateConflict: no reason was given.
        PlatformError: the version was neither measured nor ever in force.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    if not reason.strip():
        raise StateConflict(
            "Say why: the choice keeps its reason for ever.", code="reason_missing", status=400
        )
    hold_registry()
    last = choice_of(collection.pk)
    if last is not None and last.model_version == version:
        return last
    if version is not None:
        _require_known(version)
        verify_stored_checkpoint(version)
    choice = VersionChoice.objects.create(
        collection=collection,
        sequence=(last.sequence if last else 0) + 1,
        model_version=version,
        reason=reason.strip()[:500],
        chosen_by=actor,
    )
    replaced = last.model_version if last else None
    record(
        action="version.chosen", actor=actor, target=choice, collection_id=collection.pk, reason=choice.reason,
        number=version.number if version else None, replaces=replaced.number if replaced else None,
    )  # fmt: skip
    return choice


def _require_known(version: ModelVersion) -> None:
    if not eligible_versions().filter(pk=version.pk).exists():
        raise PlatformError(
            f"Version {version.number} was never measured and never in force, so nobody knows how well it reads. "
            "Measure it first.",
            code="not_measured",
        )
