"""Studies and images: which are a person's, how far they are, their pixels."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    Exists,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
    prefetch_related_objects,
)
from django.db.models.functions import Now
from django_stubs_ext import WithAnnotations

from classifier.exceptions import PixelsGone
from classifier.models import Archive, Image, JobStatus, Origin, Prediction, QuarantinedImage, Study
from classifier.selectors.answering import answering_prediction, answering_rows
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of


def studies_of(user: Visitor) -> QuerySet[Study]:
    """Studies in the user's collections, newest first, with images and the predictions that count ready to show."""
    return (
        Study.objects.filter(collection__in=collections_of(user, Permission.VIEW_STUDIES))
        .select_related("collection", "uploaded_by")
        .prefetch_related(*_to_show())
    )


def fetch_to_show(studies: Sequence[Study]) -> None:
    """Fetch for studies at hand what `studies_of` brings along, in two questions for all of them."""
    prefetch_related_objects(studies, *_to_show())


def _to_show() -> "tuple[Prefetch[str, QuerySet[Image], str], Prefetch[str, QuerySet[Prediction], str]]":
    heavy = ("maps", "embedding", "model_version__metadata")
    predictions = answering_rows().select_related("model_version").defer(*heavy)
    return (
        Prefetch("images", Image.objects.select_related("dicom").order_by("position", "id")),
        Prefetch("images__predictions", predictions),
    )


def images_of(user: Visitor) -> QuerySet[Image]:
    return Image.objects.filter(collection__in=collections_of(user, Permission.VIEW_STUDIES)).select_related(
        "study", "collection", "dicom"
    )


def study_status(study: Study) -> JobStatus:
    """One word for a study: failed if any image failed, else the least advanced of its images."""
    found = {answer.status for image in study.images.all() if (answer := answering_prediction(image))}
    for status in (JobStatus.FAILED, JobStatus.RUNNING, JobStatus.QUEUED):
        if status in found:
            return status
    return JobStatus.SUCCEEDED if found else JobStatus.QUEUED


class StatusNow(TypedDict):
    status_now: str


def with_status(studies: QuerySet[Study]) -> "QuerySet[WithAnnotations[Study, StatusNow]]":
    """The studies with `status_now`, which equals `study_status`, so that the database can filter and count by it."""
    answers = answering_rows().filter(image__study=OuterRef("pk"))
    cases = [
        When(Exists(answers.filter(status=status)), then=Value(status.value))
        for status in (JobStatus.FAILED, JobStatus.RUNNING, JobStatus.QUEUED, JobStatus.SUCCEEDED)
    ]
    return studies.annotate(status_now=Case(*cases, default=Value(JobStatus.QUEUED.value)))


def of_status(studies: QuerySet[Study], status: str) -> "QuerySet[WithAnnotations[Study, StatusNow]]":
    """Those of the studies that are in this state, with `status_now`.

    Few studies wait or failed; they are looked up by their predictions, not looked for among all.
    """
    if status != JobStatus.SUCCEEDED:
        studies = studies.filter(pk__in=_unanswered().filter(status=status).values("image__study"))
    return with_status(studies).filter(status_now=status)


def study_counts(user: Visitor) -> dict[UUID, dict[str, int]]:
    """How many studies are in each state, by collection, in the collections whose studies the user may see.

    Every study has its images' answers, or their places in line, from the transaction on that stores it. So all are
    counted, then those among them that wait or failed, of which there are few: most studies are not looked at.
    """
    mine = Study.objects.filter(collection__in=collections_of(user, Permission.VIEW_STUDIES), purged_at=None)
    counts = {
        collection_id: {status.value: 0 for status in JobStatus} | {JobStatus.SUCCEEDED.value: count}
        for collection_id, count in mine.values_list("collection_id").annotate(count=Count("pk")).order_by()
    }
    not_done = with_status(mine.filter(pk__in=_unanswered().values("image__study")))
    rows = not_done.values_list("collection_id", "status_now").annotate(count=Count("pk")).order_by()
    for collection_id, status, count in rows:
        counts[collection_id][status] += count
        counts[collection_id][JobStatus.SUCCEEDED] -= count
    return counts


def _unanswered() -> QuerySet[Prediction]:
    return answering_rows().exclude(status=JobStatus.SUCCEEDED)


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


def uploads_in_last_minute(user: User) -> int:
    """How many studies somebody sent just now, by any door but an import, which has a limit of its own.

    An archive counts once, when it is begun, however many studies are in it.
    """
    just_now = Now() - timedelta(minutes=1)
    sent = Study.objects.filter(uploaded_by=user, created_at__gt=just_now)
    archives = Archive.objects.filter(created_by=user, created_at__gt=just_now)
    # What all went to quarantine is no study yet.
    apart = QuarantinedImage.objects.filter(uploaded_by=user, created_at__gt=just_now, study=None)
    elsewhere = Q(origin__in=[Origin.IMPORT, Origin.ARCHIVE])
    groups = apart.exclude(elsewhere).order_by().values("group").distinct()
    return sent.exclude(elsewhere).count() + groups.count() + archives.count()


def bytes_stored_for(user: User) -> int:
    """What somebody's images take, also those in quarantine."""
    stored = Image.objects.filter(study__uploaded_by=user).aggregate(total=Sum("stored_bytes"))["total"]
    apart = QuarantinedImage.objects.filter(uploaded_by=user).exclude(pixels="")
    return int(stored or 0) + int(apart.aggregate(total=Sum("stored_bytes"))["total"] or 0)
