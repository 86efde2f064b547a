"""The shortcut audit: how well the class can be told without looking at any anatomy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.tree import DecisionTreeClassifier

from ml.inspection.files import source_of
from ml.inspection.seen import Seen

FOLDS: Final = 5
TREES: Final = 60
LEAST_LEAF: Final = 3

_SEED: Final = 0

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Some numbers of each image: what a classifier is allowed to see.

    Attributes:
        name: short, for JSON.
        title: for people.
        features: their names, (F,).
        numbers: (N, F); NaN where a number does not apply.
        shuffled: whether each number's importance is measured too.
    """

    name: str
    title: str
    features: tuple[str, ...]
    numbers: Numbers
    shuffled: bool


def audit_shortcuts(
    seen: Sequence[Seen], groups: Sequence[int | str], root: Path | None = None
) -> dict[str, Any]:
    """Measures how well classifiers that see no anatomy tell the class.

    A forest of extremely randomised trees (Geurts et al., Machine Learning 63, 2006) for each view of the images,
    cross-validated by group, so that a duplicate of an image learned from is never one to be told. A network can
    learn whatever such a classifier learns from pixels; a high score says that it can be right for the wrong
    reason, not that it is.

    Args:
        seen: decoded images; those without a label are passed over.
        groups: of each image (duplicates, or subjects); a group is never cut.
        root: folders below it are the images' sources.

    Returns:
        `audited` (bool), `reason` where it is not, `images`, `baseline` (always the commonest class: `label`,
        `accuracy`, `balanced_accuracy`), `views` (each with `name`, `title`, `accuracy`, `balanced_accuracy`,
        `folds` (balanced accuracy of each), `recall` by class, and `features`: `feature`, `alone` (balanced
        accuracy of a small tree that sees it alone), `importance` (what shuffling it costs, where measured)), and
        `meaning`.
    """
    known = [i for i, one in enumerate(seen) if one.image.label]
    labels = np.array([seen[i].image.label for i in known], dtype=object)
    held = np.array([str(groups[i]) for i in known], dtype=object)
    folds = _possible_folds(labels, held)
    if folds < 2:
        return {"audited": False, "reason": _why_not(labels), "images": len(known)}
    cuts = list(StratifiedGroupKFold(folds, shuffle=True, random_state=_SEED).split(labels, labels, held))
    baseline = _baseline(labels)
    views = [_score(view, labels, cuts) for view in views_of([seen[i] for i in known], root)]
    return {
        "audited": True,
        "images": len(known),
        "groups": len(set(held)),
        "baseline": baseline,
        "views": views,
        "meaning": meaning(baseline, views),
    }


def views_of(seen: Sequence[Seen], root: Path | None = None) -> list[View]:
    """Returns what is looked at: everything, the file alone, and the pixels before and after our preprocessing."""
    file = _file_numbers(seen, root)
    before = _table([one.measures for one in seen])
    after = _table([one.measures_after for one in seen])
    return [
        _view("everything", "everything", {**file, **before}, shuffled=True),
        _view("file", "the file alone", file),
        _view("pixels", "original pixels", before),
        _view("pixels_after", "what the network sees", after, shuffled=True),
    ]


def meaning(baseline: dict[str, Any], views: Sequence[dict[str, Any]]) -> list[str]:
    """Returns what the scores mean, in sentences for someone who has not read this module."""
    whole, after = views[0], views[-1]
    chance = baseline["balanced_accuracy"]
    gain = (whole["balanced_accuracy"] - chance) / (1 - chance)
    left = (after["balanced_accuracy"] - chance) / (1 - chance)
    first = (
        f"Without looking at any anatomy, from {len(whole['features'])} numbers about file, borders and brightness, "
        f"a forest of random trees names the right class for {whole['accuracy']:.0%} of the images "
        f"(always saying {baseline['label']}: {baseline['accuracy']:.0%}); balanced over the classes "
        f"{whole['balanced_accuracy']:.2f}, where guessing gives {chance:.2f}."
    )
    second = (
        f"After the preprocessing {after['balanced_accuracy']:.2f} remains, from what borders and brightness "
        "the network still sees."
    )
    return [first, _verdict(gain), second + _remainder(gain, left)]


def _verdict(gain: float) -> str:
    if gain < 0.15:
        return "That is little more than guessing: these numbers offer a network no shortcut worth the name."
    if gain < 0.5:
        return (
            "That is well above guessing: a network can gain a part of its accuracy from how the images were made "
            "rather than from what they show, and that part is lost on another hospital's images."
        )
    return (
        "That is far above guessing: a network can be right for the wrong reason here, from how the images were "
        "made rather than from what they show. A high accuracy on images of this source is no evidence that it "
        "reads anatomy; measure on another source, and look at where its maps point."
    )


