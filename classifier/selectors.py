"""Reads: what is in force, what is stored, who may see which answer."""

from datetime import datetime, timedelta
from typing import Any, TypedDict
from uuid import UUID

from django.db.models import Case, Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Now
from django_stubs_ext import WithAnnotations

from classifier.exceptions import PixelsGone
from classifier.models import (
    Evaluation,
    Image,
    JobStatus,
    ModelVersion,
    Prediction,
    Promotion,
    Study,
    TrainingRun,
)
from ml.labels import CLASSES, DISPLAY_NAMES
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, is_reader_in, permissions_in


def version_in_force(at: datetime | None = None) -> ModelVersion | None:
    """The version of the newest promotion, or of the newest at a moment; None before the first."""
    promotions = Promotion.objects.select_related("model_version").order_by("-sequence")
    if at is not None:
        promotions = promotions.filter(at__lte=at)
    newest = promotions.first()
    return newest.model_version if newest else None


def studies_of(user: Visitor) -> QuerySet[Study]:
    """Studies in the user's collections, newest first, with images and predictions ready to show."""
    heavy = ("maps", "embedding", "model_version__metadata")
    predictions = (
        Prediction.objects.select_related("model_version").defer(*heavy).order_by("-queued_at", "-id")
    )
    return (
        Study.objects.filter(collection__in=collections_of(user, Permission.VIEW_STUDIES))
        .select_related("collection", "uploaded_by")
        .prefetch_related(
            Prefetch("images", Image.objects.order_by("position", "id")),
            Prefetch("images__predictions", predictions),
        )
    )


def images_of(user: Visitor) -> QuerySet[Image]:
    return Image.objects.filter(collection__in=collections_of(user, Permission.VIEW_STUDIES)).select_related(
        "study", "collection"
    )


def sees_answers(user: Visitor, study: Study) -> bool:
    """Whether the user may see what the machine said about a study through classifier's doors.

    A reader of the collection never does, whatever other role they hold: they see predictions through their
    reading. Who may view predictions does; an uploader does once the study is final.
    """
    if is_reader_in(user, study.collection_id):
        return False
    permissions = permissions_in(user, study.collection_id)
    if Permission.VIEW_PREDICTIONS in permissions:
        return True
    return study.finalised_at is not None and Permission.VIEW_STUDIES in permissions


def predictions_of(user: Visitor) -> QuerySet[Prediction]:
    """Predictions whose answers the user may see, newest first (see `sees_answers`)."""
    open_to_all: list[UUID] = []
    when_final: list[UUID] = []
    for collection in collections_of(user, Permission.VIEW_STUDIES):
        if is_reader_in(user, collection.pk):
            continue
        sees = Permission.VIEW_PREDICTIONS in permissions_in(user, collection.pk)
        (open_to_all if sees else when_final).append(collection.pk)
    final = Q(image__collection__in=when_final, image__study__finalised_at__isnull=False)
    return (
        Prediction.objects.filter(Q(image__collection__in=open_to_all) | final)
        .select_related("image", "image__study", "model_version")
        .order_by("-id")
    )


def latest_prediction(image: Image) -> Prediction | None:
    """The newest prediction of an image; uses the prefetched rows where there are any."""
    predictions = sorted(image.predictions.all(), key=lambda row: (row.queued_at, row.id), reverse=True)
    return predictions[0] if predictions else None


def study_status(study: Study) -> JobStatus:
    """One word for a study: failed if any image failed, else the least advanced of its images."""
    found = {latest.status for image in study.images.all() if (latest := latest_prediction(image))}
    for status in (JobStatus.FAILED, JobStatus.RUNNING, JobStatus.QUEUED):
        if status in found:
            return status
    return JobStatus.SUCCEEDED if found else JobStatus.QUEUED


class StatusNow(TypedDict):
    status_now: str


