"""Predictions as a table: each with its image's identifiers, the version that answered, and the final label."""

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from classifier.models import Image, ModelVersion, Prediction
from classifier.selectors.final_labels import FinalSaid, final_labels
from classifier.selectors.identifiers import IDENTIFIERS, identifiers_of
from ml.labels import CLASSES
from mriplatform.accounts.selectors import Visitor
from mriplatform.tables import in_batches

PREDICTION_COLUMNS: Final = (
    "prediction", "image", "study", "collection", "subject_key", *IDENTIFIERS, "pixel_sha256",
    "status", "label", *(f"p_{name}" for name in CLASSES), "not_assessable", "novelty", "novelty_threshold",
    "model_version", "model_name", "checkpoint_sha256", "for_comparison", "runtime", "device",
    "queued_at", "finished_at", "failure_code",
    "final_label", "final_path", "final_at",
)  # fmt: skip


def prediction_rows(user: Visitor, predictions: QuerySet[Prediction]) -> Iterator[dict[str, Any]]:
    """A row for each of the predictions, newest first, as `PREDICTION_COLUMNS` names its values.

    Args:
        user: who gets them; a final label is in its row as far as they may see it.
        predictions: some of `predictions_of(user)`.
    """
    light = predictions.select_related("image__study", "image__dicom", "model_version").defer(
        "maps", "embedding", "model_version__metadata"
    )
    thresholds: dict[UUID, float | None] = {}
    for rows in in_batches(light, falling=True):
        _learn_thresholds(thresholds, {row.model_version_id for row in rows if row.model_version_id})
        finals = final_labels(user, list({row.image.study_id: row.image.study for row in rows}.values()))
        for row in rows:
            threshold = thresholds.get(row.model_version_id) if row.model_version_id else None
            yield _of_image(row.image) | _said(row, threshold) | _final(finals.get(row.image_id))


def _learn_thresholds(known: dict[UUID, float | None], wanted: set[UUID]) -> None:
    """Of each version once: its metadata is large, and a hundred thousand rows share a few versions."""
    for version in ModelVersion.objects.filter(pk__in=wanted - set(known)):
        known[version.pk] = version.novelty_threshold


def _of_image(image: Image) -> dict[str, Any]:
    return {
        "image": image.pk,
        "study": image.study_id,
        "collection": image.collection_id,
        "subject_key": image.study.subject_key,
        "pixel_sha256": image.pixel_sha256,
        **identifiers_of(image),
    }


def _said(row: Prediction, threshold: float | None) -> dict[str, Any]:
    version = row.model_version
    probabilities: Sequence[float | None] = row.probabilities or [None] * len(CLASSES)
    return {
        "prediction": row.pk,
        "status": row.status,
        "label": row.label,
        **{f"p_{name}": value for name, value in zip(CLASSES, probabilities, strict=True)},
        "not_assessable": row.not_assessable,
        "novelty": row.novelty,
        "novelty_threshold": threshold,
        "model_version": version.number if version else None,
        "model_name": version.name if version else "",
        "checkpoint_sha256": version.checkpoint_sha256 if version else "",
        "for_comparison": row.for_comparison,
        "runtime": row.runtime,
        "device": row.device,
        "queued_at": row.queued_at,
        "finished_at": row.finished_at,
        "failure_code": row.failure_code,
    }


def _final(said: FinalSaid | None) -> dict[str, Any]:
    return {
        "final_label": said.label if said else "",
        "final_path": said.path if said else "",
        "final_at": said.at if said else None,
    }
