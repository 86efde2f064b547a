"""Reads: what is in force, what is stored, who may see which answer."""

from classifier.selectors.answers import predictions_of, sees_answers, viewer_maps
from classifier.selectors.queue import queue_ahead_of, queue_counts
from classifier.selectors.studies import (
    StatusNow,
    bytes_stored_for,
    images_of,
    latest_prediction,
    stored_png,
    studies_of,
    study_counts,
    study_status,
    uploads_in_last_minute,
    with_status,
)
from classifier.selectors.versions import active_training_run, model_versions, promotions, version_in_force
from classifier.selectors.words import ANSWER_NAMES, Spoken, spoken

__all__ = [
    "ANSWER_NAMES",
    "Spoken",
    "StatusNow",
    "active_training_run",
    "bytes_stored_for",
    "images_of",
    "latest_prediction",
    "model_versions",
    "predictions_of",
    "promotions",
    "queue_ahead_of",
    "queue_counts",
    "sees_answers",
    "spoken",
    "stored_png",
    "studies_of",
    "study_counts",
    "study_status",
    "uploads_in_last_minute",
    "version_in_force",
    "viewer_maps",
    "with_status",
]
