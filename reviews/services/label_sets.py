"""Freezes what was labelled into a manifest that never changes, and hands it to a training."""

import hashlib
from collections.abc import Iterable
from itertools import batched
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Max

from classifier.models import ModelVersion, TrainingRun
from classifier.selectors import version_reading_for
from classifier.services.files import keep_file
from classifier.services.training import start_run
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import EligibilityPolicy, LabelSet, LabelSetEntry, Split
from reviews.selectors import manifest_of
from reviews.selectors.eligibility import policy_of
from reviews.selectors.planned import Line, PlannedSet, planned_label_set
from reviews.services.completeness import check_complete
from reviews.services.splits import remember_splits

# Serialises freezing: numbers, and the splits of groups that are seen for the first time.
_FREEZE_LOCK: Final = 0x6D7269_66727A  # "mri frz"
# Entries that are written together.
_BATCH: Final = 5000


@transaction.atomic
def freeze_label_set(*, actor: User | None, collection: Collection, if_sha256: str | None = None) -> LabelSet:
    """Freeze the labels of a collection that its policy takes: an image, its label, its part, and where the label
    came from.

    Images that were labelled but may not be learned from are listed too, as excluded and with the reason. Where
    nothing changed since an earlier set, that set is the answer: the same labels have the same hash.

    Args:
        if_sha256: the hash of the manifest that a dry run showed; if another one would be frozen now, none is.

    Raises:
        ReviewRefused: no image of the collection has a label that can be used.
        ReadingConflict: 412, labels or policy were changed since the dry run.
    """
    lock_freezing()
    planned = planned_label_set(collection, policy_of(collection))
    if not planned.used:
        raise ReviewRefused(_nothing_to_freeze(planned), code="nothing_to_freeze")
    if if_sha256 is not None and if_sha256 != planned.sha256:
        raise ReadingConflict(
            "The labels or their policy changed since you looked. See what would be frozen now, then freeze.",
            code="changed_meanwhile", status=412,
        )  # fmt: skip
    remember_splits(planned.unwritten)
    known = LabelSet.objects.filter(collection=collection, manifest_sha256=planned.sha256).first()
    return known or _store(actor, collection, planned)


def lock_freezing() -> None:
    """Hold, until the transaction ends, whoever else freezes or imports labels."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FREEZE_LOCK])


@transaction.atomic
def retrain(
    *,
    actor: User | None,
    label_set: LabelSet,
    base: ModelVersion | None = None,
    seed: int = 0,
    recipe: dict[str, Any] | None = None,
    trigger: str = TrainingRun.Trigger.PERSON,
) -> TrainingRun:
    """Hand the manifest to a training.

    Args:
        base: the version to start from; without one, the version that reads for the label set's collection.
        recipe: of what kind the training is, and its options; without one, of the head.
        trigger: what started it.

    Raises:
        ReviewRefused: nothing in the set is for training, or its manifest is missing or altered.
        StateConflict: another run is active, or there is no version to start from.
    """
    if not label_set.counts.get(Split.TRAIN):
        raise ReviewRefused(
            f"Label set {label_set.number} has no image in its training part.", code="nothing_to_train_on"
        )
    base = base or version_reading_for(label_set.collection_id)
    manifest = manifest_of(label_set)
    check_complete(label_set, manifest)
    run = start_run(
        actor=actor, manifest=manifest, base=base, seed=seed, recipe=recipe,
        collection=label_set.collection, trigger=trigger,
    )  # fmt: skip
    record(
        action="label_set.handed_to_training", actor=actor, target=label_set,
        collection_id=label_set.collection_id, training_run=run.number,
    )  # fmt: skip
    return run


def store_label_set(
    *,
    actor: User | None,
    collection: Collection,
    manifest: bytes,
    counts: dict[str, Any],
    entries: Iterable[LabelSetEntry] = (),
    policy: EligibilityPolicy | None = None,
    dataset: str = "",
) -> LabelSet:
    """Store a manifest as the next label set. To be called in a transaction that holds `lock_freezing`.

    Args:
        entries: of the set that is made here, each without it.
        dataset: what it was imported from; empty for one that was frozen here.
    """
    digest = hashlib.sha256(manifest).hexdigest()
    path = keep_file(f"manifests/{digest}.jsonl", manifest)
    label_set = LabelSet.objects.create(
        number=(LabelSet.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        collection=collection,
        manifest=path,
        manifest_sha256=digest,
        counts=counts,
        policy=policy,
        dataset=dataset,
        frozen_by=actor,
    )
    for some in batched(entries, _BATCH):
        for entry in some:
            entry.label_set = label_set
        LabelSetEntry.objects.bulk_create(some)
    record(
        action="label_set.imported" if dataset else "label_set.frozen", actor=actor, target=label_set,
        collection_id=collection.pk, number=label_set.number, manifest_sha256=digest, counts=counts,
        policy=policy.version if policy else None,
    )  # fmt: skip
    return label_set


def _store(actor: User | None, collection: Collection, planned: PlannedSet) -> LabelSet:
    label_set = store_label_set(
        actor=actor,
        collection=collection,
        manifest=planned.manifest,
        counts=planned.counts,
        policy=planned.policy if planned.policy.version else None,
    )
    for some in batched(planned.lines, _BATCH):
        _write_entries(label_set, some)
    return label_set


def _write_entries(label_set: LabelSet, lines: Iterable[Line]) -> None:
    """As `bulk_create` would, in a third of the time: the provenance is JSON already, and no objects are made."""
    rows = [
        (line.image, line.label, line.split.value, line.reason, line.weight, line.provenance)
        for line in lines
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [label_set.pk, *columns])


_ENTRIES: Final = f"""
INSERT INTO {LabelSetEntry._meta.db_table} (label_set_id, image_id, label, split, reason, weight, provenance)
SELECT %s, line.* FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::float8[], %s::jsonb[]) AS line
"""  # noqa: S608


def _nothing_to_freeze(planned: PlannedSet) -> str:
    if not planned.lines:
        return "No image of this collection has been read, so there is nothing to freeze."
    reasons = ", ".join(f"{count} × {reason}" for reason, count in planned.counts["reasons"].items())
    return f"No label of this collection can be used for training: {reasons}."
