"""What is in force, what is registered, what is being trained."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from classifier.models import Evaluation, ModelVersion, Promotion, RunStatus, TrainingRun, VersionChoice


def version_in_force(at: datetime | None = None) -> ModelVersion | None:
    """The version of the newest promotion, or of the newest at a moment; None before the first."""
    promotions = Promotion.objects.select_related("model_version").order_by("-sequence")
    if at is not None:
        promotions = promotions.filter(at__lte=at)
    newest = promotions.first()
    return newest.model_version if newest else None


def version_before() -> ModelVersion | None:
    """What a roll-back puts in force: the version before the one in force; never one that was rolled back from."""
    stack: list[ModelVersion] = []
    for promotion in Promotion.objects.select_related("model_version").order_by("sequence"):
        if promotion.kind == Promotion.Kind.ROLL_BACK:
            stack.pop()
        else:
            stack.append(promotion.model_version)
    return stack[-2] if len(stack) > 1 else None


def choice_of(collection_id: UUID, at: datetime | None = None) -> VersionChoice | None:
    """What was chosen last for a collection, or last at a moment; None where nobody ever chose."""
    choices = VersionChoice.objects.select_related("model_version").filter(collection=collection_id)
    if at is not None:
        choices = choices.filter(at__lte=at)
    return choices.order_by("-sequence").first()


def version_reading_for(collection_id: UUID, at: datetime | None = None) -> ModelVersion | None:
    """The version that reads what comes into a collection, now or at a moment.

    The one that was named for it, else what is in force on the platform; None where neither is.
    """
    choice = choice_of(collection_id, at)
    if choice is not None and choice.model_version is not None:
        return choice.model_version
    return version_in_force(at)


def reading_versions(collections: Iterable[UUID]) -> dict[UUID, ModelVersion | None]:
    """`version_reading_for` of several collections, in two questions."""
    asked = list(collections)
    newest = VersionChoice.objects.filter(collection__in=asked).select_related("model_version")
    named = {choice.collection_id: choice.model_version for choice in newest.order_by("sequence")}
    in_force = version_in_force()
    return {collection_id: named.get(collection_id) or in_force for collection_id in asked}


def choices_of(collection_id: UUID) -> QuerySet[VersionChoice]:
    """What was chosen for a collection, when, by whom and why, newest first."""
    rows = VersionChoice.objects.select_related("model_version", "chosen_by")
    return rows.filter(collection=collection_id).order_by("-sequence")


def model_versions() -> QuerySet[ModelVersion]:
    """All versions, newest first, with their figures and promotions ready to show."""
    return ModelVersion.objects.select_related("registered_by", "training_run").prefetch_related(
        Prefetch("evaluations", Evaluation.objects.order_by("-created_at", "-id")),
        Prefetch("promotions", Promotion.objects.select_related("promoted_by", "decision")),
    )


def promotions() -> QuerySet[Promotion]:
    """What was put in force and when, newest first."""
    rows = Promotion.objects.select_related("model_version", "promoted_by", "decision", "load_check")
    return rows.defer("model_version__metadata").order_by("-sequence")


def active_training_run() -> TrainingRun | None:
    return TrainingRun.objects.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING]).first()
