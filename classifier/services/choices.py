"""Which version reads for a collection: named by an approver, or whatever is in force."""

from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from classifier.exceptions import PlatformError, StateConflict
from classifier.models import GateDecision, ModelVersion, VersionChoice
from classifier.selectors import choice_of
from classifier.services.registry import hold_registry, verify_stored_checkpoint
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record


def eligible_versions() -> QuerySet[ModelVersion]:
    """The versions that a collection may name, newest first.

    Those that were in force once, those that the gate passed when it was asked last, and those that came with an
    installation and were measured: no collection is a way around the gate.
    """
    newest = GateDecision.objects.filter(candidate=OuterRef("pk")).order_by("-created_at", "-id")
    versions = ModelVersion.objects.annotate(verdict=Subquery(newest.values("verdict")[:1]))
    brought_along = Q(training_run=None, verdict=None, evaluations__isnull=False)
    known = Q(promotions__isnull=False) | Q(verdict=GateDecision.Verdict.PASS) | brought_along
    return versions.filter(known).defer("metadata").distinct().order_by("-number")


@transaction.atomic
def choose_version(
    *,
    actor: User | None,
    collection: Collection,
    version: ModelVersion | None,
    reason: str,
    if_sequence: int | None = None,
) -> VersionChoice:
    """Name the version that reads what comes into a collection from now on; None follows what is in force.

    What is there already keeps its answer, what waits in line too. What is chosen already is not chosen twice: that
    row is returned.

    Args:
        if_sequence: the number of the choice that the caller saw, 0 for none; one that is based on another is refused.

    Raises:
        StateConflict: no reason was given; 412, something else was chosen meanwhile.
        PlatformError: the version was never in force, and neither passed the gate nor came measured.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    if not reason.strip():
        raise StateConflict(
            "Say why: the choice keeps its reason for ever.", code="reason_missing", status=400
        )
    hold_registry()
    last = choice_of(collection.pk)
    if if_sequence is not None and if_sequence != (last.sequence if last else 0):
        raise StateConflict(
            "Somebody chose meanwhile what reads here. Look again, then choose.",
            code="changed_meanwhile",
            status=412,
        )
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
    if eligible_versions().filter(pk=version.pk).exists():
        return
    if version.training_run_id is not None or version.gate_decisions.exists():
        raise PlatformError(
            f"The gate has not passed version {version.number}, and it was never in force. Have it judged, or have it "
            "put in force by two people.",
            code="gate_not_passed",
        )
    raise PlatformError(
        f"Version {version.number} was never measured and never in force, so nobody knows how well it reads. "
        "Measure it first.",
        code="not_measured",
    )
