"""What is in force, what is registered, what is being trained."""

from datetime import datetime

from django.db.models import Prefetch, QuerySet

from classifier.models import Evaluation, JobStatus, ModelVersion, Promotion, TrainingRun


def version_in_force(at: datetime | None = None) -> ModelVersion | None:
    """The version of the newest promotion, or of the newest at a moment; None before the first."""
    promotions = Promotion.objects.select_related("model_version").order_by("-sequence")
    if at is not None:
        promotions = promotions.filter(at__lte=at)
    newest = promotions.first()
    return newest.model_version if newest else None


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, newest first, with their figures and promotions ready to show."""
    return ModelVersion.objects.select_related("registered_by", "training_run").prefetch_related(
        Prefetch("evaluations", Evaluation.objects.order_by("-created_at", "-id")),
        Prefetch("promotions", Promotion.objects.select_related("promoted_by")),
    )


def promotions() -> QuerySet[Promotion]:
    """What was put in force and when, newest first."""
    return Promotion.objects.select_related("model_version", "promoted_by").order_by("-sequence")


def active_training_run() -> TrainingRun | None:
    return TrainingRun.objects.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING]).first()
