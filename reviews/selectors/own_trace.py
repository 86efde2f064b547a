"""Where a reader's own statements went: which training run used them, and since when its version reads.

It tells a reader no more than they may know already. A run is named where it rests on what they said themselves, or on
a final label that they may see; of why their statement did not count only what they see anyhow is told. That others
disagree, that others have yet to read, that an image is a known case or the near-duplicate of another: all of that is
one and the same sentence.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from classifier.models import RunStatus, TraceLine
from classifier.selectors.training_runs import Period, periods_in_force
from mriplatform.accounts.models import User
from reviews.models import (
    EligibilityPolicy,
    ImageStanding,
    LabelSet,
    LabelSetEntry,
    Outcome,
    Reading,
    ReviewEvent,
)
from reviews.selectors.state import Step, reading_state

Rule = EligibilityPolicy.Rule

# Reasons that a reader knows from the image itself.
_PLAIN: Final = {"hidden: it contains identity", "removed"}
NOT_COUNTED: Final = "no label of this image could be learned from then"
OVERRULED: Final = "the final label of this image is another"


@dataclass(frozen=True)
class OwnLine:
    """What one run made of what a reader said of one image.

    Attributes:
        run: its number.
        used_as: `train`, `validation`, `test` or `excluded`.
        reason: why it was left out; empty where it was not.
        version: number of the version that the run made.
        in_force_since, in_force_until: when that version began to read, and when another took its place; None where
            it never did, or where it still does.
    """

    run: int
    used_as: str
    reason: str
    version: int | None = None
    in_force_since: datetime | None = None
    in_force_until: datetime | None = None

    @property
    def used_words(self) -> str:
        return TraceLine.Used(self.used_as).label.lower()


def own_trace(user: User, readings: Iterable[Reading]) -> dict[UUID, list[OwnLine]]:
    """What became of the user's finished readings, by reading, the newest run first; six questions at most.

    Readings of others, and those that have no verdict in force, have none. An image that the user has open again has
    none either: the answer to it would speak while they read.
    """
    finished = {
        reading.pk: reading
        for reading in readings
        if reading.reader_id == user.pk and reading_state(reading).step is Step.DONE
    }
    images = {reading.image_id for reading in finished.values()} - _open_images(user, finished.values())
    if not images:
        return {pk: [] for pk in finished}
    said = _said_by(user, images)
    entries = _entries(images)
    final = _final_images(images)
    lines: dict[UUID, list[TraceLine]] = defaultdict(list)
    for line in _lines(images):
        if line.image_id is not None:
            lines[line.image_id].append(line)
    periods = periods_in_force({line.run_id for found in lines.values() for line in found})
    return {
        pk: list(_told(reading, lines[reading.image_id], entries, said, final, periods))
        if reading.image_id in images
        else []
        for pk, reading in finished.items()
    }


def _told(
    reading: Reading,
    lines: list[TraceLine],
    entries: dict[tuple[UUID, str], LabelSetEntry],
    said: dict[UUID, list[ReviewEvent]],
    final: set[UUID],
    periods: dict[UUID, Period],
) -> Iterator[OwnLine]:
    """What the reader of a reading is told of the runs that were started since they said it."""
    own = said.get(reading.image_id, [])
    for line in lines:
        entry = entries.get((reading.image_id, line.run.manifest_sha256))
        if entry is None or not _spoke_before(reading, entry):
            continue
        if reading.image_id not in final and not _takes_final_labels_alone(entry.label_set):
            continue
        label = _label_then(own, entry)
        if line.used_as == TraceLine.Used.EXCLUDED:
            yield OwnLine(line.run.number, line.used_as, _reason(line, entry, label))
        elif label == line.label:
            yield _used(line, "", periods)
        elif reading.image_id in final:
            yield OwnLine(line.run.number, TraceLine.Used.EXCLUDED.value, OVERRULED)


def _takes_final_labels_alone(label_set: LabelSet) -> bool:
    """Whether what a set took had been shown to its readers by then. What another policy took of an image that waits,
    or an import brought, tells by being used, or not, what others say of it."""
    if label_set.dataset:
        return False
    return label_set.policy is None or label_set.policy.rule in (Rule.PROTOCOL, Rule.ADJUDICATED)


def _used(line: TraceLine, reason: str, periods: dict[UUID, Period]) -> OwnLine:
    period = periods.get(line.run_id)
    if period is None:
        return OwnLine(line.run.number, line.used_as, reason)
    return OwnLine(line.run.number, line.used_as, reason, period.version.number, period.since, period.until)


def _spoke_before(reading: Reading, entry: LabelSetEntry) -> bool:
    """Whether the reading was finished when the set was frozen. A hidden repeat is told of later runs alone, as a
    first reading would be."""
    return reading.finished_at is not None and reading.finished_at <= entry.label_set.created_at


def _label_then(own: list[ReviewEvent], entry: LabelSetEntry) -> str | None:
    """What the reader's newest verdict was when the set was frozen; None where they had given none that counted."""
    before = [event for event in own if event.at <= entry.label_set.created_at]
    if not before or before[-1].kind == ReviewEvent.Kind.WITHDRAWAL:
        return None
    return before[-1].label


def _reason(line: TraceLine, entry: LabelSetEntry, label: str | None) -> str:
    if line.reason in _PLAIN:
        return line.reason
    if line.reason == "not assessable" and label == "":
        return "you said that it cannot be assessed"
    return NOT_COUNTED


def _open_images(user: User, readings: Iterable[Reading]) -> set[UUID]:
    images = {reading.image_id for reading in readings}
    mine = Reading.objects.filter(reader=user, image__in=images, finished_at=None)
    return set(mine.values_list("image", flat=True))


def _said_by(user: User, images: set[UUID]) -> dict[UUID, list[ReviewEvent]]:
    """The user's verdicts, amendments and withdrawals that count for a label, by image, oldest first."""
    kinds = [ReviewEvent.Kind.VERDICT, ReviewEvent.Kind.AMENDMENT, ReviewEvent.Kind.WITHDRAWAL]
    events = ReviewEvent.objects.filter(
        reading__reader=user,
        reading__image__in=images,
        reading__purpose=Reading.Purpose.LABEL,
        kind__in=kinds,
    )
    found: dict[UUID, list[ReviewEvent]] = defaultdict(list)
    for event in events.select_related("reading").order_by("at", "id"):
        found[event.reading.image_id].append(event)
    return found


def _entries(images: set[UUID]) -> dict[tuple[UUID, str], LabelSetEntry]:
    rows = LabelSetEntry.objects.filter(image__in=images).select_related("label_set__policy").order_by("pk")
    return {(row.image_id, row.label_set.manifest_sha256): row for row in rows}


def _final_images(images: set[UUID]) -> set[UUID]:
    """The images whose final label stands; their readers are shown it on the study's page."""
    rows = ImageStanding.objects.filter(pk__in=images, outcome=Outcome.FINAL)
    return set(rows.values_list("pk", flat=True))


def _lines(images: set[UUID]) -> Iterable[TraceLine]:
    rows = TraceLine.objects.filter(image__in=images, run__status=RunStatus.SUCCEEDED)
    return (
        rows.select_related("run").defer("run__report", "run__progress", "run__log").order_by("-run__number")
    )
