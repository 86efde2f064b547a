"""What the machine says, in words first and numbers after."""

from dataclasses import dataclass
from typing import Any, Final

from classifier.models import NOT_ASSESSABLE, Prediction
from ml.labels import CLASSES, DISPLAY_NAMES

ANSWER_NAMES: Final = {**DISPLAY_NAMES, NOT_ASSESSABLE: "Not assessable"}
NO_CLASS: Final = "This does not look like a brain MRI to the model; it gives no class."

# From which probability on a word fits; below the last one the machine is called unsure.
_WORDS = ((0.95, "Very probably"), (0.75, "Probably"), (0.5, "Rather"))


@dataclass(frozen=True)
class Unlikeness:
    """How unlike a brain MRI an image is to a version, against what that version lets pass.

    Attributes:
        score, threshold: of the same scale, higher is less like; above the threshold there is no class.
        score_percent, threshold_percent: where the two stand on a bar, 0 to 100.
    """

    score: float
    threshold: float

    @property
    def _ends(self) -> tuple[float, float]:
        low, high = min(0.0, self.score, self.threshold), max(self.score, self.threshold)
        return low, low + (high - low) * 1.1

    @property
    def score_percent(self) -> float:
        return self._place(self.score)

    @property
    def threshold_percent(self) -> float:
        return self._place(self.threshold)

    def _place(self, value: float) -> float:
        low, high = self._ends
        return 100 * (value - low) / (high - low) if high > low else 0.0


@dataclass(frozen=True)
class Spoken:
    """A prediction for people.

    Attributes:
        words: such as "Probably meningioma", or "Not assessable".
        percent: of the class named, 0 to 100; None where no class is named.
        meaning: what being named has meant on held-out images, and how often this class is missed; may be empty.
            Where no class is named, why.
        rows: {label, percent, top} by falling percent; none where no class is named.
        unlikeness: only where no class is named.
    """

    words: str
    percent: float | None
    meaning: str
    rows: list[dict[str, Any]]
    unlikeness: Unlikeness | None = None

    @property
    def announced(self) -> str:
        """The answer as a screen reader says it: "Probably meningioma, 83 percent"."""
        if self.percent is None:
            return self.words
        return f"{self.words}, {'more than 99' if self.percent >= 99.5 else f'{self.percent:.0f}'} percent"


def spoken(prediction: Prediction) -> Spoken:
    """A succeeded prediction in words, with the figures of the version that answered."""
    if prediction.not_assessable:
        return Spoken(ANSWER_NAMES[NOT_ASSESSABLE], None, NO_CLASS, [], _unlikeness(prediction))
    probabilities = dict(zip(CLASSES, prediction.probabilities or [], strict=True))
    ranked = sorted(probabilities, key=lambda name: -probabilities[name])
    top = ranked[0]
    rows = [
        {"label": DISPLAY_NAMES[name], "percent": 100 * probabilities[name], "top": name == top}
        for name in ranked
    ]
    return Spoken(_words(top, probabilities[top]), 100 * probabilities[top], _meaning(prediction, top), rows)


def _unlikeness(prediction: Prediction) -> Unlikeness | None:
    version = prediction.model_version
    threshold = version.novelty_threshold if version else None
    if prediction.novelty is None or threshold is None:
        return None
    return Unlikeness(prediction.novelty, threshold)


def _words(name: str, probability: float) -> str:
    label = DISPLAY_NAMES[name].lower()
    for least, word in _WORDS:
        if probability >= least:
            return f"{word} {label}"
    return f"Unsure, most like {label}"


def _meaning(prediction: Prediction, name: str) -> str:
    evaluation = prediction.model_version.evaluations.first() if prediction.model_version else None
    figures = evaluation.figures.get("per_class", {}).get(name, {}) if evaluation else {}
    precision, recall = figures.get("precision"), figures.get("recall")
    if precision is None or recall is None:
        return ""
    label = DISPLAY_NAMES[name].lower()
    return (
        f"Of 100 held-out images that this version called {label}, {100 * precision:.0f} were. "
        f"It misses {100 * (1 - recall):.0f} of 100 images with {label}."
    )