def with_status(studies: QuerySet[Study]) -> "QuerySet[WithAnnotations[Study, StatusNow]]":
    """The studies with `status_now`, which equals `study_status`, so that the database can filter and count by it."""
    newest = (
        Prediction.objects.filter(image=OuterRef("pk")).order_by("-queued_at", "-id").values("status")[:1]
    )
    images = Image.objects.filter(study=OuterRef("pk")).annotate(newest=Subquery(newest))
    cases = [
        When(Exists(images.filter(newest=status)), then=Value(status.value))
        for status in (JobStatus.FAILED, JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.SUCCEEDED)
    ]
    return studies.annotate(status_now=Case(*cases, default=Value(JobStatus.QUEUED.value)))


def study_counts(user: Visitor) -> dict[UUID, dict[str, int]]:
    """How many studies are in each state, by collection, in the collections whose studies the user may see."""
    mine = Study.objects.filter(collection__in=collections_of(user, Permission.VIEW_STUDIES), purged_at=None)
    rows = with_status(mine).values_list("collection_id", "status_now").annotate(count=Count("pk")).order_by()
    counts: dict[UUID, dict[str, int]] = {}
    for collection_id, status, count in rows:
        counts.setdefault(collection_id, {value.value: 0 for value in JobStatus})[status] = count
    return counts


def queue_ahead_of(prediction: Prediction) -> int:
    """How many queued predictions will be taken before this one."""
    return Prediction.objects.filter(status=JobStatus.QUEUED, queued_at__lt=prediction.queued_at).count()


def uploads_in_last_minute(user: User) -> int:
    return Study.objects.filter(uploaded_by=user, created_at__gt=Now() - timedelta(minutes=1)).count()


def bytes_stored_for(user: User) -> int:
    total = Image.objects.filter(study__uploaded_by=user).aggregate(total=Sum("stored_bytes"))["total"]
    return int(total or 0)


def active_training_run() -> TrainingRun | None:
    return TrainingRun.objects.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING]).first()


def queue_counts() -> dict[str, int]:
    """How many predictions are in each state."""
    rows = Prediction.objects.values_list("status").annotate(count=Count("pk")).order_by()
    return {status.value: 0 for status in JobStatus} | dict(rows)


def viewer_maps(prediction: Prediction) -> dict[str, Any] | None:
    """The raw class maps as `<mri-viewer>` takes them, or None where there are none (any more).

    `maps` is nested (row, column, class), before the ReLU; `box` the corners, in image pixels, of what they cover.
    """
    maps = prediction.map_array()
    if maps is None:
        return None
    shown: dict[str, Any] = {
        "classes": list(CLASSES),
        "names": DISPLAY_NAMES,
        "maps": maps.round(4).tolist(),
        "top": prediction.predicted_class,
    }
    if prediction.map_frame:
        left, top, side = prediction.map_frame
        shown["box"] = [left, top, left + side, top + side]
    return shown


def stored_png(image: Image) -> bytes:
    """The canonical pixels of an image as a PNG file.

    Raises:
        PixelsGone: they were hidden or removed, or the storage does not have them.
    """
    if image.hidden_at is not None:
        raise PixelsGone(
            "The pixels of this image were hidden because they contain identity.", code="pixels_hidden"
        )
    if not image.pixels:
        raise PixelsGone("The pixels of this image were removed.")
    try:
        with image.pixels.open("rb") as stored:
            return bytes(stored.read())
    except FileNotFoundError as error:
        raise PixelsGone("The pixels of this image are not in the storage.", code="pixels_missing") from error


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, newest first, with their figures and promotions ready to show."""
    return ModelVersion.objects.select_related("registered_by", "training_run").prefetch_related(
        Prefetch("evaluations", Evaluation.objects.order_by("-created_at", "-id")),
        Prefetch("promotions", Promotion.objects.select_related("promoted_by")),
    )


def promotions() -> QuerySet[Promotion]:
    """What was put in force and when, newest first."""
    return Promotion.objects.select_related("model_version", "promoted_by").order_by("-sequence")
