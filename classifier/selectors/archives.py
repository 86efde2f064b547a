"""Archives on their way in: whose they are, how far, and what became of their entries."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

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


def rights_to_send(*, labels: bool) -> frozenset[Permission]:
    """What sending an archive needs; with labels also what an import needs: its folders' names are learned from."""
    return frozenset({Permission.UPLOAD, Permission.FREEZE_LABELS} if labels else {Permission.UPLOAD})


def archives_of(user: Visitor) -> QuerySet[Archive]:
    """The archives that somebody sent into collections into which they still may, newest first."""
    if not isinstance(user, User):
        return Archive.objects.none()
    mine = Archive.objects.filter(created_by=user, collection__in=collections_of(user, Permission.UPLOAD))
    return mine.select_related("collection")


def stored_so_far(archive: Archive) -> int:
    """How many entries of an archive became an image, or several."""
    return ArchiveEntry.objects.filter(
        archive=archive, study__isnull=False, outcome=ArchiveEntry.Outcome.STORED
    ).count()


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


type _Row = tuple[str, str, str, int]


def counts_of(archive: Archive) -> ArchiveCounts:
    """The entries of an archive, counted by what became of them, or would."""
    return counts_of_each([archive])[archive.pk]


def counts_of_each(archives: Sequence[Archive]) -> dict[UUID, ArchiveCounts]:
    """The counts of several archives, by their identifiers, in one look."""
    rows: dict[UUID, list[_Row]] = {archive.pk: [] for archive in archives}
    entries = ArchiveEntry.objects.filter(archive__in=archives).exclude(code="folder").order_by()
    for pk, *row in entries.values_list("archive_id", "outcome", "code", "label").annotate(Count("pk")):
        rows[pk].append((row[0], row[1], row[2], row[3]))
    return {archive.pk: _counted(archive, rows[archive.pk]) for archive in archives}


def _counted(archive: Archive, rows: Sequence[_Row]) -> ArchiveCounts:
    kinds = ArchiveEntry.Outcome
    outcomes: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    before_storing = (Archive.Status.CHECKING, Archive.Status.RECEIVING, Archive.Status.CHECKED)
    left = kinds.PENDING if archive.status in before_storing else kinds.GOOD
    for outcome, code, label, count in rows:
        outcomes[FORETOLD.get(code, outcome) if outcome == kinds.GOOD else outcome] += count
        if label and outcome != kinds.REFUSED:
            labels[label] += count
    entries = outcomes.total() - outcomes[kinds.IGNORED]
    return ArchiveCounts(
        entries=entries,
        done=entries - sum(count for outcome, _, _, count in rows if outcome == left),
        new=outcomes[kinds.GOOD] + outcomes[kinds.STORED],
        duplicates=outcomes[kinds.DUPLICATE],
        within=sum(count for _, code, _, count in rows if code == "duplicate_within"),
        quarantined=outcomes[kinds.QUARANTINED],
        refused=outcomes[kinds.REFUSED],
        ignored=outcomes[kinds.IGNORED],
        labels=dict(sorted(labels.items())),
    )


def bytes_on_their_way(user: User) -> int:
    """What somebody's archives that are not finished take, or will."""
    waiting = Archive.objects.filter(created_by=user, status__in=UNFINISHED).aggregate(total=Sum("size"))
    return int(waiting["total"] or 0)
