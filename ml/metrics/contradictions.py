"""Figures that cannot all be true: refused, not printed. Plain numbers in, so that stored figures are checked too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES
from ml.metrics.counts import by_class, overall
from ml.metrics.errors import ContradictionError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Figures = dict[str, Any]

SUM_WITHIN: Final = 0.021
"""Four probabilities rounded to two places miss 1 by at most 0.02."""

ROUNDED: Final = 0.0006
"""Figures stored with three places agree with their confusion matrix this closely."""

CLEARLY_RIGHT: Final = 0.75
RANKS_BELOW: Final = 0.2
"""An AUROC this far below what recall and specificity (mean at least `CLEARLY_RIGHT`) promise is refused."""

SUMMED: Final = 1e-9
"""What adding up in another order may add to a figure that is exactly 1."""

LEAST_IMAGES: Final = 10
SIGNIFICANT: Final = 1e-3

_ONE: Final = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc", "macro_average_precision",
               "tumour_only_accuracy", "ece")  # fmt: skip
_OF_CLASS: Final = ("precision", "recall", "specificity", "f1", "auroc", "average_precision")
_LOSS_ROUNDED: Final = 0.05


def check_probabilities(scores: Floats) -> None:
    """Raises ContradictionError unless every row (N, 4) is finite, within 0 and 1, and sums to 1."""
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).any(axis=1).sum())
        raise ContradictionError(
            f"{bad} of {len(scores)} images have a probability that is not a finite number; "
            "the network has diverged, or its input was damaged."
        )
    sums = scores.sum(axis=1)
    off = (scores < 0).any(axis=1) | (scores > 1 + SUM_WITHIN).any(axis=1) | (np.abs(sums - 1) > SUM_WITHIN)
    if off.any():
        first = int(np.flatnonzero(off)[0])
        raise ContradictionError(
            f"The values of {int(off.sum())} of {len(scores)} images are no probabilities (image {first} sums to "
            f"{sums[first]:.3f}, least {scores[first].min():.3f}); they are probably logits, or one column is missing."
        )


def check_figures(figures: Figures) -> None:
    """Raises ContradictionError when stored figures (of `ml.metrics.evaluate`, or a part of them) contradict.

    What is not there is not checked.
    """
    found = contradictions(figures)
    if found:
        raise ContradictionError(found[0])


def contradictions(figures: Figures) -> list[str]:
    """Returns a sentence for everything that contradicts in figures; empty when nothing does."""
    found = [*_out_of_range(figures), *_no_counts(figures)]
    if found:
        return found
    checks = (_against_confusion, _against_losses, _against_ranking, _permuted)
    return [sentence for check in checks for sentence in check(figures)]


def _out_of_range(figures: Figures) -> Iterator[str]:
    stated: list[tuple[str, Any, float]] = [(key, figures[key], 1.0) for key in _ONE if key in figures]
    stated += [
        (key, figures[key], top) for key, top in (("brier", 2.0), ("log_loss", math.inf)) if key in figures
    ]
    for name, row in figures.get("per_class", {}).items():
        stated += [(f"{key} of {name}", row[key], 1.0) for key in _OF_CLASS if key in row]
    for name, value, top in stated:
        if value is not None and not (math.isfinite(value) and 0 <= value <= top + SUMMED):
            limit = f" and at most {top:g}" if math.isfinite(top) else ""
            yield f"The {_words(name)} is {value}, but it must be a finite number of at least 0{limit}."
    for name, (low, high) in figures.get("intervals", {}).items():
        if not low <= high:
            yield f"The interval of the {_words(name)} ends at {high} below where it begins, at {low}."


def _no_counts(figures: Figures) -> Iterator[str]:
    counts = figures.get("confusion")
    if counts is None:
        return
    square = len(counts) == len(CLASSES) and all(len(row) == len(CLASSES) for row in counts)
    if not square or min(map(min, counts)) < 0 or sum(map(sum, counts)) == 0:
        yield "The confusion matrix does not hold the counts of four classes."


def _against_confusion(figures: Figures) -> Iterator[str]:
    if figures.get("confusion") is None:
        return
    confusion = np.array(figures["confusion"], np.int64)
    if figures.get("n", confusion.sum()) != confusion.sum():
        yield f"{figures['n']} images are stated, but the confusion matrix counts {confusion.sum()}."
    pairs: list[tuple[str, Any, float | None]] = [
        (key, figures.get(key), value) for key, value in overall(confusion).items()
    ]
    for name, row in by_class(confusion).items():
        stated = figures.get("per_class", {}).get(name, {})
        pairs += [(f"{key} of {name}", stated.get(key), value) for key, value in row.items() if key != "n"]
        if stated.get("n", row["n"]) != row["n"]:
            yield f"{stated['n']} images of {name} are stated, but the confusion matrix counts {row['n']}."
    for name, given, value in pairs:
        if given is not None and (value is None or abs(given - value) > ROUNDED):
            counted = "not defined" if value is None else f"{value:.3f}"
            yield (
                f"The {_words(name)} is stated as {given:.3f}, but the confusion matrix makes it {counted}; "
                "the two are of different images, or one was written by hand."
            )


def _against_losses(figures: Figures) -> Iterator[str]:
    """A wrongly named image gives its true class at most one half: 0.5 of Brier score, ln 2 of log loss."""
    wrong = 1 - figures.get("accuracy", 1.0)
    for key, each in (("brier", 0.5), ("log_loss", math.log(2))):
        least = wrong * (each - _LOSS_ROUNDED)
        if figures.get(key) is not None and figures[key] < least - ROUNDED:
            yield (
                f"With an accuracy of {1 - wrong:.3f} the {_words(key)} is at least {wrong * each:.3f}, but it is "
                f"stated as {figures[key]:.3f}; the two are of different probabilities."
            )


def _against_ranking(figures: Figures) -> Iterator[str]:
    cause = (
        "Whoever is right so often also ranks so: the labels are probably not in the order of the probabilities, "
        "or the columns not in the order of the classes."
    )
    rows = figures.get("per_class", {})
    count = sum(row.get("n", 0) for row in rows.values())
    for name, row in rows.items():
        recall, specificity, area = row.get("recall"), row.get("specificity"), row.get("auroc")
        if recall is None or specificity is None or area is None:
            continue
        promised = (recall + specificity) / 2
        slack = RANKS_BELOW + 3 * _spread(row.get("n", 0), count)
        if promised >= CLEARLY_RIGHT and area < promised - slack:
            yield (
                f"{name.capitalize()} has a recall of {recall:.3f} and a specificity of {specificity:.3f}, but an "
                f"AUROC of {area:.3f}. {cause}"
            )
    area = figures.get("macro_auroc", figures.get("auroc"))
    right = figures.get("balanced_accuracy", figures.get("accuracy"))
    slack = RANKS_BELOW + 3 * max((_spread(row.get("n", 0), count) for row in rows.values()), default=0.0)
    if area is not None and right is not None and right >= CLEARLY_RIGHT and area < right - slack:
        share = figures.get("accuracy", right)
        yield f"The accuracy is {share:.3f}, but the AUROC is {area:.3f}. {cause}"


def _spread(positive: int, count: int) -> float:
    """Standard error of the AUROC of scores that say nothing (Hanley & McNeil 1982)."""
    negative = count - positive
    return math.sqrt((1 / positive + 1 / negative) / 12) if positive > 0 and negative > 0 else 0.0


def _permuted(figures: Figures) -> Iterator[str]:
    """Columns in another order than the classes: each moved class is mostly, and significantly, named as another."""
    if figures.get("confusion") is None:
        return
    confusion = np.array(figures["confusion"], np.int64)
    identity = tuple(range(len(CLASSES)))
    for order in itertools.permutations(identity):
        moved = [index for index in identity if order[index] != index]
        if moved and all(_moves(confusion[index], index, order[index]) for index in moved):
            better = sum(int(confusion[index, order[index]]) for index in identity) / confusion.sum()
            shown = ", ".join(f"most {CLASSES[index]} is named {CLASSES[order[index]]}" for index in moved)
            yield (
                f"The accuracy is {confusion.trace() / confusion.sum():.3f}, but would be {better:.3f} with classes "
                f"in another order: {shown}. The columns of the probabilities, or the labels, "
                "are probably in another order than the classes."
            )


def _moves(row: Ints, here: int, there: int) -> bool:
    away, stay, count = int(row[there]), int(row[here]), int(row.sum())
    return count >= LEAST_IMAGES and 2 * away > count and _tail(away, away + stay) < SIGNIFICANT


def _tail(hits: int, count: int) -> float:
    """Chance of at least `hits` heads in `count` tosses of a fair coin."""
    return float(sum(math.comb(count, k) for k in range(hits, count + 1)) / 2**count)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("ece", "ECE").replace("auroc", "AUROC")
