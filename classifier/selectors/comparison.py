"""What several versions say of the same images, put beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from classifier.models import Image, JobStatus, ModelVersion, Prediction, Study
from classifier.selectors.words import ANSWER_NAMES
from ml.labels import CLASSES, DISPLAY_NAMES


@dataclass(frozen=True)
class Pair:
    """The answer to one image and what another version says of it; either may not be there yet.

    Attributes:
        rows: {label, answer, other, answer_top, other_top, apart} by class, in percent and percentage points; a side
            that names no class, or has not succeeded, is None. None at all where neither side has percentages.
    """

    image: Image
    number: int
    answer: Prediction | None
    other: Prediction | None

    @property
    def agree(self) -> bool | None:
        """Whether both say the same; None until both have said something."""
        if not (_said(self.answer) and _said(self.other)):
            return None
        return _said(self.answer) == _said(self.other)

    @property
    def waiting(self) -> bool:
        pending = (JobStatus.QUEUED, JobStatus.RUNNING)
        return any(row is not None and row.status in pending for row in (self.answer, self.other))

    @property
    def answer_words(self) -> str:
        return ANSWER_NAMES.get(_said(self.answer), "")

    @property
    def other_words(self) -> str:
        return ANSWER_NAMES.get(_said(self.other), "")

    @property
    def rows(self) -> list[dict[str, Any]]:
        left, right = _percentages(self.answer), _percentages(self.other)
        if not (left or right):
            return []
        return [
            {
                "label": DISPLAY_NAMES[name],
                "answer": left.get(name),
                "other": right.get(name),
                "answer_top": _said(self.answer) == name,
                "other_top": _said(self.other) == name,
                "apart": right[name] - left[name] if left and right else None,
            }
            for name in CLASSES
        ]


def pairs(study: Study, version: ModelVersion) -> list[Pair]:
    """Each image of a study, in order, with its answer and with what `version` says of it."""
    images = list(study.images.order_by("position", "id"))
    light = Prediction.objects.select_related("model_version").defer("embedding", "model_version__metadata")
    rows = light.filter(image__in=images)
    answers = {row.image_id: row for row in rows.filter(for_comparison=False)}
    others = {row.image_id: row for row in rows.filter(model_version=version)}
    return [
        Pair(image, number, answers.get(image.pk), others.get(image.pk))
        for number, image in enumerate(images, start=1)
    ]


def versions_asked(study: Study) -> list[ModelVersion]:
    """The versions that were asked about a study beside the one that answers for it, newest first."""
    asked = ModelVersion.objects.filter(predictions__image__study=study, predictions__for_comparison=True)
    return list(asked.defer("metadata").distinct().order_by("-number"))


def agreement(found: Sequence[Pair]) -> str:
    """How far two versions agree on a study, in a sentence; empty as long as they share no image."""
    both = [pair for pair in found if pair.agree is not None]
    same = sum(bool(pair.agree) for pair in both)
    if not both:
        return ""
    if len(both) == 1:
        return "They agree." if same else "They differ."
    return f"They agree on {same} of {len(both)} images."


def _said(prediction: Prediction | None) -> str:
    return prediction.label if prediction is not None and prediction.status == JobStatus.SUCCEEDED else ""


def _percentages(prediction: Prediction | None) -> dict[str, float]:
    values = (prediction.probabilities if prediction is not None else None) or []
    return {name: 100 * value for name, value in zip(CLASSES, values, strict=False)}
