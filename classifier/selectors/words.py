"""What the machine says, in words first and numbers after."""

from dataclasses import dataclass
from typing import Any

from classifier.models import Prediction
from ml.labels import CLASSES, DISPLAY_NAMES

# From which probability on a word fits; below the last one the machine is called unsure.
_WORDS = ((0.95, "Very probably"), (0.75, "Probably"), (0.5, "Rather"))


@dataclass(frozen=True)
class Spoken:
    """A prediction for people.

    Attributes:
        words: such as "Probably meningioma".
        percent: of the class named, 0 to 100.
        meaning: what being named has meant on held-out images, and how often this class is missed; may be empty.
        rows: {label, percent, top} by falling percent.
    """

    words: str
    percent: float
    meaning: str
    rows: list[dict[str, Any]]


def spoken(prediction: Prediction) -> Spoken:
    """A succeeded prediction in words, with the figures of the version that answered."""
    probabilities = dict(zip(CLASSES, prediction.probabilities or [], strict=True))
    ranked = sorted(probabilities, key=lambda name: -probabilities[name])
    top = ranked[0]
    rows = [
        {"label": DISPLAY_NAMES[name], "percent": 100 * probabilities[name], "top": name == top}
        for name in ranked
    ]
    return Spoken(_words(top, probabilities[top]), 100 * probabilities[top], _meaning(prediction, top), rows)


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
