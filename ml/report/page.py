"""A report as one HTML page that needs nothing beside it: no request, no script."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from ml.labels import InputError
from ml.report.blocks import Block, Cell, KeyFigure, Section, Svg, cell_text

_KINDS: Final = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class ReportError(InputError):
    """Something that cannot stand in a report."""


def render_report(
    title: str,
    sections: Sequence[Section],
    *,
    lead: str = "",
    stamps: Sequence[str] = (),
    figures: Sequence[KeyFigure] = (),
    caveats: Sequence[str] = (),
    facts: Sequence[tuple[str, str]] = (),
) -> str:
    """Returns the page. Every text is escaped.

    Args:
        lead: one sentence below the title.
        stamps: what spoils every figure (a leak, say): on top, and in print on every section.
        figures: the most important ones, on top.
        caveats: what the figures do not say.
        facts: pairs of what was measured, on what, and how.
    """
    page = _environment().get_template("report.html.j2")
    return page.render(
        title=title, sections=sections, lead=lead, stamps=stamps, figures=figures, caveats=caveats, facts=facts,
        anchors=_anchors(sections),
    )  # fmt: skip


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "cell": cell_text,
        "numeric": _numeric,
        "drawing": _drawing,
        "data_uri": _data_uri,
    }
    environment.tests["of_kind"] = _is_of_kind
    return environment


def _is_of_kind(block: Block, kind: str) -> bool:
    return type(block).__name__ == kind


def _numeric(value: Cell) -> bool:
    return value is None or isinstance(value, int | float)


def _drawing(svg: Svg | Callable[[], Svg]) -> Markup | str:
    drawn = svg() if callable(svg) else svg
    return Markup(drawn) if isinstance(drawn, Svg) else drawn  # noqa: S704 - drawn here, texts escaped by matplotlib


def _data_uri(data: bytes) -> str:
    for magic, kind in _KINDS.items():
        if data.startswith(magic):
            return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    raise ReportError("A picture in a report must be PNG or JPEG.")


def _anchors(sections: Sequence[Section]) -> list[str]:
    names = (re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") for section in sections)
    return [f"{number}-{name}" if name else f"{number}-section" for number, name in enumerate(names, 1)]
