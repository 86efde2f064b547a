"""Reads: what is in force, what is stored, who may see which answer."""

from classifier.selectors.answering import answering_prediction, answering_rows
from classifier.selectors.answers import (
    answer_counts,
    answers_without_class,
    predictions_of,
    sees_answers,
    viewer_maps,
)
from classifier.selectors.comparison import Pair, agreement, pairs, versions_asked
from classifier.selectors.queue import queue_ahead_of_studies, queue_counts
from classifier.selectors.studies import (
    StatusNow,
    bytes_stored_for,
    fetch_to_show,
    images_of,
    of_status,
    stored_png,
    studies_of,
    study_counts,
    study_status,
    uploads_in_last_minute,
    with_status,
)
from classifier.selectors.versions import (
    active_training_run,
    choice_of,
    choices_of,
    model_versions,
    promotions,
    reading_versions,
    version_before,
    version_in_force,
    version_reading_for,
)
from classifier.selectors.words import ANSWER_NAMES, Spoken, spoken

__all__ = [
    "ANSWER_NAMES",
    "Pair",
    "Spoken",
    "StatusNow",
    "active_training_run",
    "agreement",
    "answer_counts",
    "answering_prediction",
    "answering_rows",
    "answers_without_class",
    "bytes_stored_for",
    "choice_of",
    "choices_of",
    "fetch_to_show",
    "images_of",
    "model_versions",
    "of_status",
    "pairs",
    "predictions_of",
    "promotions",
    "queue_ahead_of_studies",
    "queue_counts",
    "reading_versions",
    "sees_answers",
    "spoken",
    "stored_png",
    "studies_of",
    "study_counts",
    "study_status",
    "uploads_in_last_minute",
    "version_before",
    "version_in_force",
    "version_reading_for",
    "versions_asked",
    "viewer_maps",
    "with_status",
]
