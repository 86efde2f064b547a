"""Who may see what the machine said, and its maps for the viewer."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from classifier.models import Image, JobStatus, ModelVersion, Prediction, Study
from classifier.selectors.same_pixels import collections_read_by, same_pixels_read_by
from ml.labels import CLASSES, DISPLAY_NAMES
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, is_reader_in, permissions_in


def sees_answers(user: Visitor, study: Study) -> bool:
    """Whether the user may see what the machine said about a study through classifier's doors.

    A reader of the collection never does, whatever other role they hold: they see predictions through their
    reading. Nor do they in another collection that holds the same pixels. Who may view predictions does; an uploader
    does once the study is final.
    """
    if is_reader_in(user, study.collection_id) or _reads_same_pixels(user, study):
        return False
    permissions = permissions_in(user, study.collection_id)
    if Permission.VIEW_PREDICTIONS in permissions:
        return True
    return study.finalised_at is not None and Permission.VIEW_STUDIES in permissions


def _reads_same_pixels(user: Visitor, study: Study) -> bool:
    read = collections_read_by(user)
    hashes = [image.pixel_sha256 for image in study.images.all()] if read else []
    return bool(read) and Image.objects.filter(collection__in=read, pixel_sha256__in=hashes).exists()


def predictions_of(user: Visitor) -> QuerySet[Prediction]:
    """Predictions whose answers the user may see, newest first (see `sees_answers`).

    What other versions were asked for comparison is only for those who may view predictions.
    """
    open_to_all: list[UUID] = []
    when_final: list[UUID] = []
    for collection in collections_of(user, Permission.VIEW_STUDIES):
        if is_reader_in(user, collection.pk):
            continue
        sees = Permission.VIEW_PREDICTIONS in permissions_in(user, collection.pk)
        (open_to_all if sees else when_final).append(collection.pk)
    final = Q(
        image__collection__in=when_final, image__study__finalised_at__isnull=False, for_comparison=False
    )
    return (
        Prediction.objects.filter(Q(image__collection__in=open_to_all) | final)
        .filter(~same_pixels_read_by(user, at="image__"))
        .select_related("image", "image__study", "model_version")
        .order_by("-id")
    )


def answers_without_class(user: Visitor, collection: Collection) -> QuerySet[Prediction]:
    """Answers of a collection that name no class, as far as the user may see them, newest first."""
    found = predictions_of(user).filter(
        image__collection=collection, not_assessable=True, for_comparison=False
    )
    return found.defer("maps", "embedding")


def answer_counts(user: Visitor, version: ModelVersion) -> dict[str, int]:
    """How many answers of a version the user may see, and how many of those name no class."""
    found = predictions_of(user).filter(model_version=version, status=JobStatus.SUCCEEDED).order_by()
    return found.aggregate(
        answers=Count("pk", distinct=True),
        not_assessable=Count("pk", distinct=True, filter=Q(not_assessable=True)),
    )


def viewer_maps(prediction: Prediction) -> dict[str, Any] | None:
    """The raw class maps as `<mri-viewer>` takes them, or None where there are none (any more, or of no class).

    `maps` is nested (row, column, class), before the ReLU; `box` the corners, in image pixels, of what they cover.
    """
    maps = prediction.map_array()
    if maps is None:
        return None
    shown: dict[str, Any] = {
        "classes": list(CLASSES),
        "names": DISPLAY_NAMES,
        "maps": maps.round(4).tolist(),
        "top": prediction.label,
    }
    if prediction.map_frame:
        left, top, side = prediction.map_frame
        shown["box"] = [left, top, left + side, top + side]
    return shown
