"""Figures of a classifier, with intervals that resample whole subjects, and the refusal of those that contradict."""

from ml.metrics.contradictions import check_figures, check_probabilities, contradictions
from ml.metrics.counts import confusion_matrix
from ml.metrics.errors import ContradictionError, MetricsError
from ml.metrics.figures import evaluate, evaluate_subgroups
from ml.metrics.ranking import auroc, average_precision, measure_curves
from ml.metrics.trust import expected_calibration_error, reliability

__all__ = [
    "ContradictionError",
    "MetricsError",
    "auroc",
    "average_precision",
    "check_figures",
    "check_probabilities",
    "confusion_matrix",
    "contradictions",
    "evaluate",
    "evaluate_subgroups",
    "expected_calibration_error",
    "measure_curves",
    "reliability",
]
