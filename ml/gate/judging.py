"""The written rule, applied: may the candidate take the incumbent's place?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.comparison.paired import mcnemar
from ml.gate.criteria import read_criteria
from ml.gate.differences import clustered_mcnemar, differences
from ml.gate.verdict import Answer, Criterion, Judgement, conclude
from ml.labels import CLASSES, DISPLAY_NAMES, InputError
from ml.metrics import ContradictionError, check_probabilities, contradictions, evaluate
from ml.metrics.counts import by_class, confusion_matrix, overall
from ml.metrics.intervals import group_numbers

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_WHOLE: Final = (
    ("accuracy", "accuracy"), ("balanced_accuracy", "balanced accuracy"), ("macro_f1", "macro F1"),
)  # fmt: skip


def judge(
    candidate: npt.ArrayLike,
    incumbent: npt.ArrayLike,
    labels: npt.ArrayLike,
    groups: Sequence[str] | None = None,
    *,
    criteria: Mapping[str, Any] | None = None,
    parts: Sequence[str] | None = None,
    audits: Sequence[Criterion] = (),
    seed: int = 0,
) -> Judgement:
    """Returns the verdict on a candidate beside an incumbent, both asked about the same locked images.

    Each figure is a question of non-inferiority: its margin says how much may be lost. An interval that lies above
    the margin passes; a loss that is sure, and cannot be shown to stay within the margin, fails; where the locked
    part cannot tell, the answer is `insufficient`, never a pass.

    Args:
        candidate, incumbent: probabilities (N, 4).
        labels: (N,) class indices.
        groups: subject or cluster of each image; images of one are never taken as independent.
        criteria: the rule's bounds (`ml.gate.criteria`), the default for each that is missing.
        parts: which locked part each image is of; beside the whole, none of them may be lost.
        audits: further criteria, answered elsewhere (leaks, shortcuts, maps).
        seed: of the bootstrap.

    Raises:
        InputError: when the two did not answer for the same images.
    """
    bounds = read_criteria(criteria or {})
    scores, others = np.asarray(candidate, np.float64), np.asarray(incumbent, np.float64)
    truth = np.asarray(labels, np.int64)
    if len(truth) == 0:
        nothing = Criterion("size", "insufficient", "There is no locked image to measure on.", {"images": 0})
        found = (nothing, *audits)
        return Judgement(conclude(found), found)
    if scores.shape != (len(truth), len(CLASSES)) or others.shape != scores.shape:
        raise InputError("The figures of candidate and incumbent are of different images.")
    honest = _honesty(scores, others, truth)
    if honest.figures.get("unusable"):
        found = (honest, *audits)
        return Judgement(conclude(found), found)
    keys = group_numbers(len(truth), groups)
    compared = differences(scores, others, truth, groups, seed=seed)
    right, other = scores.argmax(axis=1) == truth, others.argmax(axis=1) == truth
    found = (
        honest,
        _size(truth, keys, bounds),
        *(_no_worse(name, words, compared[name], bounds[f"{name}_margin"]) for name, words in _WHOLE),
        *(_class_kept(index, compared, truth, keys, bounds) for index in range(len(CLASSES))),
        _surely_worse(right, other, keys, bounds["mcnemar_alpha"]),
        _calibrated(compared["ece"], bounds["ece_margin"]),
        *_each_part(scores, others, truth, groups, parts, bounds["accuracy_margin"], seed),
        *audits,
    )
    return Judgement(conclude(found), found, {"differences": compared})


def measure(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, groups: Sequence[str] | None = None, *, seed: int = 0
) -> dict[str, Any]:
    """Returns `ml.metrics.evaluate`'s figures, or what can be counted where they contradict each other.

    Of such a model the counts are kept, with the sentence under `contradiction`: it was measured, and it is that bad.
    """
    scores, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.int64)
    try:
        return evaluate(scores, truth, groups, seed)
    except ContradictionError as error:
        confusion = confusion_matrix(truth, np.nan_to_num(scores, nan=-1.0).argmax(axis=1))
        return {
            "n": len(truth),
            "subjects": int(group_numbers(len(truth), groups).max()) + 1,
            **overall(confusion),
            "per_class": by_class(confusion),
            "confusion": confusion.tolist(),
            "contradiction": str(error),
        }


def against_margin(low: float, high: float, margin: float) -> Answer:
    """Returns what a 95 % interval of a gain says of a margin for the loss."""
    if low >= -margin:
        return "pass"
    return "fail" if high < 0 else "insufficient"


def _honesty(scores: Floats, others: Floats, truth: Ints) -> Criterion:
    wrong, unusable = [], False
    for side, values in (("candidate", scores), ("incumbent", others)):
        try:
            check_probabilities(values)
            found = contradictions(evaluate(values, truth, bootstrap=0))
        except ContradictionError as error:
            found = [str(error)]
            unusable = unusable or not np.isfinite(values).all()
        wrong += [f"The {side}'s figures contradict themselves. {sentence}" for sentence in found]
    if not wrong:
        return Criterion("figures", "pass", "The figures of both agree with each other.")
    return Criterion("figures", "fail", " ".join(wrong), {"sentences": wrong, "unusable": unusable})


def _size(truth: Ints, keys: Ints, bounds: Mapping[str, float]) -> Criterion:
    images, subjects = len(truth), int(keys.max()) + 1
    figures = {"images": images, "subjects": subjects, "least_images": bounds["least_images"]}
    wanted = int(bounds["least_images"])
    if images < wanted:
        sentence = (
            f"The locked part is too small: {images} images of {subjects} subjects; wanted {wanted} images."
        )
        return Criterion("size", "insufficient", sentence, figures)
    sentence = f"Both were asked about the same {images} locked images of {subjects} subjects."
    return Criterion("size", "pass", sentence, figures)


def _no_worse(name: str, words: str, compared: Mapping[str, Any], margin: float) -> Criterion:
    low, high = compared["interval"]
    answer = against_margin(low, high, margin)
    return Criterion(name, answer, _sentence(words, compared, margin, answer), {**compared, "margin": margin})


def _sentence(words: str, compared: Mapping[str, Any], margin: float, answer: Answer) -> str:
    low, high = compared["interval"]
    move = _move(words, compared["incumbent"], compared["candidate"])
    interval = f"{_points(low)} to {_points(high)} points, 95 % interval"
    allowed = f"{100 * margin:g} points may be lost"
    if answer == "pass":
        return f"{move} ({interval}); {allowed}."
    if answer == "fail":
        return f"{move}: a sure loss ({interval}), and {allowed}."
    return f"{move} ({interval}): these images cannot tell whether no more than {100 * margin:g} points are lost."


def _move(words: str, old: float, new: float) -> str:
    name = words[0].upper() + words[1:]
    if f"{old:.3f}" == f"{new:.3f}":
        return f"{name} stays at {new:.3f}"
    return f"{name} {'rises' if new > old else 'falls'} from {old:.3f} to {new:.3f}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}".replace("-", "−")


def _class_kept(
    index: int, compared: Mapping[str, Any], truth: Ints, keys: Ints, bounds: Mapping[str, float]
) -> Criterion:
    label = CLASSES[index]
    name, shown = f"recall_{label}", DISPLAY_NAMES[label].lower()
    chosen = truth == index
    images, subjects = int(chosen.sum()), len(set(keys[chosen].tolist()))
    found = compared[name]
    figures = {**found, "margin": bounds[f"recall_margin_{label}"], "images": images, "subjects": subjects}
    least_images, least_subjects = int(bounds["least_class_images"]), int(bounds["least_class_subjects"])
    enough = images >= least_images and subjects >= least_subjects
    answer: Answer = "insufficient"
    if found["interval"]:
        answer = against_margin(found["interval"][0], found["interval"][1], figures["margin"])
    # Too few to show that a class was kept can still be enough to show that it was lost.
    if not enough and answer != "fail":
        sentence = (
            f"Of {shown} there are {images} locked images of {subjects} subjects, too few to say anything; wanted "
            f"{least_images} of {least_subjects}."
        )
        return Criterion(name, "insufficient", sentence, figures)
    return Criterion(name, answer, _sentence(f"recall of {shown}", found, figures["margin"], answer), figures)


def _surely_worse(
    right: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_], keys: Ints, alpha: float
) -> Criterion:
    test = mcnemar(right, other)
    p = clustered_mcnemar(right, other, keys)
    gained, lost = test["only_a"], test["only_b"]
    figures = {
        "only_candidate": gained,
        "only_incumbent": lost,
        "p": test["p"],
        "p_by_subject": p,
        "alpha": alpha,
    }
    counts = f"{lost} images only the incumbent names right, {gained} only the candidate"
    if lost > gained and p < alpha:
        return Criterion(
            "mcnemar", "fail", f"{counts}: the candidate is surely worse ({_p(p)} by subject).", figures
        )
    return Criterion("mcnemar", "pass", f"{counts} ({_p(p)} by subject, {_p(test['p'])} by image).", figures)


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _calibrated(compared: Mapping[str, Any], margin: float) -> Criterion:
    low, high = compared["interval"]
    answer = against_margin(-high, -low, margin)
    figures = {**compared, "margin": margin}
    move = _move("expected calibration error", compared["incumbent"], compared["candidate"])
    words = f"{move} ({_points(low)} to {_points(high)} points, 95 % interval)"
    if answer == "pass":
        return Criterion("calibration", answer, f"{words}; it may rise by {100 * margin:g}.", figures)
    if answer == "fail":
        return Criterion(
            "calibration", answer, f"{words}: surely worse, and it may rise by {100 * margin:g}.", figures
        )
    sentence = f"{words}: these images cannot tell whether it rises by no more than {100 * margin:g}."
    return Criterion("calibration", answer, sentence, figures)


def _each_part(
    scores: Floats, others: Floats, truth: Ints, groups: Sequence[str] | None, parts: Sequence[str] | None,
    margin: float, seed: int,
) -> list[Criterion]:  # fmt: skip
    """Where the whole is made of several parts, a sure loss in one of them is not made up for by the others."""
    names = sorted(set(parts or ()))
    if len(names) < 2 or parts is None:
        return []
    named, lost, found = np.array(parts), [], {}
    for name in names:
        chosen = np.flatnonzero(named == name)
        theirs = None if groups is None else [groups[int(index)] for index in chosen]
        compared = differences(scores[chosen], others[chosen], truth[chosen], theirs, seed=seed)["accuracy"]
        found[name] = {**compared, "images": len(chosen)}
        low, high = compared["interval"]
        if against_margin(low, high, margin) == "fail":
            lost.append(
                f"{_move(f'accuracy on {name}', compared['incumbent'], compared['candidate'])}, a sure loss."
            )
    figures = {"parts": found, "margin": margin}
    if lost:
        return [Criterion("parts", "fail", " ".join(lost), figures)]
    return [Criterion("parts", "pass", f"None of the {len(names)} locked parts shows a sure loss.", figures)]
