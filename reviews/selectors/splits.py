"""Which part a labelled image belongs to: whole subjects and near-duplicate clusters together, and for ever."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import TextField
from django.db.models.functions import Cast

from classifier.models import Image
from reviews.models import Split, SplitAssignment

VALIDATION_SHARE: Final = 0.15
TEST_SHARE: Final = 0.15


@dataclass(frozen=True)
class Place:
    """Where an image belongs; excluded with a reason where its group lies on both sides of the test line."""

    split: Split
    reason: str = ""


@dataclass(frozen=True)
class Placement[I]:
    """Where each image belongs, and what the ledger of parts does not have yet: by key, its part."""

    places: dict[I, Place]
    unwritten: dict[str, Split]


def placement[I](clusters: Mapping[I, object], wanted: Mapping[I, str] | None = None) -> Placement[I]:
    """Give each image its part. Nothing is written down: that is for `reviews.services.splits`.

    A group is what subjects and near-duplicate clusters hold together, directly or over other images of the
    platform, labelled or not. A group that the ledger knows stays where it is. A new one goes where the data set
    that it came with had it; where nothing is wanted, where the hash of its smallest key says, 15 % to validation and
    15 % to test, unless that part would then hold more than its share of these images: then it goes to training, so
    that a handful of labels is never all test.

    Args:
        clusters: by image, the cluster of near-duplicates that it is in.
        wanted: by image, the part that it is to be in if nothing is against it.
    """
    groups = _groups()
    members: dict[str, list[I]] = defaultdict(list)
    for image, cluster in clusters.items():
        members[groups.root(f"cluster:{cluster}")].append(image)
    written = dict(SplitAssignment.objects.values_list("key", "split"))
    known = _known_splits(groups, written)
    wishes = {root: _wish(found, wanted) for root, found in members.items()} if wanted else {}
    settled = {root: _settled(known[root]) for root in members if root in known}
    settled |= {root: Place(wish) for root, wish in wishes.items() if wish and root not in settled}
    places = settled | _drawn(members, settled, len(clusters))
    return Placement(
        {image: places[root] for root, found in members.items() for image in found},
        _unwritten(groups, places, written),
    )


class Groups:
    """Keys that belong together (union-find); a group is known by its smallest key."""

    def __init__(self, linked: Iterable[Sequence[str]]) -> None:
        self._parent: dict[str, str] = {}
        for first, *others in linked:
            root = self.root(first)
            for key in others:
                root = self._join(root, self.root(key))

    def keys(self) -> Iterable[str]:
        return self._parent

    def root(self, key: str) -> str:
        path = []
        while (parent := self._parent.setdefault(key, key)) != key:
            path.append(key)
            key = parent
        for passed in path:
            self._parent[passed] = key
        return key

    def _join(self, one: str, other: str) -> str:
        """Make two roots one: the smaller, which is answered."""
        if one == other:
            return one
        smaller, larger = (one, other) if one < other else (other, one)
        self._parent[larger] = smaller
        return smaller


def _keys(subject_key: str, cluster: object, pixel_sha256: str) -> list[str]:
    """What an image is held to others by. Its own pixels are among them: clusters are joined as images come in,
    and an image remembers its part where the cluster it was in is no more."""
    subject = [f"subject:{subject_key}"] if subject_key else []
    return [*subject, f"cluster:{cluster}", f"pixels:{pixel_sha256}"]


def _groups() -> Groups:
    # As text: a hundred thousand identifiers are not made into objects, to be written out again at once.
    cluster = Cast("cluster", TextField())
    linked = Image.objects.order_by().values_list("study__subject_key", cluster, "pixel_sha256")
    return Groups(_keys(*row) for row in linked.iterator())


def _known_splits(groups: Groups, written: Mapping[str, str]) -> dict[str, set[str]]:
    """By group, the parts that the ledger has its keys in."""
    known: dict[str, set[str]] = defaultdict(set)
    for key, split in written.items():
        known[groups.root(key)].add(split)
    return known


def _settled(splits: set[str]) -> Place:
    """The part of a group whose keys the ledger has; training and validation joined are training from now on."""
    if Split.TEST in splits and len(splits) > 1:
        others = "training" if Split.TRAIN in splits else "validation"
        return Place(Split.EXCLUDED, f"bridges {others} and test")
    if len(splits) > 1:
        return Place(Split.TRAIN)
    return Place(Split(next(iter(splits))))


def _wish[I](images: Iterable[I], wanted: Mapping[I, str]) -> Split | None:
    """The part that a group is wanted in; where its images are wanted in several, the one that is furthest from the
    test: what anybody may have learned from must never be measured on."""
    wishes = {wanted.get(image) for image in images}
    return next((split for split in (Split.TRAIN, Split.VALIDATION, Split.TEST) if split in wishes), None)


def _drawn[I](
    members: Mapping[str, Sequence[I]], settled: Mapping[str, Place], total: int
) -> dict[str, Place]:
    """The parts of the groups that nothing has settled, in an order that their keys alone decide."""
    held: Counter[Split] = Counter()
    for root, place in settled.items():
        held[place.split] += len(members[root])
    drawn: dict[str, Place] = {}
    fractions = {root: _fraction(root) for root in members if root not in settled}
    for root in sorted(fractions, key=fractions.__getitem__):
        split = _split_for(fractions[root], len(members[root]), held, total)
        drawn[root] = Place(split)
        held[split] += len(members[root])
    return drawn


def _split_for(fraction: float, size: int, held: Counter[Split], total: int) -> Split:
    if fraction < VALIDATION_SHARE:
        wanted, share = Split.VALIDATION, VALIDATION_SHARE
    elif fraction < VALIDATION_SHARE + TEST_SHARE:
        wanted, share = Split.TEST, TEST_SHARE
    else:
        return Split.TRAIN
    return wanted if held[wanted] + size <= share * total else Split.TRAIN


def _fraction(key: str) -> float:
    """A number from 0 to 1 that the key alone decides."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64


def _unwritten(groups: Groups, places: Mapping[str, Place], written: Mapping[str, str]) -> dict[str, Split]:
    """Every key of the groups placed that the ledger does not have yet."""
    placed = {root: place.split for root, place in places.items() if place.split != Split.EXCLUDED}
    unwritten = (key for key in list(groups.keys()) if key not in written)
    return {key: placed[root] for key in unwritten if (root := groups.root(key)) in placed}
