"""What came of a manifest: the runs that were trained on it, and the versions that they made."""

from django.db.models import QuerySet

from classifier.models import ModelVersion, TrainingRun


def runs_on(manifest_sha256: str) -> QuerySet[TrainingRun]:
    """The training runs that used a manifest, newest first."""
    return TrainingRun.objects.filter(manifest_sha256=manifest_sha256).order_by("-number")


def versions_from(manifest_sha256: str) -> QuerySet[ModelVersion]:
    """The versions that came of those runs, newest first."""
    return (
        ModelVersion.objects.filter(training_run__manifest_sha256=manifest_sha256)
        .defer("metadata")
        .order_by("-number")
    )
