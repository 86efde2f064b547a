"""What fewer labels would have given, and, said with care, what more would give: of which class above all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint import Checkpoint
from ml.config import HeadRecipe
from ml.labels import CLASSES, DISPLAY_NAMES
from ml.splits import group_order
from ml.training.errors import TrainingError
from ml.training.retrain import retrain_head

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

FRACTIONS: Final = (0.1, 0.25, 0.5, 1.0)
DRAWS: Final = 3
LEAST_LABELS: Final = 20
_LEAST_POINTS: Final = 5
_STEPS: Final = 200
"""Of each fit: the last bits of a head, for which its own fit goes on to the end, move no share of locked images."""
_FIGURES: Final = ("accuracy", *CLASSES)


@dataclass(frozen=True)
class Labelled:
    """Labelled images as embeddings (n, D), class indices (n,), and the group of each; weights and hashes or none."""

    embeddings: Floats
    labels: Ints
    groups: Sequence[str]
    weights: npt.NDArray[np.float64] | None = None
    hashes: Sequence[str] = ()

    def some(self, chosen: Ints) -> Labelled:
        """Returns the images at these places."""
        return Labelled(
            self.embeddings[chosen],
            self.labels[chosen],
            [self.groups[int(index)] for index in chosen],
            None if self.weights is None else self.weights[chosen],
            [self.hashes[int(index)] for index in chosen] if self.hashes else (),
        )


def learning_curve(
    checkpoint: Checkpoint,
    learned: Labelled,
    locked: Sequence[tuple[Floats, Ints]],
    *,
    recipe: HeadRecipe | None = None,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Fits heads to growing parts of the labels and measures each on the locked images.

    The parts are nested and cut no group; each is drawn anew `DRAWS` times, the whole once.

    Args:
        checkpoint: what the head is retrained from.
        learned: the run's training part.
        locked: embeddings and class indices of each locked part, by the same network.
        tick: called before each fit.

    Returns:
        `labels` (how many of each class were learned from), `points` (for each part `n`, and for accuracy and each
        class's recall the `mean`, `low` and `high` over the draws; `n` of 0 is the head that the run started from),
        `outlook` (for accuracy and each class: see `outlook`), and `sentence`.

    Raises:
        TrainingError: for too few labels to cut into parts, or nothing locked.
    """
    if len(learned.labels) < LEAST_LABELS:
        raise TrainingError(
            f"{len(learned.labels)} labels are too few to cut into parts; {LEAST_LABELS} would do."
        )
    if not sum(len(truth) for _, truth in locked):
        raise TrainingError("There is no locked image to measure on.")
    how = recipe or HeadRecipe()
    short = how.model_copy(update={"iterations": min(_STEPS, how.iterations)})
    found: list[tuple[int, int, dict[str, float]]] = []
    for place, fraction in enumerate(FRACTIONS):
        for draw in range(DRAWS if fraction < 1 else 1):
            chosen = _nested(learned.groups, fraction, seed + draw)
            tick()
            head = _fit(checkpoint, learned.some(chosen), short)
            found.append((place, len(chosen), _figures(head, locked)))
    start = _figures(checkpoint.head(), locked)
    points = [{"n": 0, **{name: _spread([start[name]]) for name in _FIGURES}}]
    for place in range(len(FRACTIONS)):
        here = [(count, figures) for at, count, figures in found if at == place]
        points.append(
            {
                "n": round(float(np.mean([count for count, _ in here]))),
                **{name: _spread([figures[name] for _, figures in here]) for name in _FIGURES},
            }
        )
    outlooks = {
        name: outlook([(count, figures[name]) for _, count, figures in found], len(learned.labels))
        for name in _FIGURES
    }
    counts = np.bincount(learned.labels, minlength=len(CLASSES))
    return {
        "labels": {name: int(counts[index]) for index, name in enumerate(CLASSES)},
        "images": sum(len(truth) for _, truth in locked),
        "points": points,
        "outlook": outlooks,
        "sentence": _sentence(outlooks, len(learned.labels)),
    }


