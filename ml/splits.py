"""Cutting images into parts without cutting through a subject or a cluster of duplicates."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from ml.duplicates import Groups


def group_order(group: str, seed: int) -> str:
    """Returns the sort key that puts groups into a random but reproducible order."""
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()


def choose_groups(groups: Sequence[str], labels: Sequence[str], share: float, seed: int) -> set[str]:
    """Chooses whole groups that together hold about `share` of the images of each class.

    Args:
        groups: of each image.
        labels: of each image.
        share: 0..1.
        seed: another seed chooses other groups.

    Returns:
        The chosen groups; a class never gives more than `share` plus what its last group brings.
    """
    content: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        content[group][label] += 1
    wanted = {label: share * count for label, count in Counter(labels).items()}
    held: Counter[str] = Counter()
    chosen: set[str] = set()
    for group in sorted(content, key=lambda name: group_order(name, seed)):
        main = content[group].most_common(1)[0][0]
        if held[main] + content[group][main] / 2 <= wanted[main]:
            chosen.add(group)
            held.update(content[group])
    return chosen


def assign_folds(groups: Sequence[str], labels: Sequence[str], folds: int, seed: int) -> list[int]:
    """Returns a fold 1..folds for each image, whole groups together, classes spread evenly."""
    content: dict[str, Counter[str]] = defaultdict(Counter)
    for group, label in zip(groups, labels, strict=True):
        content[group][label] += 1
    held = [Counter[str]() for _ in range(folds)]
    fold_of: dict[str, int] = {}
    ordered = sorted(content, key=lambda name: (-content[name].total(), group_order(name, seed)))
    for group in ordered:
        main = content[group].most_common(1)[0][0]
        fold = min(range(folds), key=lambda number: (held[number][main], held[number].total()))
        held[fold].update(content[group])
        fold_of[group] = fold + 1
    return [fold_of[group] for group in groups]


def join_groups(*keys: Sequence[str]) -> list[str]:
    """Returns one group for each image, in which all lie that share any of their keys, directly or over others.

    Args:
        keys: one sequence for each kind of key (cluster, subject), each with one entry for each image; images
            do not share an empty key.
    """
    groups: Groups[tuple[str, str]] = Groups()
    images = [("image", str(index)) for index in range(len(keys[0]))]
    for kind, entries in enumerate(keys):
        for image, entry in zip(images, entries, strict=True):
            if entry:
                groups.join(image, (str(kind), entry))
    numbers: dict[tuple[str, str], str] = {}
    return [numbers.setdefault(groups.find(image), f"group-{len(numbers)}") for image in images]
