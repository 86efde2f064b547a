"""Where the labels of one image went: the label sets that list it, and what each training run made of it."""

from collections import defaultdict
from dataclasses import dataclass, field

from classifier.models import Image, RunStatus, TraceLine
from classifier.selectors.training_runs import Period, periods_in_force
from reviews.models import LabelSetEntry


@dataclass(frozen=True)
class Used:
    """What one run made of the image; `period` is empty where its version was never in force."""

    line: TraceLine
    period: Period | None


@dataclass(frozen=True)
class Went:
    """One label set that lists the image, and the runs that learned from that set, newest first."""

    entry: LabelSetEntry
    uses: list[Used] = field(default_factory=list)


def image_trace(image: Image) -> list[Went]:
    """Where the image's labels went, the newest label set first. For those who may see labels alone."""
    entries = (
        LabelSetEntry.objects.filter(image=image).select_related("label_set").order_by("-label_set__number")
    )
    lines = TraceLine.objects.filter(image=image, run__status=RunStatus.SUCCEEDED).select_related("run")
    light = list(lines.defer("run__report", "run__progress", "run__log").order_by("-run__number"))
    periods = periods_in_force({line.run_id for line in light})
    by_manifest: dict[str, list[Used]] = defaultdict(list)
    for line in light:
        by_manifest[line.run.manifest_sha256].append(Used(line, periods.get(line.run_id)))
    return [Went(entry, by_manifest[entry.label_set.manifest_sha256]) for entry in entries]
