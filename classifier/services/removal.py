"""Removal: pixels that name somebody disappear at once; a purge leaves only hashes and the audit."""

from django.core.files.storage import storages
from django.db import transaction
from django.db.models.functions import Now
from django.dispatch import Signal

from classifier.models import Image, JobStatus, Prediction, Study
from classifier.services.clusters import lock_clusters
from classifier.services.quarantine_decisions import reject_all_of
from classifier.services.telling import tell_predictions
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record
from mriplatform.outbox.kinds import Kind

# Sent inside the transaction, with `study_id`: what is left of the study may be final now.
image_hidden = Signal()


@transaction.atomic
def hide_image(*, actor: User, image: Image) -> Image:
    """Hide the pixels of an image that contains identity, from everybody and at once; hiding twice changes nothing.

    A queued prediction of it is failed: a worker must not read these pixels either.
    """
    locked = Image.objects.select_for_update().get(pk=image.pk)
    if locked.hidden_at is None:
        Image.objects.filter(pk=image.pk).update(hidden_at=Now(), hidden_by=actor)
        _stop_predictions([image], code="hidden", reason="The image was hidden because it contains identity.")
        record(action="image.hidden", actor=actor, target=image, collection_id=image.collection_id)
        image_hidden.send(sender=Image, study_id=image.study_id)
    image.refresh_from_db()
    return image


@transaction.atomic
def purge_study(*, actor: User, study: Study, reason: str) -> Study:
    """Remove a study's pixels, maps and embeddings for good; keep its rows, hashes, readings and audit."""
    # Nothing may join the study meanwhile: it would stay when the others go.
    lock_clusters()
    # Images before their study, as every step of a reading locks them: the other way round, the two would deadlock.
    images = list(Image.objects.select_for_update().filter(study=study).order_by("pk"))
    locked = Study.objects.select_for_update().get(pk=study.pk)
    if locked.purged_at is None:
        _stop_predictions(images, code="purged", reason="The study was removed.")
        Prediction.objects.filter(image__in=images).update(maps=None, embedding=None)
        for image in images:
            if image.pixels.name:
                storages["pixels"].delete(image.pixels.name)
        Image.objects.filter(pk__in=[image.pk for image in images]).update(pixels="", stored_bytes=0)
        Study.objects.filter(pk=study.pk).update(purged_at=Now())
        reject_all_of(study=study, actor=actor, reason="The study that it came with was removed.")
        record(
            action="study.purged", actor=actor, target=study, collection_id=study.collection_id, reason=reason[:500],
            images=[image.pixel_sha256 for image in images],
        )  # fmt: skip
    study.refresh_from_db()
    return study


def _stop_predictions(images: list[Image], *, code: str, reason: str) -> None:
    waiting = Prediction.objects.filter(image__in=images, status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    stopped = list(waiting.select_for_update(of=("self",)).only("pk", "image_id", "for_comparison"))
    waiting.update(
        status=JobStatus.FAILED,
        failure_code=code,
        failure_reason=reason,
        finished_at=Now(),
        lease_expires_at=None,
    )
    tell_predictions(Kind.PREDICTION_FAILED, stopped)
