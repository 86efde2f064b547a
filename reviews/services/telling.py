"""Tells the outbox that somebody has read an image: who is told learns that it was, never what was said."""

from mriplatform.outbox.kinds import Kind
from mriplatform.outbox.publishing import publish
from reviews.models import Reading


def tell_review(reading: Reading) -> None:
    """Tell that a verdict was given, or given otherwise; the caller holds the reading."""
    image = reading.image
    publish(
        kind=Kind.REVIEW_SUBMITTED,
        object_id=reading.pk,
        collection_id=image.collection_id,
        actor_id=reading.reader_id,
        data={
            "reading": str(reading.pk),
            "image": str(image.pk),
            "study": str(image.study_id),
            "collection": str(image.collection_id),
            "status": "submitted",
            "address": f"/api/v1/studies/{image.study_id}",
        },
    )