def _remainder(gain: float, left: float) -> str:
    if gain < 0.15 and left < 0.15:
        return ""
    if left < 0.15:
        return " The preprocessing removes these shortcuts."
    if gain > 0 and left < 0.75 * gain:
        return (
            f" It removes {1 - left / gain:.0%} of the gain over guessing; the rest has to be met by augmentation "
            "and by other sources of images."
        )
    return " It removes little of the shortcut; augmentation and other sources of images have to meet it."


def _possible_folds(labels: npt.NDArray[Any], groups: npt.NDArray[Any]) -> int:
    classes = set(labels)
    if len(classes) < 2:
        return 0
    return min(FOLDS, *(len(set(groups[labels == label])) for label in classes))


def _why_not(labels: npt.NDArray[Any]) -> str:
    if len(set(labels)) < 2:
        return "The images carry fewer than two labels, so there is nothing to tell apart."
    return "A class has fewer than two groups of images, too few to learn from one and try on another."


def _baseline(labels: npt.NDArray[Any]) -> dict[str, Any]:
    counts = Counter(labels)
    label, count = counts.most_common(1)[0]
    return {"label": label, "accuracy": count / len(labels), "balanced_accuracy": 1 / len(counts)}


def _score(
    view: View, labels: npt.NDArray[Any], cuts: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]]
) -> dict[str, Any]:
    numbers = view.numbers
    told = np.empty(len(labels), dtype=object)
    drops = np.zeros(len(view.features))
    for learn, held in cuts:
        forest = _forest().fit(numbers[learn], labels[learn])
        told[held] = forest.predict(numbers[held])
        if view.shuffled:
            drops += _importances(forest, numbers[held], labels[held]) / len(cuts)
    alone = [_cross_validated(_small_tree, numbers[:, [i]], labels, cuts) for i in range(len(view.features))]
    features = [
        {
            "feature": name,
            "alone": round(float(score), 4),
            "importance": round(float(drop), 4) if view.shuffled else None,
        }
        for name, score, drop in zip(view.features, alone, drops, strict=True)
    ]
    return {
        "name": view.name,
        "title": view.title,
        "accuracy": float(accuracy_score(labels, told)),
        "balanced_accuracy": float(balanced_accuracy_score(labels, told)),
        "folds": [round(float(balanced_accuracy_score(labels[held], told[held])), 4) for _, held in cuts],
        "recall": {
            str(label): float((told[labels == label] == label).mean()) for label in sorted(set(labels))
        },
        "features": sorted(features, key=lambda row: -row["alone"]),
    }


def _importances(forest: Any, numbers: Numbers, labels: npt.NDArray[Any]) -> Numbers:
    found = permutation_importance(
        forest, numbers, labels, scoring="balanced_accuracy", n_repeats=1, random_state=_SEED
    )
    return np.asarray(found.importances_mean, np.float64)


def _cross_validated(
    make: Callable[[], Any],
    numbers: Numbers,
    labels: npt.NDArray[Any],
    cuts: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]],
) -> float:
    told = np.empty(len(labels), dtype=object)
    for learn, held in cuts:
        told[held] = make().fit(numbers[learn], labels[learn]).predict(numbers[held])
    return float(balanced_accuracy_score(labels, told))


def _forest() -> Any:
    return ExtraTreesClassifier(
        TREES, min_samples_leaf=LEAST_LEAF, max_features=0.5, class_weight="balanced", random_state=_SEED
    )


def _small_tree() -> Any:
    return DecisionTreeClassifier(
        max_leaf_nodes=24, min_samples_leaf=5, class_weight="balanced", random_state=_SEED
    )


def _file_numbers(seen: Sequence[Seen], root: Path | None) -> dict[str, list[float]]:
    facts = [one.facts for one in seen]
    return {
        "width": [float(f.width) for f in facts],
        "height": [float(f.height) for f in facts],
        "aspect": [f.width / f.height for f in facts],
        "bytes": [float(f.size) for f in facts],
        "bytes_per_pixel": [f.size / (f.width * f.height) for f in facts],
        "jpeg_quality": [np.nan if f.jpeg_quality is None else float(f.jpeg_quality) for f in facts],
        "mode": _codes([f.mode for f in facts]),
        "source": _codes([source_of(one.image, root) for one in seen]),
    }


def _codes(words: Sequence[str]) -> list[float]:
    order = {word: float(number) for number, word in enumerate(sorted(set(words)))}
    return [order[word] for word in words]


def _table(measures: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [one[name] for one in measures] for name in measures[0]}


def _view(name: str, title: str, columns: dict[str, list[float]], *, shuffled: bool = False) -> View:
    return View(name, title, tuple(columns), np.array(list(columns.values()), np.float64).T, shuffled)
