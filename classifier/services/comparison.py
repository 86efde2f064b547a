"""Other versions, asked about a study: their predictions stand beside its answer and count for nothing else."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from classifier import doorbell
from classifier.exceptions import StateConflict
from classifier.models import Image, JobStatus, ModelVersion, Prediction, Study
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record


@dataclass(frozen=True)
class Asked:
    """What became of a question: predictions that are in line now, and images that the version knew already."""

    queued: int
    known: int


@transaction.atomic
def ask_version(*, actor: User | None, study: Study, version: ModelVersion) -> Asked:
    """Queue the predictions of another version for the images of a study whose pixels are there.

    Asking twice queues nothing twice; what has failed is tried again.

    Raises:
        StateConflict: no image of the study has pixels that may be read.
    """
    # By key, as a purge locks them; the images alone, whatever a study was fetched with.
    locked = Image.objects.select_for_update(no_key=True).filter(study=study).order_by("pk")
    images = [image for image in locked if image.pixels_available]
    if not images:
        raise StateConflict("No image of this study has pixels that a version could read.", code="no_pixels")
    queued = _ask(images, version)
    if queued:
        record(
            action="prediction.asked", actor=actor, target=study, collection_id=study.collection_id,
            number=version.number, images=queued,
        )  # fmt: skip
    return Asked(queued=queued, known=len(images) - queued)


@transaction.atomic
def ask_about(*, images: list[Image], version: ModelVersion) -> int:
    """Queue the predictions of a version for images, as `ask_version` does for those of a study.

    Returns:
        How many are in line now; the version knew the others, or their pixels are gone.
    """
    locked = Image.objects.filter(pk__in=[image.pk for image in images]).order_by("pk")
    return _ask([image for image in locked.select_for_update(no_key=True) if image.pixels_available], version)


def _ask(images: list[Image], version: ModelVersion) -> int:
    """Queue what a version was never asked, and what it failed; the images are locked."""
    before = Prediction.objects.filter(image__in=images, model_version=version)
    known = set(before.values_list("image_id", flat=True))
    asked = [image for image in images if image.pk not in known]
    Prediction.objects.bulk_create(
        Prediction(image=image, model_version=version, for_comparison=True) for image in asked
    )
    again = before.filter(for_comparison=True, status=JobStatus.FAILED).update(
        status=JobStatus.QUEUED,
        attempt=0,
        failure_code="",
        failure_reason="",
        queued_at=Now(),
        finished_at=None,
    )
    if asked or again:
        doorbell.ring(doorbell.INFERENCE)
    return len(asked) + again
