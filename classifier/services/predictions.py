"""The queue of record: claim with a lease, record with a fence, reap what expired."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from classifier import doorbell
from classifier.exceptions import StateConflict
from classifier.models import Image, JobStatus, Prediction
from classifier.selectors import reading_versions, version_reading_for
from classifier.services.answers import answer_by, bind_waiting
from classifier.services.shadow import queue_shadows
from classifier.services.telling import tell_predictions
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record
from mriplatform.outbox.kinds import Kind


@dataclass(frozen=True)
class Answer:
    """What a model said about one image.

    Attributes:
        probabilities: float32 (classes,), in the order of `ml.labels.CLASSES`.
        maps: float32 (height, width, classes), raw class activation.
        frame: left, top and side, in image pixels, of the square that the maps cover.
        embedding: float32 (features,).
        novelty: how unlike a brain MRI the image is to the version; None where its checkpoint cannot tell.
        not_assessable: whether that is above the version's threshold. Probabilities and maps are then not recorded.
    """

    probabilities: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32]
    frame: tuple[int, int, int]
    embedding: npt.NDArray[np.float32]
    runtime: str
    device: str
    novelty: float | None = None
    not_assessable: bool = False


def queue_predictions(images: list[Image]) -> list[Prediction]:
    """Queue the answer of each image, by the version that reads for its collection, and ring.

    An image that has its answer, or waits for it, keeps that one. Before any version reads, the rows wait unbound;
    the first claim after one does binds them. Versions in the shadow of a collection are asked for comparison, which
    is claimed after every answer.
    """
    reads = reading_versions({image.collection_id for image in images})
    rows = Prediction.objects.bulk_create(
        [Prediction(image=image, model_version=reads[image.collection_id]) for image in images],
        ignore_conflicts=True,
    )
    queue_shadows(images)
    doorbell.ring(doorbell.INFERENCE)
    return rows


@transaction.atomic
def claim_batch(*, worker: str, limit: int) -> list[Prediction]:
    """Take up to `limit` queued predictions of one model version, oldest first, comparisons after all answers.

    Rows whose earlier attempt was lost are claimed one at a time: whatever killed a worker then takes only itself
    along, and its neighbours in the batch still get their three attempts. `SKIP LOCKED` lets workers claim side by
    side; the lease runs by the database's clock.
    """
    bind_waiting()
    queued = (
        Prediction.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(status=JobStatus.QUEUED, model_version__isnull=False)
        .order_by("for_comparison", "queued_at", "id")
    )
    first = queued.first()
    if first is None:
        return []
    batch = [first]
    if first.attempt == 0 and limit > 1:
        alike = {"model_version": first.model_version_id, "for_comparison": first.for_comparison}
        batch += list(queued.filter(attempt=0, **alike).exclude(pk=first.pk)[: limit - 1])
    ids = [row.pk for row in batch]
    Prediction.objects.filter(pk__in=ids).update(
        status=JobStatus.RUNNING,
        attempt=F("attempt") + 1,
        worker=worker[:120],
        started_at=Now(),
        lease_expires_at=Now() + timedelta(seconds=settings.INFERENCE_LEASE_SECONDS),
    )
    return list(
        Prediction.objects.filter(pk__in=ids).select_related("image", "model_version").order_by("queued_at")
    )


@transaction.atomic
def record_answers(answers: list[tuple[Prediction, Answer]]) -> int:
    """Record what was predicted, each row only if this claim still holds it.

    Returns:
        How many rows were recorded; the others had lost their lease and belong to another claim.
    """
    _lock_images([prediction for prediction, _ in answers])
    recorded = []
    for prediction, answer in answers:
        mine = _still_mine(prediction).update(
            **_class_named(answer),
            status=JobStatus.SUCCEEDED,
            embedding=answer.embedding.astype("<f4").tobytes(),
            novelty=answer.novelty,
            not_assessable=answer.not_assessable,
            runtime=answer.runtime,
            device=answer.device,
            finished_at=Now(),
            lease_expires_at=None,
            failure_code="",
            failure_reason="",
        )
        if mine:
            recorded.append(prediction)
    tell_predictions(Kind.PREDICTION_SUCCEEDED, recorded)
    return len(recorded)


def _lock_images(predictions: list[Prediction]) -> None:
    """Lock the images that get their answer, as whoever hides or removes one does first; those of comparisons, too,
    since what was claimed as one may have become the answer.

    Both then follow each other: no answer opens an image that is hidden at this moment, and neither waits for the other
    while the other waits for it.
    """
    images = Image.objects.filter(pk__in=[prediction.image_id for prediction in predictions]).order_by("pk")
    list(images.select_for_update(no_key=True).values_list("pk", flat=True))


def _class_named(answer: Answer) -> dict[str, Any]:
    """The fields that speak of a class: none where the image is not assessable."""
    if answer.not_assessable:
        return {"probabilities": None, "maps": None, "map_shape": None, "map_frame": None}
    return {
        "probabilities": [float(value) for value in answer.probabilities],
        "maps": answer.maps.astype("<f2").tobytes(),
        "map_shape": list(answer.maps.shape),
        "map_frame": list(answer.frame),
    }


@transaction.atomic
def record_failed_attempt(prediction: Prediction, *, code: str, reason: str) -> bool:
    """Return a claimed prediction to the queue, or, after the last attempt, set it to failed with its reason."""
    if prediction.attempt >= settings.INFERENCE_ATTEMPTS:
        return _fail(prediction, code=code, reason=reason)
    return bool(
        _still_mine(prediction).update(
            status=JobStatus.QUEUED,
            lease_expires_at=None,
            failure_code=code[:40],
            failure_reason=reason[:300],
        )
    )


@transaction.atomic
def reap_expired() -> tuple[int, int]:
    """Return predictions whose worker went silent to the queue; fail those that had their last attempt.

    Returns:
        How many were queued again, and how many failed.
    """
    expired = Prediction.objects.filter(status=JobStatus.RUNNING, lease_expires_at__lt=Now())
    lost = list(expired.select_for_update(skip_locked=True))
    failed = [row for row in lost if row.attempt >= settings.INFERENCE_ATTEMPTS]
    for row in failed:
        reason = row.failure_reason or (
            f"The worker stopped during each of {row.attempt} attempts, so this image may be what stops it."
        )
        _fail(row, code=row.failure_code or "worker_lost", reason=reason)
    queued = Prediction.objects.filter(pk__in=[row.pk for row in lost if row not in failed]).update(
        status=JobStatus.QUEUED, lease_expires_at=None
    )
    if queued:
        doorbell.ring(doorbell.INFERENCE)
    return queued, len(failed)


@transaction.atomic
def retry_prediction(*, actor: User, prediction_id: UUID) -> Prediction:
    """Queue a failed prediction again, with all its attempts.

    An image's answer comes from the version that reads for its collection now: one whose checkpoint is broken would
    fail it for ever. Where that version was asked about the image for comparison, its row becomes the answer and the
    failed one stands beside it. A failed comparison is asked of its own version again.

    Raises:
        StateConflict: it has not failed.
    """
    # The image first: another version may be asked about it at this moment.
    Image.objects.select_for_update(of=("self",), no_key=True).get(predictions=prediction_id)
    prediction = (
        Prediction.objects.select_for_update(of=("self",)).select_related("image").get(pk=prediction_id)
    )
    if prediction.status != JobStatus.FAILED:
        raise StateConflict("Only a failed prediction can be tried again; this one has not failed.")
    reads = version_reading_for(prediction.image.collection_id)
    if reads is not None and not prediction.for_comparison:
        prediction = answer_by(prediction, reads)
    if prediction.status == JobStatus.FAILED:
        _queue_again(prediction)
    record(
        action="prediction.retried",
        actor=actor,
        target=prediction,
        collection_id=prediction.image.collection_id,
    )
    doorbell.ring(doorbell.INFERENCE)
    return prediction


def _queue_again(prediction: Prediction) -> None:
    prediction.status = JobStatus.QUEUED
    prediction.attempt = 0
    prediction.failure_code = prediction.failure_reason = ""
    prediction.queued_at = Now()
    prediction.finished_at = None
    prediction.save()


def _still_mine(prediction: Prediction) -> QuerySet[Prediction]:
    # A retry counts attempts from the beginning again, so the moment of the claim is part of the fence.
    return Prediction.objects.filter(
        pk=prediction.pk,
        attempt=prediction.attempt,
        started_at=prediction.started_at,
        status=JobStatus.RUNNING,
    )


def _fail(prediction: Prediction, *, code: str, reason: str) -> bool:
    failed = _still_mine(prediction).update(
        status=JobStatus.FAILED,
        failure_code=code[:40],
        failure_reason=reason[:300],
        finished_at=Now(),
        lease_expires_at=None,
    )
    if failed:
        record(action="prediction.failed", target=prediction, code=code, attempts=prediction.attempt)
        tell_predictions(Kind.PREDICTION_FAILED, [prediction])
    return bool(failed)
