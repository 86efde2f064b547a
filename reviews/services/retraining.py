"""Retraining without anybody asking: the plan, and starting what is due by it."""

import json
import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from classifier.exceptions import PlatformError
from classifier.models import TrainingRun
from classifier.selectors import active_training_run, version_reading_for
from classifier.services.training import check_recipe
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import RetrainingPlan, Split
from reviews.selectors.eligibility import policy_of
from reviews.selectors.planned import PlannedSet, planned_label_set
from reviews.services.label_sets import freeze_label_set, retrain

logger = logging.getLogger(__name__)

_LARGEST: Final = {"every_labels": 1_000_000, "every_hours": 8784}
_NAMES: Final = {"every_labels": "labels", "every_hours": "hours"}

# What was refused is not asked for again by this process: by collection, the manifest's hash.
_refused: dict[UUID, str] = {}


@transaction.atomic
def set_plan(
    *,
    actor: User | None,
    collection: Collection,
    every_labels: int | None = None,
    every_hours: int | None = None,
    recipe: str = "head",
    if_version: int | None = None,
) -> RetrainingPlan:
    """Say when a collection is retrained by itself; both numbers empty is never. The same again changes nothing.

    Args:
        if_version: the version that the caller saw, 0 for none; a change that is based on another is refused.

    Returns:
        The plan in force from now on.

    Raises:
        ReviewRefused: 400, a number out of range.
        RecipeRefused: there is no such recipe.
        ReadingConflict: 412, another plan was set meanwhile.
    """
    check_recipe({"kind": recipe})
    given = {"every_labels": every_labels, "every_hours": every_hours, "recipe": recipe}
    for name, largest in _LARGEST.items():
        number = given[name]
        if number is not None and not (isinstance(number, int) and 1 <= number <= largest):
            raise ReviewRefused(
                f"Every how many {_NAMES[name]}: a whole number from 1 to {largest}, or nothing.",
                code="plan_out_of_range", status=400,
            )  # fmt: skip
    # Two changes at once would both be the next version; the collection's row makes one wait for the other.
    Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
    newest = plans_of(collection).first()
    if if_version is not None and if_version != (newest.version if newest else 0):
        raise ReadingConflict(
            "The plan was changed meanwhile. Look at the one in force, then set yours again.",
            code="changed_meanwhile", status=412,
        )  # fmt: skip
    if newest is not None and all(getattr(newest, name) == value for name, value in given.items()):
        return newest
    plan = RetrainingPlan.objects.create(
        collection=collection, version=newest.version + 1 if newest else 1, set_by=actor, **given
    )
    record(
        action="retraining.planned", actor=actor, target=plan, collection_id=collection.pk, version=plan.version,
        every_labels=every_labels, every_hours=every_hours, recipe=recipe,
    )  # fmt: skip
    return plan


def plans_of(collection: Collection) -> QuerySet[RetrainingPlan]:
    """Every plan of a collection, the one in force first."""
    return RetrainingPlan.objects.filter(collection=collection).order_by("-version")


def start_due_trainings() -> TrainingRun | None:
    """Freeze the labels of the first collection that is due, and start its training; while a run is active, nothing.

    Labels that a run was started with once, however that ended, start no second one by themselves.

    Returns:
        The run that was started, if any.
    """
    if active_training_run() is not None:
        return None
    newest = RetrainingPlan.objects.order_by("collection_id", "-version").distinct("collection_id")
    for plan in newest.select_related("collection"):
        trigger = due(plan)
        run = _start(plan, trigger) if trigger is not None else None
        if run is not None:
            return run
    return None


def due(plan: RetrainingPlan) -> str | None:
    """What a training is due by now, as `TrainingRun.Trigger`; None where none is."""
    collection = plan.collection
    last = TrainingRun.objects.filter(collection=collection).order_by("-number").first()
    since = last.created_at if last else plan.created_at
    by_hours = plan.every_hours is not None and timezone.now() - since >= timedelta(hours=plan.every_hours)
    if not by_hours and plan.every_labels is None:
        return None
    planned = planned_label_set(collection, policy_of(collection))
    if not planned.counts[Split.TRAIN] or _refused.get(collection.pk) == planned.sha256:
        return None
    if TrainingRun.objects.filter(collection=collection, manifest_sha256=planned.sha256).exists():
        return None
    new = new_labels(planned, last)
    if plan.every_labels is not None and new >= plan.every_labels:
        return TrainingRun.Trigger.LABELS
    return TrainingRun.Trigger.SCHEDULE if by_hours and new else None


def new_labels(planned: PlannedSet, last: TrainingRun | None) -> int:
    """How many of the labels that would be frozen now the last run had not, or had otherwise."""
    had: set[tuple[str, str]] = set()
    if last is not None:
        with last.manifest.open("rb") as stored:
            lines = [json.loads(line) for line in stored.read().decode().splitlines()]
        had = {(line["pixel_sha256"], line["label"]) for line in lines if line["split"] != Split.EXCLUDED}
    used = (line for line in planned.lines if line.split is not Split.EXCLUDED)
    return sum((line.pixel_sha256, line.label) not in had for line in used)


def _start(plan: RetrainingPlan, trigger: str) -> TrainingRun | None:
    """Freeze and start; what is refused is logged and not asked for again until the labels are others."""
    collection = plan.collection
    if version_reading_for(collection.pk) is None:
        return None  # nothing to start from yet: the plan waits
    try:
        label_set = freeze_label_set(actor=None, collection=collection)
        run = retrain(actor=None, label_set=label_set, recipe={"kind": plan.recipe}, trigger=trigger)
    except PlatformError as refusal:
        if refusal.code == "run_active":
            return None  # somebody was quicker: the plan waits for the next minute
        logger.warning("The planned training of collection %s was refused: %s", collection.pk, refusal)
        _refused[collection.pk] = planned_label_set(collection, policy_of(collection)).sha256
        record(
            action="retraining.refused", target=plan, collection_id=collection.pk, code=refusal.code,
            reason=refusal.sentence,
        )  # fmt: skip
        return None
    logger.info("Training run %s was started by plan: %s.", run.number, trigger)
    return run
