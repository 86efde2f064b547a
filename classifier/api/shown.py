"""Rows as the API shows them to one person. A prediction's content enters only where they may see it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from classifier.models import Image, JobStatus, ModelVersion, Origin, Prediction, Study
from classifier.selectors import (
    answering_prediction,
    choice_of,
    choices_of,
    fetch_to_show,
    queue_ahead_of_studies,
    sees_answers,
    study_status,
    version_reading_for,
    viewer_maps,
)
from classifier.selectors.dicom_facts import dicom_facts
from classifier.selectors.final_labels import FinalSaid, final_labels
from classifier.services.uploads import UploadResult, Verdict
from ml.labels import CLASSES
from mriplatform.accounts.models import Collection
from mriplatform.accounts.selectors import Visitor

type Shown = dict[str, Any]


def shown_studies(user: Visitor, studies: Sequence[Study]) -> list[Shown]:
    ahead, finals = queue_ahead_of_studies(studies), final_labels(user, studies)
    return [_shown_study(user, study, ahead[study.pk], finals) for study in studies]


def shown_study(user: Visitor, study: Study) -> Shown:
    (shown,) = shown_studies(user, [study])
    return shown


def _shown_study(user: Visitor, study: Study, ahead: int, finals: dict[UUID, FinalSaid]) -> Shown:
    answers = sees_answers(user, study)
    return {
        "id": study.pk,
        "collection": study.collection_id,
        "status": study_status(study),
        "ahead": ahead,
        "origin": study.origin,
        "synthetic": study.origin == Origin.SYNTHETIC,
        "uploaded_by": study.uploaded_by.get_username(),
        "study_uid": study.study_uid,
        "age_band": study.age_band,
        "created_at": study.created_at,
        "final": study.finalised_at is not None,
        "removed": study.purged_at is not None,
        "images": [
            shown_image(image, answers=answers, final=finals.get(image.pk)) for image in study.images.all()
        ],
    }


def shown_image_to(user: Visitor, image: Image) -> Shown:
    final = final_labels(user, [image.study]).get(image.pk)
    return shown_image(image, answers=sees_answers(user, image.study), final=final)


def shown_image(image: Image, *, answers: bool, final: FinalSaid | None) -> Shown:
    """An image; with its answer only where `answers` says that the person may see it, and with its final label
    as far as `final_labels` told it them."""
    newest = answering_prediction(image)
    window = None
    if image.window_centre is not None and image.window_width is not None:
        window = {"centre": image.window_centre, "width": image.window_width}
    return {
        "id": image.pk,
        "study": image.study_id,
        "collection": image.collection_id,
        "number": image.position + 1,
        "width": image.width,
        "height": image.height,
        "bits": image.bits,
        "plane": image.plane,
        "window": window,
        "dicom": dicom_facts(image),
        "pixel_sha256": image.pixel_sha256,
        "created_at": image.created_at,
        "hidden": image.hidden_at is not None,
        "pixels": reverse("api-image-pixels", args=[image.pk]) if image.pixels_available else None,
        "status": newest.status if newest else JobStatus.QUEUED,
        "failure": _failure(newest),
        "prediction": shown_prediction(newest, image) if answers and newest else None,
        "final_label": asdict(final) if final else None,
    }


def shown_prediction(prediction: Prediction, image: Image, *, maps: bool = False) -> Shown:
    """A prediction, for whoever may see it; `maps` adds the class maps."""
    version = prediction.model_version
    probabilities = prediction.probabilities
    shown: Shown = {
        "id": prediction.pk,
        "image": image.pk,
        "study": image.study_id,
        "status": prediction.status,
        "model_version": shown_name(version),
        "for_comparison": prediction.for_comparison,
        "label": prediction.label or None,
        "probabilities": dict(zip(CLASSES, probabilities, strict=True)) if probabilities else None,
        "novelty": prediction.novelty,
        "runtime": prediction.runtime,
        "device": prediction.device,
        "queued_at": prediction.queued_at,
        "finished_at": prediction.finished_at,
        "failure": _failure(prediction),
    }
    if maps:
        shown["novelty_threshold"] = version.novelty_threshold if version else None
        found = viewer_maps(prediction)
        shown["maps"] = (
            {"classes": found["classes"], "values": found["maps"], "box": found.get("box")} if found else None
        )
    return shown


def shown_name(version: ModelVersion | None) -> Shown | None:
    return {"id": version.pk, "number": version.number, "name": version.name} if version else None


def shown_choice(collection: Collection, at: datetime | None = None) -> Shown:
    """Which version reads for a collection, now or at a moment, and all that was chosen for it, with the reasons."""
    choice = choice_of(collection.pk, at)
    return {
        "collection": collection.pk,
        "model_version": shown_name(version_reading_for(collection.pk, at)),
        "follows": choice is None or choice.model_version is None,
        "choices": [
            {
                "model_version": shown_name(row.model_version),
                "reason": row.reason,
                "by": row.chosen_by.get_username() if row.chosen_by else None,
                "at": row.at,
            }
            for row in choices_of(collection.pk)
        ],
    }


def shown_upload(user: Visitor, result: UploadResult) -> Shown:
    fetch_to_show(result.studies)
    return {
        "studies": shown_studies(user, result.studies),
        "files": [_shown_verdict(verdict) for verdict in result.verdicts],
    }


def _shown_verdict(verdict: Verdict) -> Shown:
    return {
        "number": verdict.number,
        "outcome": verdict.outcome,
        "code": verdict.code or verdict.outcome,
        "detail": verdict.sentence or "Stored; its prediction is in line.",
        "images": [image.pk for image in verdict.images],
        "quarantined": verdict.quarantined,
        "study": verdict.study.pk if verdict.study else None,
        "image": verdict.image.pk if verdict.image else None,
        "url": reverse("api-study", args=[verdict.study.pk]) if verdict.study else None,
    }


def _failure(prediction: Prediction | None) -> Shown | None:
    if prediction is None or prediction.status != JobStatus.FAILED:
        return None
    return {"code": prediction.failure_code, "detail": prediction.failure_reason}
