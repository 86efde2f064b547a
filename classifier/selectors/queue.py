"""How long the line is."""

from django.db.models import Count

from classifier.models import JobStatus, Prediction


def queue_ahead_of(prediction: Prediction) -> int:
    """How many queued predictions will be taken before this one."""
    queued = Prediction.objects.filter(status=JobStatus.QUEUED)
    before = queued.filter(
        for_comparison=prediction.for_comparison, queued_at__lt=prediction.queued_at
    ).count()
    # Every answer goes before every comparison.
    return before + (queued.filter(for_comparison=False).count() if prediction.for_comparison else 0)


def queue_counts() -> dict[str, int]:
    """How many predictions are in each state."""
    rows = Prediction.objects.values_list("status").annotate(count=Count("pk")).order_by()
    return {status.value: 0 for status in JobStatus} | dict(rows)
