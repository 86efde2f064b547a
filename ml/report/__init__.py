"""Reports for people: one HTML page that needs nothing beside it, and plain text. Drawings: `ml.report.charts`."""

from ml.report.blocks import (
    Block,
    Chart,
    Fold,
    KeyFigure,
    Note,
    Pair,
    Picture,
    Pictures,
    Section,
    Svg,
    Table,
    Text,
)
from ml.report.evaluation import figures_sections
from ml.report.page import ReportError, render_report
from ml.report.plain import to_text

__all__ = [
    "Block",
    "Chart",
    "Fold",
    "KeyFigure",
    "Note",
    "Pair",
    "Picture",
    "Pictures",
    "ReportError",
    "Section",
    "Svg",
    "Table",
    "Text",
    "figures_sections",
    "render_report",
    "to_text",
]
