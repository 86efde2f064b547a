"""The gate: a written rule that says whether a candidate may replace the model in force."""

from ml.gate.criteria import BOUNDS, DEFAULT_CRITERIA, Bound, CriteriaError, read_criteria
from ml.gate.judging import judge, measure
from ml.gate.parts import Locked, judge_parts
from ml.gate.verdict import Criterion, Judgement, conclude

__all__ = [
    "BOUNDS",
    "DEFAULT_CRITERIA",
    "Bound",
    "CriteriaError",
    "Criterion",
    "Judgement",
    "Locked",
    "conclude",
    "judge",
    "judge_parts",
    "measure",
    "read_criteria",
]
