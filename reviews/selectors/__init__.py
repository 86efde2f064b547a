"""Reads: worklists, what a reading has come to, what the readers agree on, and what was labelled."""

from reviews.selectors.agreement import (
    FinalLabel,
    Outcome,
    Standing,
    final_label,
    open_disagreements,
    standings,
)
from reviews.selectors.frozen import label_sets_of, manifest_of, newest_label_set
from reviews.selectors.labels import LabelRow, labels, labels_as_csv, labels_as_json
from reviews.selectors.state import (
    UNDO_SECONDS,
    ReadingState,
    Step,
    machine_answer,
    may_see_prediction,
    reading_revision,
    reading_state,
)
from reviews.selectors.worklist import may_hold, protocol_of, readings_of, worklist, worklist_counts

__all__ = [
    "UNDO_SECONDS",
    "FinalLabel",
    "LabelRow",
    "Outcome",
    "ReadingState",
    "Standing",
    "Step",
    "final_label",
    "label_sets_of",
    "labels",
    "labels_as_csv",
    "labels_as_json",
    "machine_answer",
    "manifest_of",
    "may_hold",
    "may_see_prediction",
    "newest_label_set",
    "open_disagreements",
    "protocol_of",
    "reading_revision",
    "reading_state",
    "readings_of",
    "standings",
    "worklist",
    "worklist_counts",
]
