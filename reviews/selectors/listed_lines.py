"""The images of a label set, frozen or planned, one by one: narrowed, and a page of them at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, QuerySet

from reviews.models import LabelSet, LabelSetEntry, Split
from reviews.selectors.planned import Line, PlannedSet

PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which images are wanted; an empty word narrows nothing. `split` may be `used` for the three parts together."""

    split: str = ""
    label: str = ""
    reason: str = ""

    def takes(self, line: Line) -> bool:
        return (
            (not self.split or _in_split(line.split.value, self.split))
            and (not self.label or line.label == self.label)
            and (not self.reason or line.reason == self.reason)
        )

    def as_query(self) -> Q:
        wanted = Q()
        if self.split:
            wanted &= ~Q(split=Split.EXCLUDED) if self.split == USED else Q(split=self.split)
        if self.label:
            wanted &= Q(label=self.label)
        return wanted & Q(reason=self.reason) if self.reason else wanted


USED: Final = "used"


def narrowed_lines(planned: PlannedSet, narrowing: Narrowing) -> list[Line]:
    """The lines of a dry run that are wanted, in their order."""
    return [line for line in planned.lines if narrowing.takes(line)]


def narrowed_entries(label_set: LabelSet, narrowing: Narrowing) -> QuerySet[LabelSetEntry]:
    """The entries of a set that are wanted, in the order of its manifest."""
    found = LabelSetEntry.objects.filter(narrowing.as_query(), label_set=label_set)
    return found.select_related("image").order_by("image_id")


def page_of(lines: Sequence[Line], *, start: str = "", size: int = PAGE) -> list[Line]:
    """The lines after an image, `size` at most; lines are in the order of their images."""
    return [line for line in lines if line.image > start][:size]


def lines_as_json(planned: PlannedSet, narrowing: Narrowing) -> Iterator[str]:
    """The wanted lines as JSON Lines, as a manifest has them."""
    for line in narrowed_lines(planned, narrowing):
        yield f"{line.as_json()}\n"


def as_values(line: Line) -> dict[str, Any]:
    """What a page or the API shows of a line."""
    return {
        "image": line.image, "pixel_sha256": line.pixel_sha256, "label": line.label, "split": line.split.value,
        "reason": line.reason, "weight": line.weight, "plane": line.plane, "source": line.source,
    }  # fmt: skip


def _in_split(split: str, wanted: str) -> bool:
    return split != Split.EXCLUDED if wanted == USED else split == wanted
