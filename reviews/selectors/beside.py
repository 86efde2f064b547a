"""What a reader may look at beside the image they read: its study's other images, the subject's earlier studies.

Pixels alone: nothing here says whether, by whom or how any of these images was read or answered.
"""

from typing import Final

from django.db.models import Prefetch, QuerySet

from classifier.models import Image, Study
from reviews.models import Reading

EARLIER_SHOWN: Final = 10


def images_of_study(reading: Reading) -> list[Image]:
    """The images of the reading's study whose pixels may be seen, in their order; the one being read among them."""
    return list(_visible().filter(study_id=reading.image.study_id))


def count_images_of_study(reading: Reading) -> int:
    return _visible().filter(study_id=reading.image.study_id).count()


def earlier_studies(reading: Reading) -> list[Study]:
    """Studies of the same subject that came to this collection before, newest first, each with images to look at.

    A study whose subject nobody named has none, and none is taken from another collection.
    """
    study = reading.image.study
    if not study.subject_key:
        return []
    before = Study.objects.filter(
        collection_id=study.collection_id, subject_key=study.subject_key, created_at__lt=study.created_at
    ).exclude(pk=study.pk)
    found = before.prefetch_related(Prefetch("images", _visible())).order_by("-created_at", "-id")
    return [earlier for earlier in found[:EARLIER_SHOWN] if earlier.images.all()]


def _visible() -> QuerySet[Image]:
    return Image.objects.filter(hidden_at=None).exclude(pixels="").order_by("position", "id")
