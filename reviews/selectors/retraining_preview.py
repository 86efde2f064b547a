"""What a training on a label set would use, told before anybody presses the button."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import numpy as np

from classifier.models import GateRule, JobStatus, ModelVersion, Prediction, TrainingRun
from classifier.selectors import active_training_run, version_reading_for
from classifier.selectors.training_runs import Duration, earlier_duration
from ml.labels import CLASSES, NOT_ASSESSABLE
from reviews.models import LabelSet, LabelSetEntry, Split
from reviews.selectors.planned import PlannedSet

HEAD, FINE_TUNE = "head", "fine_tune"
# Image, label, part, and where the label came from.
type _Row = tuple[UUID, str, str, str | None]
# Provenances of labels that somebody read here; every other label came from elsewhere.
_READ_HERE: Final = {"reading", "adjudication"}


@dataclass(frozen=True)
class Kinds:
    """Labels of one part of a label set, by what they say to the machine's answer.

    Attributes:
        corrections: the label differs from what the machine had answered, not assessable included.
        confirmations: it says the same.
        unanswered: read here, and the machine had given no answer.
        imported: did not come from a reading.
    """

    corrections: int = 0
    confirmations: int = 0
    unanswered: int = 0
    imported: int = 0

    @property
    def total(self) -> int:
        return self.corrections + self.confirmations + self.unanswered + self.imported

    @property
    def words(self) -> str:
        """Such as "41 corrections and 120 confirmations"; empty where there is no label."""
        counted = (
            (self.corrections, "correction", "corrections"),
            (self.confirmations, "confirmation", "confirmations"),
            (self.unanswered, "label that no answer preceded", "labels that no answer preceded"),
            (self.imported, "imported label", "imported labels"),
        )
        return _and([f"{count} {one if count == 1 else many}" for count, one, many in counted if count])


@dataclass(frozen=True)
class Preview:
    """What a run would use.

    Attributes:
        label_set: that it would learn from; None for labels that are not frozen yet.
        parts: kinds of labels, by part.
        by_class: of the training part.
        excluded: how many are left out, by reason.
        stored, to_compute: embeddings of the images in any part that the base version has, and that it has to compute.
        rule: which judges the candidate; None where none was written yet, and the run's start writes the first.
        duration: of earlier runs of the recipe.
        active: the run for which this one would have to wait.
    """

    recipe: str
    base: ModelVersion | None
    rule: GateRule | None
    label_set: LabelSet | None = None
    parts: dict[str, Kinds] = field(default_factory=dict)
    by_class: dict[str, int] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)
    stored: int = 0
    to_compute: int = 0
    duration: Duration | None = None
    active: TrainingRun | None = None

    @property
    def every(self) -> Kinds:
        """The kinds of the labels in all parts."""
        parts = self.parts.values()
        names = ("corrections", "confirmations", "unanswered", "imported")
        return Kinds(**{name: sum(getattr(kinds, name) for kinds in parts) for name in names})

    @property
    def parted(self) -> str:
        """Where they go: "8 to learn from, 1 to validate, 1 to test"."""
        words = {Split.TRAIN: "to learn from", Split.VALIDATION: "to validate", Split.TEST: "to test"}
        return ", ".join(f"{self.parts[part].total} {word}" for part, word in words.items())

    @property
    def left_out(self) -> int:
        return sum(self.excluded.values())

    @property
    def sentence(self) -> str:
        """What will be used and what not, in a line: "41 corrections, 3 excluded: 2 not assessable, 1 removed"."""
        used = self.every.words or "No label that can be used"
        if not self.left_out:
            return f"{used}, none excluded"
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.excluded.items())
        return f"{used}, {self.left_out} excluded: {reasons}"


def preview_retraining(
    label_set: LabelSet, *, recipe: str = HEAD, base: ModelVersion | None = None
) -> Preview:
    """What a run on the label set would use, from which version on, judged by which rule, and about how long.

    Args:
        recipe: the kind, as `TrainingRun.recipe` names it.
        base: the version to start from; without one, the version that reads for the label set's collection.
    """
    used = LabelSetEntry.objects.filter(label_set=label_set).exclude(split=Split.EXCLUDED).order_by()
    rows = used.values_list("image", "label", "split", "provenance__source").iterator(chunk_size=5000)
    found = _preview(label_set.collection_id, rows, used.values("image"), recipe, base)
    return replace(found, label_set=label_set, excluded=_by_count(label_set.counts.get("reasons", {})))


def preview_planned(planned: PlannedSet, *, recipe: str = HEAD) -> Preview:
    """The same of a label set that could be frozen now."""
    used = [line for line in planned.lines if line.split is not Split.EXCLUDED]
    rows = (
        (UUID(line.image), line.label, line.split.value, json.loads(line.provenance).get("source"))
        for line in used
    )
    images = [line.image for line in used]
    found = _preview(planned.policy.collection_id, rows, images, recipe, None)
    return replace(found, excluded=_by_count(planned.counts["reasons"]))


def _preview(
    collection_id: UUID, rows: Iterable[_Row], images: Any, recipe: str, base: ModelVersion | None
) -> Preview:
    """Args: images: those of `rows`, as a condition of a query takes them."""
    base = base or version_reading_for(collection_id)
    parts, by_class = _kinds(rows, _answers(images))
    stored = _stored(images, base) if base else 0
    return Preview(
        recipe=recipe,
        base=base,
        rule=GateRule.objects.order_by("-number").first(),
        parts=parts,
        by_class=by_class,
        stored=stored,
        to_compute=sum(kinds.total for kinds in parts.values()) - stored,
        duration=earlier_duration(recipe),
        active=active_training_run(),
    )


def _kinds(rows: Iterable[_Row], answered: dict[UUID, str]) -> tuple[dict[str, Kinds], dict[str, int]]:
    counted: dict[str, Counter[str]] = {part.value: Counter() for part in Split if part != Split.EXCLUDED}
    by_class: Counter[str] = Counter()
    for image, label, part, source in rows:
        counted[part][_kind(label, source, answered.get(image, ""))] += 1
        by_class[label] += part == Split.TRAIN
    return {part: Kinds(**kinds) for part, kinds in counted.items()}, {
        name: by_class[name] for name in CLASSES if by_class[name]
    }


def _kind(label: str, source: str | None, answer: str) -> str:
    if source not in _READ_HERE:
        return "imported"
    if not answer:
        return "unanswered"
    return "confirmations" if label == answer else "corrections"


def _answers(images: Any) -> dict[UUID, str]:
    """What the machine answers of these images, as far as it does."""
    rows = Prediction.objects.filter(image__in=images, for_comparison=False, status=JobStatus.SUCCEEDED)
    columns = rows.order_by().values_list("image", "not_assessable", "probabilities")
    return {
        image: NOT_ASSESSABLE if strange else CLASSES[int(np.argmax(probabilities or []))]
        for image, strange, probabilities in columns.iterator(chunk_size=5000)
    }


def _stored(images: Any, base: ModelVersion) -> int:
    """Of how many of these images a version has stored its embedding."""
    rows = Prediction.objects.filter(image__in=images, model_version=base, status=JobStatus.SUCCEEDED)
    return rows.filter(embedding__isnull=False).count()


def _by_count(reasons: dict[str, int]) -> dict[str, int]:
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def _and(said: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(said[:-1]), said[-1]])) if said else ""
