"""How long the line is."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Q

from classifier.models import JobStatus, Prediction, Study
from classifier.selectors.answering import answering_prediction, answering_rows


def queue_ahead_of_studies(studies: Sequence[Study]) -> dict[UUID, int]:
    """How many answers will be taken before the first of each study's that are in line; one question for all studies.

    A study of which none is in line has nothing before it. Comparisons do not count: every answer goes before them.
    """
    first = {
        study.pk: min(row.queued_at for row in queued) for study in studies if (queued := _queued(study))
    }
    earlier = {pk.hex: Count("pk", filter=Q(queued_at__lt=queued_at)) for pk, queued_at in first.items()}
    counts = answering_rows().filter(status=JobStatus.QUEUED).aggregate(**earlier) if first else {}
    return {study.pk: counts.get(study.pk.hex, 0) for study in studies}


def queue_counts() -> dict[str, int]:
    """How many predictions are in each state."""
    rows = Prediction.objects.values_list("status").annotate(count=Count("pk")).order_by()
    return {status.value: 0 for status in JobStatus} | dict(rows)


def _queued(study: Study) -> list[Prediction]:
    answers = (answering_prediction(image) for image in study.images.all())
    return [row for row in answers if row is not None and row.status == JobStatus.QUEUED]
