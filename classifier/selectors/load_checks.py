"""What workers said of loading a version."""

from datetime import timedelta

from django.db.models.functions import Now

from classifier.models import LoadCheck, ModelVersion

# The bytes cannot change unnoticed (their hash is compared at every promotion); what reads them might.
COUNTS_FOR = timedelta(minutes=10)


def newest_load_check(version: ModelVersion) -> LoadCheck | None:
    """The last answer that a worker gave about a version."""
    answered = LoadCheck.objects.filter(model_version=version, answered_at__isnull=False)
    return answered.order_by("-answered_at", "-id").first()


def fresh_load_check(version: ModelVersion) -> LoadCheck | None:
    """The last answer about a version, if it was yes and is young enough to count."""
    newest = newest_load_check(version)
    if newest is None or not newest.passed:
        return None
    return LoadCheck.objects.filter(pk=newest.pk, answered_at__gt=Now() - COUNTS_FOR).first()
