"""Bars, lines and intervals of anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.report.blocks import Svg
from ml.report.charts.style import DASHES, DIM, INK, MARKERS, colour, draw, legend, visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = Sequence[float]


def bars(
    labels: Sequence[str],
    series: Mapping[str, Numbers],
    *,
    xlabel: str = "",
    ylabel: str = "",
    horizontal: bool = False,
) -> Svg:
    """Returns bars in groups, one group for each label, one bar in it for each series."""
    places = np.arange(len(labels))
    thick = 0.8 / max(1, len(series))
    names = visible(list(labels))

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
        for index, (name, values) in enumerate(zip(visible(list(series)), series.values(), strict=True)):
            at = places + (index - (len(series) - 1) / 2) * thick
            bar = axes.barh if horizontal else axes.bar
            bar(at, values, thick * 0.92, color=colour(index), label=name)
        if horizontal:
            axes.set_yticks(places, names)
            axes.invert_yaxis()
            axes.grid(visible=False, axis="y")
        else:
            axes.set_xticks(places, names)
            axes.grid(visible=False, axis="x")
        if len(series) > 1:
            legend(axes, outside=True, columns=max(1, min(4, 56 // (5 + max(len(name) for name in series)))))

    height = max(2.2, 1.1 + len(labels) * (0.2 + 0.16 * len(series))) if horizontal else 3.4
    return draw(paint, height=height)


def lines(x: Numbers, series: Mapping[str, Numbers], *, xlabel: str = "", ylabel: str = "") -> Svg:
    """Returns one line for each series over the same x; NaN leaves a gap."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
        for index, (name, values) in enumerate(zip(visible(list(series)), series.values(), strict=True)):
            axes.plot(x, values, color=colour(index), linestyle=DASHES[index % len(DASHES)], label=name,
                      marker=MARKERS[index % len(MARKERS)] if len(x) <= 25 else None)  # fmt: skip
        if len(series) > 1:
            legend(axes)

    return draw(paint, height=3.4)


def forest(
    rows: Sequence[tuple[str, float, Sequence[float] | None]], *, xlabel: str = "", zero: bool = True
) -> Svg:
    """Returns values with their intervals, one below the other; `zero` marks where there is no difference."""

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot(xlabel=xlabel)
        for place, (_, value, interval) in enumerate(rows):
            _interval(axes, place, value, interval)
        if zero:
            axes.axvline(0, color=DIM, lw=1.2, ls=(0, (3, 2)))
        axes.set_yticks(range(len(rows)), visible([label for label, _, _ in rows]))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.08)
        axes.locator_params(axis="x", nbins=6)

    return draw(paint, width=7.6, height=0.95 + 0.36 * len(rows))


def _interval(axes: Any, place: int, value: float, interval: Sequence[float] | None) -> None:
    if interval is not None:
        axes.plot(interval, (place, place), color=colour(0), lw=2.2, solid_capstyle="butt")
    axes.plot([value], [place], "o", color=colour(0), markeredgecolor=INK, markeredgewidth=0.6, markersize=7)
