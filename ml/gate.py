"""The gate: a written rule that says whether a candidate may replace the model in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from ml.labels import CLASSES, InputError
from ml.metrics import contradictions

Answer = Literal["passed", "refused", "insufficient"]

LEAST_IMAGES: Final = 100
LEAST_PER_CLASS: Final = 10
ACCURACY_LOSS: Final = 0.005
RECALL_LOSS: Final = 0.02


@dataclass(frozen=True)
class GateResult:
    """The gate's answer with one sentence for each reason."""

    answer: Answer
    reasons: tuple[str, ...]


def judge(candidate: dict[str, Any], incumbent: dict[str, Any]) -> GateResult:
    """Compares the figures (`ml.metrics.evaluate`) of two models on the same images.

    Figures that contradict themselves, of either, are refused: nobody can say what they are of. Too few images give
    `insufficient`. A candidate is refused when its balanced accuracy is more than 0.005 below
    the incumbent's, or its recall of any class more than 0.02; otherwise it passes.

    Raises:
        InputError: when the figures are of different images.
    """
    sizes = {name: candidate["per_class"][name]["n"] for name in CLASSES}
    if sizes != {name: incumbent["per_class"][name]["n"] for name in CLASSES}:
        raise InputError("The figures of candidate and incumbent are of different images.")
    wrong = [
        f"The {side}'s figures contradict themselves. {sentence}"
        for side, figures in (("candidate", candidate), ("incumbent", incumbent))
        for sentence in contradictions(figures)
    ]
    if wrong:
        return GateResult("refused", tuple(wrong))
    short = [f"{name} has {size}" for name, size in sizes.items() if size < LEAST_PER_CLASS]
    if candidate["n"] < LEAST_IMAGES or short:
        found = ", ".join([f"{candidate['n']} images", *short])
        wanted = f"{LEAST_IMAGES} images and {LEAST_PER_CLASS} of each class"
        return GateResult("insufficient", (f"The test part is too small: {found}; wanted {wanted}.",))
    reasons = _losses(candidate, incumbent)
    return GateResult("refused" if reasons else "passed", tuple(reasons))


def _losses(candidate: dict[str, Any], incumbent: dict[str, Any]) -> list[str]:
    reasons = []
    new, old = candidate["balanced_accuracy"], incumbent["balanced_accuracy"]
    if new < old - ACCURACY_LOSS:
        reasons.append(f"Balanced accuracy falls from {old:.3f} to {new:.3f}.")
    for name in CLASSES:
        new, old = candidate["per_class"][name]["recall"], incumbent["per_class"][name]["recall"]
        if new < old - RECALL_LOSS:
            reasons.append(f"Recall of {name} falls from {old:.3f} to {new:.3f}.")
    return reasons
