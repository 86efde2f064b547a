"""Which part a labelled image belongs to: whole subjects and near-duplicate clusters together, and for ever."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final
from uuid import UUID

from classifier.models import Image
from reviews.models import Split, SplitAssignment

VALIDATION_SHARE: Final = 0.15
TEST_SHARE: Final = 0.15
# Rows of the ledger that are written together.
_BATCH: Final = 5000


@dataclass(frozen=True)
class Place:
    """Where an image belongs; excluded with a reason where its group lies on both sides of the test line."""

    split: Split
    reason: str = ""


def assign_splits(clusters: Mapping[UUID, UUID]) -> dict[UUID, Place]:
    """Give each image its part, and remember the parts of new groups in the ledger.

    A group is what subjects and near-duplicate clusters hold together, directly or over other images of the
    platform, labelled or not. A group that the ledger knows stays where it is. A new one goes where the hash of its
    smallest key says, 15 % to validation and 15 % to test, unless that part would then hold more than its share
    of these images: then it goes to training, so that a handful of labels is never all test.

    To be called under a lock: the ledger is read and then added to.

    Args:
        clusters: by image, the cluster of near-duplicates that it is in.
    """
    groups = _groups()
    members: dict[str, list[UUID]] = defaultdict(list)
    for image, cluster in clusters.items():
        members[groups.root(f"cluster:{cluster}")].append(image)
    known = _known_splits(groups)
    places = {root: _settled(known[root]) for root in members if known[root]}
    held: Counter[Split] = Counter()
    for root, place in places.items():
        held[place.split] += len(members[root])
    for root in sorted(set(members) - set(places), key=_fraction):
        places[root] = Place(_split_for(root, len(members[root]), held, len(clusters)))
        held[places[root].split] += len(members[root])
    _remember(groups, places)
    return {image: places[root] for root, found in members.items() for image in found}


class Groups:
    """Keys that belong together (union-find); a group is known by its smallest key."""

    def __init__(self, linked: Iterable[Sequence[str]]) -> None:
        self._parent: dict[str, str] = {}
        for keys in linked:
            for key in keys:
                self._join(keys[0], key)

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

    def _join(self, one: str, other: str) -> None:
        smaller, larger = sorted((self.root(one), self.root(other)))
        self._parent[larger] = smaller


def _keys(subject_key: str, cluster: UUID, pixel_sha256: str) -> list[str]:
    """What an image is held to others by. Its own pixels are among them: clusters are joined as images come in,
    and an image remembers its part where the cluster it was in is no more."""
    subject = [f"subject:{subject_key}"] if subject_key else []
    return [*subject, f"cluster:{cluster}", f"pixels:{pixel_sha256}"]


def _groups() -> Groups:
    linked = Image.objects.order_by().values_list("study__subject_key", "cluster", "pixel_sha256")
    return Groups(_keys(*row) for row in linked.iterator())


def _known_splits(groups: Groups) -> dict[str, set[str]]:
    """By group, the parts that the ledger has its keys in."""
    known: dict[str, set[str]] = defaultdict(set)
    for key, split in SplitAssignment.objects.values_list("key", "split"):
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


def _split_for(root: str, size: int, held: Counter[Split], total: int) -> Split:
    fraction = _fraction(root)
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


def _remember(groups: Groups, places: dict[str, Place]) -> None:
    """Write down every key of the groups placed that the ledger does not have yet."""
    placed = {root: place.split for root, place in places.items() if place.split != Split.EXCLUDED}
    known = set(SplitAssignment.objects.values_list("key", flat=True))
    new = (key for key in sorted(groups.keys()) if groups.root(key) in placed and key not in known)
    for keys in batched(new, _BATCH):
        SplitAssignment.objects.bulk_create(
            SplitAssignment(key=key, split=placed[groups.root(key)]) for key in keys
        )
