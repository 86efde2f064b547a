"""The human reader's records."""

from reviews.models.label_set import LabelSet, LabelSetEntry, Split, SplitAssignment
from reviews.models.protocol import ReadingProtocol
from reviews.models.reading import Adjudication, Reading, Reason, ReviewEvent

__all__ = [
    "Adjudication",
    "LabelSet",
    "LabelSetEntry",
    "Reading",
    "ReadingProtocol",
    "Reason",
    "ReviewEvent",
    "Split",
    "SplitAssignment",
]
