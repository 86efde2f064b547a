"""Training runs: which there are, how far one is, how long they take, and what became of each line."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from statistics import median
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from classifier.models import ModelVersion, Promotion, RunStatus, TraceLine, TrainingRun
from classifier.selectors.same_pixels import reads_pixels_of
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import (
    Visitor,
    has_anywhere,
    is_reader_anywhere,
    permissions_in,
)

ACTIVE: Final = (RunStatus.QUEUED, RunStatus.RUNNING)
# How many earlier runs of a recipe say how long the next one takes.
_EARLIER: Final = 9
_HEAVY: Final = ("report", "progress", "log")
_ORIGINS: Final = ("base_version__metadata", "rule__criteria", "rule__protocol", "rule__impact")


@dataclass(frozen=True)
class Duration:
    """How long earlier runs of a recipe took, in seconds: the middle one, the shortest, the longest, and how many."""

    seconds: float
    shortest: float
    longest: float
    runs: int


@dataclass(frozen=True)
class Period:
    """The version that a run made, and from when until when it was in force, the last time; no end as long as it is."""

    version: ModelVersion
    since: datetime
    until: datetime | None


def training_runs() -> QuerySet[TrainingRun]:
    """All runs, newest first, without what makes one large: report, curve and log."""
    runs = TrainingRun.objects.select_related("base_version", "started_by", "collection", "rule")
    light = runs.defer(*_HEAVY, *_ORIGINS)
    return light.prefetch_related(Prefetch("versions", ModelVersion.objects.defer("metadata")))


def training_run_of(run_id: UUID) -> TrainingRun | None:
    """One run, whole."""
    runs = TrainingRun.objects.select_related(
        "base_version", "started_by", "cancelled_by", "collection", "rule"
    )
    whole = runs.defer(*_ORIGINS).prefetch_related(
        Prefetch("versions", ModelVersion.objects.defer("metadata"))
    )
    return whole.filter(pk=run_id).first()


def earlier_duration(kind: str) -> Duration | None:
    """How long the last runs of a kind of recipe took that succeeded; None where there is none."""
    earlier = TrainingRun.objects.filter(
        status=RunStatus.SUCCEEDED, recipe__kind=kind, started_at__isnull=False, finished_at__isnull=False
    )
    moments = list(earlier.order_by("-number").values_list("started_at", "finished_at")[:_EARLIER])
    took = [(end - begin).total_seconds() for begin, end in moments if begin and end]
    return Duration(median(took), min(took), max(took), len(took)) if took else None


def seconds_left(run: TrainingRun, now: datetime | None = None) -> float | None:
    """How long a running run still takes, by what earlier runs of its recipe took, or else by its stage's own pace.

    None where nothing says so yet.
    """
    if run.status != RunStatus.RUNNING or run.started_at is None:
        return None
    gone = max(((now or timezone.now()) - run.started_at).total_seconds(), 0.0)
    earlier = earlier_duration(str(run.recipe.get("kind", "")))
    if earlier is not None and earlier.seconds > gone:
        return earlier.seconds - gone
    remaining = run.progress[-1].get("remaining_s") if run.progress else None
    return float(remaining) if remaining is not None else None


def share_done(progress: list[dict[str, Any]]) -> float | None:
    """How much of its present stage a run has done, above 0 and up to 1; None where its curve does not say."""
    newest = progress[-1] if progress else {}
    if not newest.get("step") or not newest.get("steps"):
        return None
    return min(float(newest["step"]) / float(newest["steps"]), 1.0)


def sees_run_figures(user: Visitor, run: TrainingRun) -> bool:
    """Whether the user may see what a run made of its labels: counts, curve, log. Never who reads those images, there
    or the same pixels elsewhere."""
    if run.collection_id is None:
        return not is_reader_anywhere(user)
    return not reads_pixels_of(user, run.collection_id)


def sees_run_labels(user: Visitor, run: TrainingRun) -> bool:
    """Whether the user may see each image of a run with its label."""
    if not sees_run_figures(user, run):
        return False
    if run.collection_id is None:
        return has_anywhere(user, Permission.DOWNLOAD_LABELS)
    return Permission.DOWNLOAD_LABELS in permissions_in(user, run.collection_id)


def collection_told(user: Visitor, run: TrainingRun) -> Collection | None:
    """The run's collection, for those who are of it: models are everybody's, whose labels made them is not."""
    of_theirs = run.collection_id is not None and permissions_in(user, run.collection_id)
    return run.collection if of_theirs else None


def may_change_run(user: Visitor, run: TrainingRun) -> bool:
    """Whether the user may stop a run, or have more of it drawn: in its collection, where it has one."""
    if run.collection_id is None:
        return has_anywhere(user, Permission.TRAIN)
    return Permission.TRAIN in permissions_in(user, run.collection_id)


def trace_of(
    run: TrainingRun, *, used_as: str = "", label: str = "", reason: str = ""
) -> QuerySet[TraceLine]:
    """The lines of a run's trace in the order of its manifest, those of a use, a label or a reason alone if asked."""
    asked = {"used_as": used_as, "label": label, "reason": reason}
    chosen = {name: value for name, value in asked.items() if value}
    return TraceLine.objects.filter(run=run, **chosen).order_by("number")


def trace_reasons(run: TrainingRun) -> list[str]:
    """Why lines of the run were left out, each reason once, in the order of the alphabet."""
    reasons = TraceLine.objects.filter(run=run).exclude(reason="").order_by("reason")
    return list(reasons.values_list("reason", flat=True).distinct())


def periods_in_force(runs: Iterable[UUID]) -> dict[UUID, Period]:
    """By run, since when its version is in force; runs whose version never was are not among them."""
    wanted = set(runs)
    found: dict[UUID, Period] = {}
    if not wanted:
        return found
    promotions = Promotion.objects.select_related("model_version").defer("model_version__metadata")
    ordered = list(promotions.order_by("sequence"))
    for promotion, after in zip_longest(ordered, ordered[1:]):
        run = promotion.model_version.training_run_id
        if run is None or run not in wanted:
            continue
        before = found.get(run)
        # Put in force once more while it was: it has been since the first time.
        since = before.since if before and before.until == promotion.at else promotion.at
        found[run] = Period(promotion.model_version, since, after.at if after else None)
    return found
