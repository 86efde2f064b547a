"""What a report is made of. Every text is plain: the page escapes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Cell = str | int | float | None
Tone = Literal["info", "warn", "bad"]


class Svg(str):
    """A drawing made by `ml.report.charts`; the only text that a page takes as it is."""

    __slots__ = ()


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph that must not be overlooked."""

    text: str
    tone: Tone = "info"


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first column names the row.

    Attributes:
        rows: floats are shown with three decimals, None as "not defined", numbers aligned right.
        caption: what the table tells, in one sentence.
        note: below the table, small.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """A drawing with its sentence.

    Attributes:
        svg: from `ml.report.charts`, or a function that draws it when a page is made; plain text never does.
        caption: how to read it, in one or two sentences.
        alt: what it shows, for who cannot see it.
        table: the numbers behind it, folded away on the page.
    """

    svg: Svg | Callable[[], Svg]
    caption: str
    alt: str
    table: Table | None = None


@dataclass(frozen=True)
class Picture:
    """A PNG or JPEG as bytes, with its alternative text and what stands below it."""

    data: bytes
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Pictures:
    """A grid of pictures, each `size` CSS pixels wide."""

    pictures: Sequence[Picture]
    caption: str = ""
    size: int = 112


@dataclass(frozen=True)
class Fold:
    """Blocks behind one line; open in print."""

    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Pair:
    """Blocks side by side where the page is wide enough."""

    blocks: Sequence[Block]


Block = Text | Note | Table | Chart | Pictures | Fold | Pair


@dataclass(frozen=True)
class Section:
    """A heading, a lead that says what the reader sees here, and blocks."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""


@dataclass(frozen=True)
class KeyFigure:
    """One of the figures on top.

    Attributes:
        value, interval: as text, ready to print.
        meaning: one sentence in plain words.
    """

    name: str
    value: str
    interval: str = ""
    meaning: str = ""
    tone: Literal["plain", "warn", "good"] = "plain"


def cell_text(value: Cell) -> str:
    """Returns a cell as it is printed."""
    if value is None:
        return "not defined"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def share(value: float | None) -> str:
    """Returns a figure with three decimals, or "not defined"."""
    return cell_text(None if value is None else float(value))


def span(interval: Sequence[float] | None) -> str:
    """Returns an interval as "0.910 to 0.960" that no line breaks, or nothing."""
    if interval is None:
        return ""
    # Adding 0 to what was rounded makes 0.000 of -0.000.
    low, high = (round(value, 3) + 0.0 for value in interval)
    return f"{low:.3f}\u00a0to\u00a0{high:.3f}"
