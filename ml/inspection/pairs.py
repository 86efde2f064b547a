"""Which images show the same thing: pairs of duplicates by kind, and the clusters that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from ml.duplicates import Groups, near_pairs

KINDS: Final = ("exact", "near", "mirrored")

Pair = tuple[int, int]


class Hashed(Protocol):
    """An image by its hashes (`ml.duplicates`)."""

    @property
    def sha256(self) -> str:
        """Of the grey pixels."""
        ...

    @property
    def phash(self) -> int:
        """64 bits."""
        ...

    @property
    def phash_mirrored(self) -> int:
        """64 bits, of the image mirrored left to right."""
        ...


def duplicate_pairs(seen: Sequence[Hashed]) -> dict[str, list[Pair]]:
    """Returns index pairs (i < j) by kind; a pair stands only under the first kind that holds."""
    upright = near_pairs([one.phash for one in seen])
    turned = {(min(p), max(p)) for p in near_pairs(
        [one.phash for one in seen], [one.phash_mirrored for one in seen]) if p[0] != p[1]}  # fmt: skip
    exact = [(i, j) for i, j in upright if seen[i].sha256 == seen[j].sha256]
    near = sorted(set(upright) - set(exact))
    return {"exact": exact, "near": near, "mirrored": sorted(turned - set(upright))}


def clusters(seen: Sequence[Hashed], pairs: Mapping[str, Sequence[Pair]] | None = None) -> list[int]:
    """Returns a cluster number for each image: duplicates of any kind, and theirs, share one.

    Args:
        pairs: of `duplicate_pairs`, where they are known already.
    """
    groups: Groups[int] = Groups()
    for found in (pairs or duplicate_pairs(seen)).values():
        for i, j in found:
            groups.join(i, j)
    return [groups.find(i) for i in range(len(seen))]
