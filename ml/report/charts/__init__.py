"""Drawings for reports: SVG by matplotlib, in the page's colours, the same bytes for the same figures."""

from ml.report.charts.figures import confusion, f1_threshold, precision_recall, reliability, roc, training
from ml.report.charts.general import bars, forest, lines

__all__ = [
    "bars",
    "confusion",
    "f1_threshold",
    "forest",
    "lines",
    "precision_recall",
    "reliability",
    "roc",
    "training",
]
