"""One look for every drawing: SVG that takes its colours from the page, the same bytes for the same figures."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ml.labels import CLASSES, DISPLAY_NAMES
from ml.report.blocks import Svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Stand-ins for colours that the page decides, light or dark.
_TOKENS: Final = {
    "#010101": "--ink", "#020202": "--dim", "#030303": "--grid", "#040404": "--bg",
    "#0a0001": "--c1", "#0a0002": "--c2", "#0a0003": "--c3", "#0a0004": "--c4", "#0a0005": "--c5", "#0a0006": "--c6",
}  # fmt: skip
INK, DIM, GRID, GROUND, *SERIES = _TOKENS
DASHES: Final = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 2, 2)), (0, (1, 1)), (0, (4, 1, 1, 1, 1, 1)))
MARKERS: Final = ("o", "s", "^", "D", "v", "P")

_LOOK: Final[dict[str, Any]] = {
    "svg.fonttype": "none", "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.edgecolor": DIM, "axes.labelcolor": INK, "axes.titlecolor": INK, "axes.titlesize": 11,
    "axes.titlelocation": "left", "axes.linewidth": 0.8, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "axes.axisbelow": True, "axes.facecolor": "none",
    "grid.color": GRID, "grid.linewidth": 0.8,
    "xtick.color": DIM, "ytick.color": DIM, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "text.color": INK, "lines.linewidth": 1.8, "lines.markersize": 5,
    "legend.frameon": False, "legend.fontsize": 9.5, "figure.facecolor": "none", "savefig.facecolor": "none",
}  # fmt: skip


def colour(index: int) -> str:
    """Returns the colour of the series `index`, different from its neighbours' also for the colour-blind."""
    return SERIES[index % len(SERIES)]


def class_style(name: str) -> dict[str, Any]:
    """Returns colour, dash and label of a class's line, the same in every drawing."""
    index = CLASSES.index(name)
    return {"color": colour(index), "linestyle": DASHES[index], "label": DISPLAY_NAMES[name]}


def draw(paint: Callable[[Figure], None], *, width: float = 5.6, height: float = 4.0) -> Svg:
    """Returns what `paint` puts on a figure of `width` x `height` inches."""
    # Here and not above: a report in plain text never waits for matplotlib.
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with mpl.rc_context(_LOOK):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        return _inline(text.getvalue())


def legend(axes: Any, *, outside: bool = False, columns: int = 1) -> None:
    """Puts the legend into the emptiest corner, or below the axes."""
    handles, names = axes.get_legend_handles_labels()
    if outside:
        axes.figure.legend(handles, names, loc="outside lower left", ncols=columns)
    elif handles:
        axes.legend(handles, names, loc="best", ncols=columns)


def share_axes(axes: Any, xlabel: str, ylabel: str) -> None:
    """Makes both axes run from 0 to 1, square."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=xlabel, ylabel=ylabel)
    axes.set_aspect("equal")


def visible(names: Sequence[str]) -> list[str]:
    """Returns names as matplotlib shows them: a leading underscore would hide one from the legend."""
    return [f"\u200b{name}" if name.startswith("_") else name for name in names]


def _inline(svg: str) -> Svg:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg, count=2).replace("xlink:href=", "href=")
    # An id may stand on a page once: groups, numbered alike in every drawing, lose theirs; the rest are made its own.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    mark = hashlib.sha256(svg.encode()).hexdigest()[:10]
    svg = re.sub(r'(\sid="|url\(#|href="#)', rf"\g<1>{mark}-", svg)
    svg = re.sub(r"'?DejaVu Sans'?", "inherit", svg)
    for token, name in _TOKENS.items():
        svg = svg.replace(token, f"var({name})")
    return Svg(svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1).strip())
