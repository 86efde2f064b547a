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
from reviews.selectors.governing import governing_protocol, governing_protocols, protocol_of
from reviews.selectors.labels import LabelRow, labels, labels_as_csv, labels_as_json
from reviews.selectors.state import (
    UNDO_SECONDS,
    ReadingState,
    Step,
    machine_answer,
    may_see_prediction,
    reading_revision,
    reading_state,
    was_set_aside,
)
from reviews.selectors.worklist import (
    has_list_aside,
    may_hold,
    readable,
    readings_of,
    set_aside,
    worklist,
    worklist_counts,
)

__all__ = [
    "UNDO_SECONDS",
    "FinalLabel",
    "LabelRow",
    "Outcome",
    "ReadingState",
    "Standing",
    "Step",
    "final_label",
    "governing_protocol",
    "governing_protocols",
    "has_list_aside",
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
    "readable",
    "reading_revision",
    "reading_state",
    "readings_of",
    "set_aside",
    "standings",
    "was_set_aside",
    "worklist",
    "worklist_counts",
]
