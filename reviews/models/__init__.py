"""The human reader's records."""

from reviews.models.eligibility import EligibilityPolicy, ImportedLabel, SentBack
from reviews.models.figures import FigureRequest, FigureSnapshot
from reviews.models.label_errors import LabelErrorSearch
from reviews.models.label_set import LabelSet, LabelSetEntry, Split, SplitAssignment
from reviews.models.protocol import KnownCase, ReadingProtocol
from reviews.models.reading import Adjudication, Location, Reading, Reason, ReviewEvent, WithdrawalReason
from reviews.models.retraining import Rescore, RetrainingPlan
from reviews.models.standing import ImageStanding, Outcome
from reviews.models.worklist import WorklistEntry

__all__ = [
    "Adjudication",
    "EligibilityPolicy",
    "FigureRequest",
    "FigureSnapshot",
    "ImageStanding",
    "ImportedLabel",
    "KnownCase",
    "LabelErrorSearch",
    "LabelSet",
    "LabelSetEntry",
    "Location",
    "Outcome",
    "Reading",
    "ReadingProtocol",
    "Reason",
    "Rescore",
    "RetrainingPlan",
    "ReviewEvent",
    "SentBack",
    "Split",
    "SplitAssignment",
    "WithdrawalReason",
    "WorklistEntry",
]