def outlook(measured: Sequence[tuple[int, float]], count: int) -> dict[str, Any]:
    """Returns what twice as many labels would bring if errors go on falling as they did.

    A power law is fitted, error = a · n^-b, a straight line of the logarithms (Hestness et al. 2017); it is the
    modest one of the usual laws, since it expects ever less of each further label. The interval is the line's own
    95 % prediction; it does not know what no line knows, that learning may end.

    Args:
        measured: number of labels and share right, of each fit.
        count: how many labels there are now.

    Returns:
        `gain` at twice the labels, its `interval`, and whether it is `sure` that errors fall at all; all None where
        there are too few points, or no error is left to fall.
    """
    usable = [(n, 1 - value) for n, value in measured if not math.isnan(value) and value < 1]
    if len(usable) < _LEAST_POINTS or len({n for n, _ in usable}) < 3:
        return {"gain": None, "interval": None, "sure": None}
    x, y = np.log([n for n, _ in usable]), np.log([error for _, error in usable])
    centre, spread = x.mean(), float(((x - x.mean()) ** 2).sum())
    slope = float(((x - centre) * (y - y.mean())).sum() / spread)
    left = y - y.mean() - slope * (x - centre)
    free = len(x) - 2
    noise = math.sqrt(float((left**2).sum()) / free)
    # Here and not above: nothing else of this module needs it.
    from scipy.stats import t

    wide = float(t.ppf(0.975, free))
    now = math.exp(float(y.mean() + slope * (math.log(count) - centre)))
    ends = [now - now * 2.0 ** (slope + sign * wide * noise / math.sqrt(spread)) for sign in (1, -1)]
    gain = now - now * 2.0**slope
    return {
        "gain": gain,
        "interval": [min(ends), max(ends)],
        "sure": slope + wide * noise / math.sqrt(spread) < 0,
    }


def _nested(groups: Sequence[str], fraction: float, seed: int) -> Ints:
    """Places of the first groups, in a random order that the seed fixes, that hold the fraction of the images."""
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    wanted, chosen = fraction * len(groups), list[int]()
    for group in sorted(members, key=lambda name: group_order(name, seed)):
        if len(chosen) >= wanted:
            break
        chosen += members[group]
    return np.array(sorted(chosen), np.int64)


def _fit(checkpoint: Checkpoint, some: Labelled, recipe: HeadRecipe) -> tuple[Floats, Floats]:
    head = retrain_head(
        checkpoint, some.embeddings, some.labels, groups=some.groups, sample_weight=some.weights,
        hashes=some.hashes or None, recipe=recipe, bootstrap=0,
    )  # fmt: skip
    return head.kernel, head.bias


def _figures(head: tuple[Floats, Floats], locked: Sequence[tuple[Floats, Ints]]) -> dict[str, float]:
    """Share right of all, and of each class; NaN of one that is not there."""
    truth = np.concatenate([labels for _, labels in locked])
    right = np.concatenate([(seen @ head[0] + head[1]).argmax(axis=1) for seen, _ in locked]) == truth
    of_class = {
        name: float(right[truth == index].mean()) if (truth == index).any() else math.nan
        for index, name in enumerate(CLASSES)
    }
    return {"accuracy": float(right.mean()), **of_class}


def _spread(values: Sequence[float]) -> dict[str, float | None]:
    if any(math.isnan(value) for value in values):
        return {"mean": None, "low": None, "high": None}
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values)}


def _sentence(outlooks: dict[str, dict[str, Any]], count: int) -> str:
    whole = outlooks["accuracy"]
    if whole["gain"] is None:
        return f"{count} labels are too few to say what more would bring."
    low, high = whole["interval"]
    classes = {name: one["gain"] for name, one in outlooks.items() if name != "accuracy" and one["sure"]}
    if not whole["sure"]:
        said = (
            f"From a tenth to all of the {count} labels no gain is to be seen that chance would not explain: more of "
            "the same kind may bring nothing."
        )
    else:
        said = (
            f"If it goes on so, twice the {count} labels would bring {100 * whole['gain']:+.1f} points of accuracy "
            f"({100 * low:+.1f} to {100 * high:+.1f})."
        )
    if classes:
        best = max(classes, key=lambda name: classes[name])
        said += f" Most would come to {DISPLAY_NAMES[best].lower()} ({100 * classes[best]:+.1f} points of its recall)."
    return said
