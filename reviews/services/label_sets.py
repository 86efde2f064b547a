"""Freezes what was labelled into a manifest that never changes, and hands it to a training."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import batched
from typing import Any
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import Max

from classifier.models import Image, ModelVersion, TrainingRun
from classifier.selectors import version_reading_for
from classifier.services.training import start_run
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReviewRefused
from reviews.models import LabelSet, LabelSetEntry, Split
from reviews.selectors import FinalLabel, Outcome, Standing, manifest_of, standings
from reviews.selectors.labels import BATCH, batches
from reviews.services.splits import assign_splits

# Serialises freezing: numbers, and the splits of groups that are seen for the first time.
_FREEZE_LOCK = 0x6D7269_66727A  # "mri frz"


@dataclass(frozen=True, slots=True)
class Line:
    """One image of a label set, as its manifest has it.

    There is one for every image of a collection at once, so it holds no rows; `provenance` is JSON already.
    """

    image: UUID
    pixel_sha256: str
    cluster: UUID
    label: str
    reason: str
    provenance: str
    split: Split = Split.EXCLUDED

    def as_json(self) -> str:
        values = {
            "image": str(self.image),
            "label": self.label,
            "pixel_sha256": self.pixel_sha256,
            "provenance": json.loads(self.provenance),
            "reason": self.reason,
            "split": self.split.value,
        }
        return json.dumps(values, sort_keys=True, separators=(",", ":"))


@transaction.atomic
def freeze_label_set(*, actor: User | None, collection: Collection) -> LabelSet:
    """Freeze the final labels of a collection: an image, its label, its part, and where the label came from.

    Images that were read but may not be learned from are listed too, as excluded and with the reason. Where
    nothing changed since an earlier set, that set is the answer: the same labels have the same hash.

    Raises:
        ReviewRefused: no image of the collection has a final label that can be used.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FREEZE_LOCK])
    lines = _lines(collection)
    if all(line.split is Split.EXCLUDED for line in lines):
        raise ReviewRefused(_nothing_to_freeze(lines), code="nothing_to_freeze")
    manifest = "".join(f"{line.as_json()}\n" for line in lines).encode()
    digest = hashlib.sha256(manifest).hexdigest()
    known = LabelSet.objects.filter(collection=collection, manifest_sha256=digest).first()
    return known or _store(actor, collection, lines, manifest, digest)


@transaction.atomic
def retrain(
    *, actor: User | None, label_set: LabelSet, base: ModelVersion | None = None, seed: int = 0
) -> TrainingRun:
    """Hand the manifest to a training of the head.

    Args:
        base: the version to start from; without one, the version that reads for the label set's collection.

    Raises:
        ReviewRefused: nothing in the set is for training, or its manifest is missing or altered.
        StateConflict: another run is active, or there is no version to start from.
    """
    if not label_set.counts.get(Split.TRAIN):
        raise ReviewRefused(
            f"Label set {label_set.number} has no image in its training part.", code="nothing_to_train_on"
        )
    base = base or version_reading_for(label_set.collection_id)
    run = start_run(actor=actor, manifest=manifest_of(label_set), base=base, seed=seed)
    record(
        action="label_set.handed_to_training", actor=actor, target=label_set,
        collection_id=label_set.collection_id, training_run=run.number,
    )  # fmt: skip
    return run


def _lines(collection: Collection) -> list[Line]:
    """A line for every image that somebody read, in the order of their identifiers."""
    read = Image.objects.filter(standing__collection=collection)
    lines = [
        _line(image, where[image.pk])
        for images in batches(read)
        for where in [standings(images)]
        for image in images
    ]
    places = assign_splits({line.image: line.cluster for line in lines if not line.reason})
    return [
        replace(line, split=place.split, reason=place.reason) if (place := places.get(line.image)) else line
        for line in lines
    ]


def _line(image: Image, standing: Standing) -> Line:
    final = standing.final
    return Line(
        image=image.pk,
        pixel_sha256=image.pixel_sha256,
        cluster=image.cluster,
        label=final.label if final else "",
        reason=_reason_to_leave_out(image, standing),
        provenance=json.dumps(_provenance(final) if final else {}),
    )


def _reason_to_leave_out(image: Image, standing: Standing) -> str:
    """Why no training may use an image; empty where it may."""
    if image.hidden_at is not None:
        return "hidden: it contains identity"
    if not image.pixels_available:
        return "removed"
    if standing.outcome is Outcome.KNOWN:
        return "a known case, by which readers are measured"
    if standing.outcome is Outcome.DISAGREEMENT:
        return "its readers disagree and nobody has decided"
    if standing.final is None:
        return "waits for more readers"
    return "" if standing.final.assessable else "not assessable"


def _provenance(final: FinalLabel) -> dict[str, Any]:
    """Where a label came from, by the identifiers of what was said; no names.

    `path` is how it became final, `changed_since` whether a reader said something after an adjudicator's decision,
    `saw_prediction` whether any of the readers had seen the machine's answer when they said it.
    """
    versions = {event.prediction.model_version for event in final.events if event.prediction is not None}
    return {
        "source": "adjudication" if final.adjudication else "reading",
        "path": final.path,
        "changed_since": final.changed_since,
        "at": final.at.isoformat(),
        "events": sorted(str(event.pk) for event in final.events),
        "adjudication": str(final.adjudication.pk) if final.adjudication else None,
        "saw_prediction": any(event.saw_prediction for event in final.events),
        "model_versions": sorted(version.number for version in versions if version is not None),
        "protocols": sorted(
            {f"{event.reading.protocol.mode}/{event.reading.protocol.version}" for event in final.events}
        ),
    }


def _store(
    actor: User | None, collection: Collection, lines: list[Line], manifest: bytes, digest: str
) -> LabelSet:
    path = f"manifests/{digest}.jsonl"
    if not storages["checkpoints"].exists(path):
        storages["checkpoints"].save(path, ContentFile(manifest))
    label_set = LabelSet.objects.create(
        number=(LabelSet.objects.aggregate(last=Max("number"))["last"] or 0) + 1,
        collection=collection,
        manifest=path,
        manifest_sha256=digest,
        counts=_counts(lines),
        frozen_by=actor,
    )
    for some in batched(lines, BATCH):
        LabelSetEntry.objects.bulk_create(_entry(label_set, line) for line in some)
    record(
        action="label_set.frozen", actor=actor, target=label_set, collection_id=collection.pk,
        number=label_set.number, manifest_sha256=digest, counts=label_set.counts,
    )  # fmt: skip
    return label_set


def _entry(label_set: LabelSet, line: Line) -> LabelSetEntry:
    return LabelSetEntry(
        label_set=label_set,
        image_id=line.image,
        label=line.label,
        split=line.split,
        reason=line.reason,
        provenance=json.loads(line.provenance),
    )


def _counts(lines: list[Line]) -> dict[str, Any]:
    """Images by part, and of those that can be used by label, of the others by reason."""
    by_split = Counter(line.split.value for line in lines)
    used = [line for line in lines if line.split is not Split.EXCLUDED]
    return {split.value: by_split[split.value] for split in Split} | {
        "labels": dict(sorted(Counter(line.label for line in used).items())),
        "reasons": dict(sorted(Counter(line.reason for line in lines if line.reason).items())),
    }


def _nothing_to_freeze(lines: list[Line]) -> str:
    if not lines:
        return "No image of this collection has been read, so there is nothing to freeze."
    reasons = ", ".join(f"{count} × {reason}" for reason, count in _counts(lines)["reasons"].items())
    return f"No label of this collection can be used for training: {reasons}."
