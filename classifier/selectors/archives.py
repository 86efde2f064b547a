"""Archives on their way in: whose they are, how far, and what became of their entries."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q, QuerySet, Sum

from classifier.models import Archive, ArchiveEntry
from ml.labels import DISPLAY_NAMES
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of

UNFINISHED: Final = (
    Archive.Status.RECEIVING,
    Archive.Status.CHECKING,
    Archive.Status.CHECKED,
    Archive.Status.STORING,
)
# What the check foretells of a good entry, as its code, until it is stored.
FORETOLD: Final = {
    "duplicate": ArchiveEntry.Outcome.DUPLICATE,
    "duplicate_within": ArchiveEntry.Outcome.DUPLICATE,
    "quarantined": ArchiveEntry.Outcome.QUARANTINED,
}


@dataclass(frozen=True)
class ArchiveCounts:
    """How many entries of an archive there are of each kind; folders are not counted.

    Attributes:
        entries: those that are looked at: all but the ignored ones.
        done: how many of them the present pass has finished.
        new: good ones that are stored, or would be.
        duplicates: whose pixels the collection has already, or that repeat an earlier entry of the archive.
        within: those of them that repeat an earlier entry.
        labels: by class, how many entries a folder names it for; the others name none.
    """

    entries: int
    done: int
    new: int
    duplicates: int
    within: int
    quarantined: int
    refused: int
    ignored: int
    labels: dict[str, int]

    @property
    def named_labels(self) -> list[tuple[str, int]]:
        return [(DISPLAY_NAMES[label], count) for label, count in self.labels.items()]

    @property
    def unlabelled(self) -> int:
        return self.entries - self.refused - sum(self.labels.values())


def archives_of(user: Visitor) -> QuerySet[Archive]:
    """The archives that somebody sent into collections into which they still may, newest first."""
    if not isinstance(user, User):
        return Archive.objects.none()
    mine = Archive.objects.filter(created_by=user, collection__in=collections_of(user, Permission.UPLOAD))
    return mine.select_related("collection")


def entries_of(archive: Archive) -> QuerySet[ArchiveEntry]:
    """The entries of an archive by their numbers; the folders in it are none."""
    return (
        ArchiveEntry.objects.filter(archive=archive)
        .exclude(code="folder")
        .select_related("study", "image")
        .order_by("number")
    )


def of_outcome(entries: QuerySet[ArchiveEntry], outcome: str) -> QuerySet[ArchiveEntry]:
    """Those of the entries of which `shown_outcome` says this."""
    good = ArchiveEntry.Outcome.GOOD
    foretold = [code for code, becomes in FORETOLD.items() if becomes == outcome]
    if outcome == good:
        return entries.filter(outcome=good).exclude(code__in=FORETOLD)
    return entries.filter(Q(outcome=outcome) | Q(outcome=good, code__in=foretold))


def shown_outcome(entry: ArchiveEntry) -> str:
    """What became of an entry, or, before it is stored, what would."""
    if entry.outcome == ArchiveEntry.Outcome.GOOD:
        return FORETOLD.get(entry.code, ArchiveEntry.Outcome.GOOD)
    return entry.outcome


def counts_of(archive: Archive) -> ArchiveCounts:
    """The entries of an archive, counted by what became of them, or would."""
    found = entries_of(archive).order_by().values_list("outcome", "code", "label").annotate(Count("pk"))
    outcome_counts: dict[str, int] = {}
    labels: dict[str, int] = {}
    waiting = within = 0
    storing = archive.status not in (
        Archive.Status.CHECKING,
        Archive.Status.RECEIVING,
        Archive.Status.CHECKED,
    )
    for outcome, code, label, count in found:
        shown = FORETOLD.get(code, outcome) if outcome == ArchiveEntry.Outcome.GOOD else outcome
        outcome_counts[shown] = outcome_counts.get(shown, 0) + count
        within += count if code == "duplicate_within" else 0
        waiting += count if outcome == (ArchiveEntry.Outcome.GOOD if storing else "pending") else 0
        if label and outcome != ArchiveEntry.Outcome.REFUSED:
            labels[label] = labels.get(label, 0) + count
    kinds = ArchiveEntry.Outcome
    ignored = outcome_counts.get(kinds.IGNORED, 0)
    entries = sum(outcome_counts.values()) - ignored
    return ArchiveCounts(
        entries=entries,
        done=entries - waiting,
        new=outcome_counts.get(kinds.GOOD, 0) + outcome_counts.get(kinds.STORED, 0),
        duplicates=outcome_counts.get(kinds.DUPLICATE, 0),
        within=within,
        quarantined=outcome_counts.get(kinds.QUARANTINED, 0),
        refused=outcome_counts.get(kinds.REFUSED, 0),
        ignored=ignored,
        labels=dict(sorted(labels.items())),
    )


def bytes_on_their_way(user: User) -> int:
    """What somebody's archives that are not finished take, or will."""
    waiting = Archive.objects.filter(created_by=user, status__in=UNFINISHED).aggregate(total=Sum("size"))
    return int(waiting["total"] or 0)
