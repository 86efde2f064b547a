"""Which prediction is its image's answer, where that is no longer the one that was queued for it.

What a version was asked for comparison may have come long ago, and was told only to those who may view comparisons.
When it becomes the answer it is told again, as the answer: else whoever waits for one would wait for ever.
"""

from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.db.models import QuerySet

from classifier.models import Image, JobStatus, ModelVersion, Prediction
from classifier.selectors import reading_versions
from classifier.services.telling import tell_predictions
from mriplatform.outbox.kinds import Kind

_TOLD_AS: Final = {
    JobStatus.SUCCEEDED: Kind.PREDICTION_SUCCEEDED,
    JobStatus.FAILED: Kind.PREDICTION_FAILED,
}


@transaction.atomic
def replace_answers(*, images: list[Image], version: ModelVersion) -> int:
    """Let what `version` said of images for comparison be their answer; what answered before stands beside it.

    Only where that has succeeded, and the answer before has come, too, or has failed: what a worker holds stays.

    Args:
        images: locked by the caller, who knows that nobody has begun to read them.

    Returns:
        How many answers were replaced.
    """
    asked = Prediction.objects.filter(
        image__in=images, model_version=version, for_comparison=True, status=JobStatus.SUCCEEDED
    )
    before = Prediction.objects.filter(
        image__in=asked.values("image"), for_comparison=False, model_version__isnull=False,
        status__in=[JobStatus.SUCCEEDED, JobStatus.FAILED],
    )  # fmt: skip
    replaced = {row.image_id: row.pk for row in before.only("image_id").select_for_update()}
    Prediction.objects.filter(pk__in=replaced.values()).update(for_comparison=True)
    return _make_answers(asked.filter(image__in=replaced))


def answer_by(failed: Prediction, version: ModelVersion) -> Prediction:
    """Have an image whose answer has failed answered by `version`; the caller has locked the image.

    Returns:
        The row that is its answer from now on. Where that has failed as well, the caller queues it again.
    """
    asked = (
        Prediction.objects.select_for_update()
        .filter(image=failed.image, model_version=version)
        .exclude(pk=failed.pk)
        .first()
    )
    if asked is None:
        failed.model_version = version
        return failed
    if failed.model_version_id is None:
        # It stopped before any version read here, so it says what none of them said.
        failed.delete()
    else:
        Prediction.objects.filter(pk=failed.pk).update(for_comparison=True)
    _make_answers(Prediction.objects.filter(pk=asked.pk))
    asked.for_comparison = False
    return asked


def bind_waiting() -> None:
    """Bind the rows that waited for a version to the one that reads for their collection now, where there is one.

    Where that version was asked about the image for comparison meanwhile, its row becomes the answer. An image about
    which somebody asks at this moment waits for the next claim.
    """
    waiting = Prediction.objects.filter(status=JobStatus.QUEUED, model_version=None)
    collections = waiting.values_list("image__collection", flat=True).distinct().order_by()
    for collection_id, version in reading_versions(collections).items():
        if version is None:
            continue
        here = waiting.filter(image__collection=collection_id)
        images = Image.objects.filter(pk__in=here.values("image")).order_by("pk")
        held = [image.pk for image in images.select_for_update(skip_locked=True, no_key=True).only("pk")]
        free = waiting.filter(image__in=held).only("image_id")
        rows = {row.image_id: row.pk for row in free.select_for_update(skip_locked=True)}
        asked = Prediction.objects.filter(image__in=rows, model_version=version)
        answered = set(asked.values_list("image_id", flat=True))
        Prediction.objects.filter(pk__in=[rows[image] for image in answered]).delete()
        _make_answers(asked.filter(image__in=answered), tell=(JobStatus.SUCCEEDED, JobStatus.FAILED))
        left = [pk for image, pk in rows.items() if image not in answered]
        Prediction.objects.filter(pk__in=left).update(model_version=version)


def _make_answers(rows: QuerySet[Prediction], *, tell: Collection[JobStatus] = (JobStatus.SUCCEEDED,)) -> int:
    """Let comparisons be their images' answers, and tell of those that have come already.

    What is queued or running is told of by whoever ends it.

    Returns:
        How many there were.
    """
    made = list(rows.select_for_update(of=("self",)).only("pk", "image_id", "status"))
    Prediction.objects.filter(pk__in=[row.pk for row in made]).update(for_comparison=False)
    for status in tell:
        tell_predictions(_TOLD_AS[status], [row for row in made if row.status == status])
    return len(made)
