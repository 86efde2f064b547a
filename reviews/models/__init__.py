"""The human reader's records."""

from reviews.models.label_set import LabelSet, LabelSetEntry, Split, SplitAssignment
from reviews.models.protocol import ReadingProtocol
from reviews.models.reading import Adjudication, Reading, ReviewEvent

__all__ = [
    "Adjudication",
    "LabelSet",
    "LabelSetEntry",
    "Reading",
    "ReadingProtocol",
    "ReviewEvent",
    "Split",
    "SplitAssignment",
]
