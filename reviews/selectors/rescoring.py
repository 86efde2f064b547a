"""What a pass over the backlog has still to do."""

from dataclasses import dataclass
from math import ceil
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from classifier.models import Image, JobStatus, ModelVersion, Prediction
from classifier.selectors import version_reading_for
from mriplatform.accounts.models import Collection
from reviews.models import Reading, Rescore

_UNSETTLED = (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True)
class Progress:
    """How far a pass is.

    Attributes:
        left: images that it has yet to ask about.
        in_line: images that it asked about and whose new answer is not in place yet.
        failed: images that its version could not read; they keep the answer that they have.
        minutes: how long it still takes at its rate, whatever the workers need beyond that.
        held: why it does not go on, in a sentence; empty where it does, or where a person paused it.
    """

    left: int
    in_line: int
    failed: int
    minutes: int
    held: str = ""


def backlog(collection: Collection | UUID, version: ModelVersion) -> QuerySet[Image]:
    """Images that nobody has begun to read and that another version answers, in the order of their identifiers."""
    return _unread(collection).filter(Exists(_answers().exclude(model_version=version))).order_by("pk")


def to_ask(rescore: Rescore) -> QuerySet[Image]:
    """What of the backlog the pass has not come to."""
    images = backlog(rescore.collection_id, rescore.model_version)
    return images if rescore.cursor is None else images.filter(pk__gt=rescore.cursor)


def in_line(rescore: Rescore) -> QuerySet[Image]:
    """What the pass came to and what its version has yet to answer, or has answered to no effect so far."""
    asked = _asked(rescore).exclude(status=JobStatus.FAILED)
    return _behind(rescore).filter(Exists(asked))


def to_replace(rescore: Rescore) -> QuerySet[Image]:
    """What the pass came to and what is answered by both versions now; an answer that failed is answered, too."""
    asked = _asked(rescore).filter(status=JobStatus.SUCCEEDED)
    settled = _answers().exclude(status__in=_UNSETTLED)
    return _behind(rescore).filter(Exists(asked), Exists(settled))


def progress_of(rescore: Rescore) -> Progress:
    """How far a pass is; of one that is over nothing is left."""
    failed = _behind(rescore).filter(Exists(_asked(rescore).filter(status=JobStatus.FAILED))).count()
    if rescore.status not in (Rescore.Status.RUNNING, Rescore.Status.PAUSED):
        return Progress(0, 0, failed, 0)
    left = to_ask(rescore).count()
    return Progress(left, in_line(rescore).count(), failed, ceil(left / rescore.per_minute), _held(rescore))


def rescores_of(collection: Collection) -> QuerySet[Rescore]:
    """The passes over a collection's backlog, newest first."""
    rows = Rescore.objects.filter(collection=collection).select_related("model_version", "started_by")
    return rows.defer("model_version__metadata").order_by("-created_at", "-id")


def active_rescore(collection: Collection) -> Rescore | None:
    """The pass that runs or is paused; there is one at most."""
    return rescores_of(collection).filter(status__in=[Rescore.Status.RUNNING, Rescore.Status.PAUSED]).first()


def reads_no_more(rescore: Rescore) -> bool:
    """Whether its version does not read for the collection any more: readers must not be shown its answers then."""
    reads = version_reading_for(rescore.collection_id)
    return reads is None or reads.pk != rescore.model_version_id


def _held(rescore: Rescore) -> str:
    if not reads_no_more(rescore):
        return ""
    return (
        f"Version {rescore.model_version.number} does not read here any more, so its answers take no place."
    )


def _unread(collection: Collection | UUID) -> QuerySet[Image]:
    begun = Reading.objects.filter(image=OuterRef("pk"))
    return Image.objects.filter(~Exists(begun), collection=collection, hidden_at=None).exclude(pixels="")


def _behind(rescore: Rescore) -> QuerySet[Image]:
    """What of the backlog the pass came to already."""
    images = backlog(rescore.collection_id, rescore.model_version)
    return images.none() if rescore.cursor is None else images.filter(pk__lte=rescore.cursor)


def _answers() -> QuerySet[Prediction]:
    return Prediction.objects.filter(
        Q(model_version__isnull=False), image=OuterRef("pk"), for_comparison=False
    )


def _asked(rescore: Rescore) -> QuerySet[Prediction]:
    return Prediction.objects.filter(
        image=OuterRef("pk"), model_version=rescore.model_version, for_comparison=True
    )
