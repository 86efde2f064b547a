"""Drawings of an evaluation: who was taken for whom, ranking, thresholds, trust, and how it was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ml.labels import CLASSES, DISPLAY_NAMES
from ml.report.blocks import Svg
from ml.report.charts.style import DIM, GROUND, INK, class_style, colour, draw, legend, share_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, Mapping[str, Any]]

_SQUARE: Final = {"width": 4.7, "height": 4.7}
_CURVE_NAMES: Final = {
    "loss": ("loss, training", 0, "-"),
    "validation_loss": ("loss, validation", 1, (0, (5, 2))),
    "accuracy": ("accuracy, training", 0, "-"),
    "validation_accuracy": ("accuracy, validation", 1, (0, (5, 2))),
}


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str] | None = None) -> Svg:
    """Returns the confusion matrix: count and share of the row in each cell, darker for a larger share."""
    table = np.array(counts, np.int64)
    shown = list(names or (DISPLAY_NAMES[name] for name in CLASSES))
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(xlabel="the model's answer", ylabel="the truth")
        for (row, column), part in np.ndenumerate(shares):
            right = row == column
            axes.fill_between((column - 0.48, column + 0.48), row - 0.48, row + 0.48, lw=0,
                              color=colour(0 if right else 1), alpha=_shade(part))  # fmt: skip
            axes.text(column, row - 0.08, str(table[row, column]), ha="center", va="center",
                      size=13 if part else 10, color=INK, weight="bold" if right else "normal")  # fmt: skip
            axes.text(
                column, row + 0.26, f"{100 * part:.1f} %", ha="center", va="center", size=8.5, color=INK
            )
        axes.set_xticks(range(len(shown)), [name.replace(" ", "\n", 1) for name in shown])
        axes.set_yticks(range(len(shown)), [name.replace(" ", "\n", 1) for name in shown])
        axes.set(xlim=(-0.5, len(shown) - 0.5), ylim=(len(shown) - 0.5, -0.5), aspect="equal")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)

    return draw(paint, width=5.2, height=4.9)


def roc(curves: Curves) -> Svg:
    """Returns the ROC curve of each class against the rest (`ml.metrics.measure_curves`).

    Points are joined by straight lines, so that the area below is the AUROC also where images share a score.
    """

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.plot((0, 1), (0, 1), color=DIM, lw=1, ls=":")
        for name, curve in curves.items():
            style = class_style(name)
            style["label"] += f"  {curve['auroc']:.3f}"
            axes.plot(curve["roc"]["fpr"], curve["roc"]["tpr"], **style)
        share_axes(axes, "false alarms: share of the others named so", "found: share of the class named so")
        axes.legend(loc="lower right", title="AUROC")

    return draw(paint, **_SQUARE)


def precision_recall(curves: Curves) -> Svg:
    """Returns the precision-recall curve of each class against the rest."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for name, curve in curves.items():
            style = class_style(name)
            style["label"] += f"  {curve['average_precision']:.3f}"
            axes.plot(curve["pr"]["recall"], curve["pr"]["precision"], drawstyle="steps-pre", **style)
        share_axes(
            axes, "recall: share of the class that is found", "precision: share of the alarms that are true"
        )
        axes.legend(loc="lower left", title="average precision")

    return draw(paint, **_SQUARE)


def f1_threshold(curves: Curves) -> Svg:
    """Returns F1 of each class against the probability from which on it is called; a dot marks the best."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(xlabel="threshold on the class's probability", ylabel="F1")
        for name, curve in curves.items():
            style = class_style(name)
            axes.plot(curve["f1"]["threshold"], curve["f1"]["f1"], **style)
            axes.plot([curve["best"]["threshold"]], [curve["best"]["f1"]], "o", color=style["color"],
                      markeredgecolor=GROUND, markersize=8)  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.03))
        axes.legend(loc="lower center")

    return draw(paint, width=4.7, height=4.2)


def reliability(bins: Sequence[Mapping[str, Any]]) -> Svg:
    """Returns how often the model was right against how sure it was, and below how many images that rests on.

    The upright lines are Wilson's 95 % intervals of each bin alone, as if its images were independent.
    """
    filled = [row for row in bins if row["n"]]
    sure, right = ([row[key] for row in filled] for key in ("confidence", "accuracy"))
    low, high = zip(*(_wilson(row["accuracy"], row["n"]) for row in filled), strict=True)

    def paint(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
        above.plot((0, 1), (0, 1), color=DIM, lw=1.2, ls=(0, (3, 2)), label="as sure as right")
        above.vlines(sure, low, high, color=colour(0), lw=1.6, alpha=0.7)
        above.plot(
            sure, right, "o", color=colour(0), markeredgecolor=GROUND, markersize=7, label="this model"
        )
        above.set(xlim=(0, 1.01), ylim=(-0.02, 1.04), ylabel="share that was right")
        above.legend(loc="upper left")
        below.bar([row["low"] for row in bins], [row["n"] for row in bins], align="edge",
                  width=[0.94 * (row["high"] - row["low"]) for row in bins], color=colour(0), alpha=0.75)  # fmt: skip
        below.set(xlabel="how sure the model was", ylabel="images")
        below.set_yscale("symlog", linthresh=10)
        top = max(row["n"] for row in bins)
        ticks = [0, *(10**power for power in range(1, 7) if 10**power <= max(top, 10))]
        below.set_yticks(ticks, [f"{tick:,}" for tick in ticks], minor=False)
        below.grid(visible=False, axis="x")

    return draw(paint, width=5.0, height=5.0)


def _wilson(part: float, count: int) -> tuple[float, float]:
    """Wilson's score interval of a share (Wilson 1927)."""
    z2 = 1.96**2
    middle = (part + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(part * (1 - part) / count + z2 / (4 * count**2)) * 1.96 / (1 + z2 / count)
    return float(middle - half), float(middle + half)


def training(history: Sequence[Mapping[str, float]]) -> Svg:
    """Returns loss and accuracy by epoch, in training and validation; lines mark another image size."""
    step = "epoch" if "epoch" in history[0] else "step"
    x = [row[step] for row in history]
    panels = [[key for key in keys if any(key in row for row in history)]
              for keys in (("loss", "validation_loss"), ("accuracy", "validation_accuracy"))]  # fmt: skip
    panels = [keys for keys in panels if keys]

    def paint(figure: Figure) -> None:
        for axes, keys in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for key in keys:
                label, series, dash = _CURVE_NAMES[key]
                axes.plot(x, [row.get(key, np.nan) for row in history], color=colour(series), linestyle=dash,
                          label=label, marker="o" if len(x) <= 25 else None, markersize=4)  # fmt: skip
            axes.set(xlabel=step, title=" and ".join(dict.fromkeys(key.rpartition("_")[2] for key in keys)))
            _mark_sizes(axes, x, history)
            legend(axes)

    return draw(paint, width=3.9 * len(panels), height=3.5)


def _mark_sizes(axes: Any, x: Sequence[float], history: Sequence[Mapping[str, float]]) -> None:
    for before, (place, row) in zip(history, list(zip(x, history, strict=True))[1:], strict=False):
        if "size" in row and row["size"] != before.get("size"):
            axes.axvline(place - 0.5, color=DIM, lw=1, ls=":")
            axes.annotate(f"{row['size']:g} px", (place - 0.45, 0.02), xycoords=("data", "axes fraction"),
                          size=8.5, color=INK)  # fmt: skip


def _shade(part: float) -> float:
    return 0.06 if part == 0 else 0.14 + 0.4 * float(part)
