"""The survey of a set of images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.duplicates import Groups, near_pairs, phash, phash_mirrored, pixel_sha256
from ml.inspection.ct import looks_like_ct
from ml.inspection.files import ImageError, Labelled, read_grey
from ml.manifest import PARTS

KINDS: Final = ("exact", "near", "mirrored")
_SHOWN: Final = 50

Pair = tuple[int, int]


@dataclass(frozen=True)
class Seen:
    """One decoded image of a survey."""

    image: Labelled
    shape: tuple[int, int]
    sha256: str
    phash: int
    phash_mirrored: int
    ct: bool


def inspect_images(images: Sequence[Labelled], root: Path | None = None) -> dict[str, Any]:
    """Decodes every image and returns what there is to say, as plain values.

    Args:
        images: files with label and split where known.
        root: names are given relative to it.

    Returns:
        `images`, `classes` (counts by split and label), `sizes`, `corrupt` (file and reason), `duplicates` (pairs
        by kind: exact, near, mirrored; with how many have two labels), `clusters`, `leakage` (for each two
        splits, the images of the second that have a counterpart in the first, by kind) and `looks_like_ct`.
        Lists of examples are cut at 50.
    """
    seen, corrupt = decode(images, root)
    pairs = duplicate_pairs(seen)
    groups = Counter(clusters(seen))
    return {
        "images": len(images),
        "readable": len(seen),
        "classes": _counts([one.image for one in seen]),
        "sizes": _common(Counter(f"{one.shape[1]}x{one.shape[0]}" for one in seen)),
        "corrupt": corrupt,
        "duplicates": {kind: _described(pairs[kind], seen, root) for kind in KINDS},
        "clusters": {"count": len(groups), "largest": max(groups.values(), default=0)},
        "leakage": _leakage(pairs, seen),
        "looks_like_ct": [_name(one.image.path, root) for one in seen if one.ct],
    }


def decode(images: Sequence[Labelled], root: Path | None = None) -> tuple[list[Seen], list[dict[str, str]]]:
    """Returns the readable images with their hashes, and file and reason of the others."""
    seen, corrupt = [], []
    for image in images:
        try:
            grey = read_grey(image.path)
        except ImageError as error:
            corrupt.append({"file": _name(image.path, root), "reason": str(error)})
            continue
        height, width = grey.shape
        ct = grey.dtype == np.uint8 and looks_like_ct(grey)
        hashes = pixel_sha256(grey), phash(grey), phash_mirrored(grey)
        seen.append(Seen(image, (height, width), *hashes, ct))
    return seen, corrupt


def duplicate_pairs(seen: Sequence[Seen]) -> dict[str, list[Pair]]:
    """Returns index pairs (i < j) by kind; a pair stands only under the first kind that holds."""
    upright = near_pairs([one.phash for one in seen])
    turned = {(min(p), max(p)) for p in near_pairs(
        [one.phash for one in seen], [one.phash_mirrored for one in seen]) if p[0] != p[1]}  # fmt: skip
    exact = [(i, j) for i, j in upright if seen[i].sha256 == seen[j].sha256]
    near = sorted(set(upright) - set(exact))
    return {"exact": exact, "near": near, "mirrored": sorted(turned - set(upright))}


def clusters(seen: Sequence[Seen]) -> list[int]:
    """Returns a cluster number for each image: duplicates of any kind, and theirs, share one."""
    groups: Groups[int] = Groups()
    for kind in duplicate_pairs(seen).values():
        for i, j in kind:
            groups.join(i, j)
    return [groups.find(i) for i in range(len(seen))]


def _counts(images: Sequence[Labelled]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (split, label), count in sorted(Counter((one.split, one.label) for one in images).items()):
        table.setdefault(split or "no split", {})[label or "no label"] = count
    return table


def _common(counter: Counter[str]) -> dict[str, int]:
    return dict(counter.most_common(8))


def _described(pairs: Sequence[Pair], seen: Sequence[Seen], root: Path | None) -> dict[str, Any]:
    names = [[_name(seen[i].image.path, root), _name(seen[j].image.path, root)] for i, j in pairs[:_SHOWN]]
    torn = sum(seen[i].image.label != seen[j].image.label for i, j in pairs)
    return {"pairs": len(pairs), "pairs_with_two_labels": torn, "examples": names}


def _leakage(pairs: dict[str, list[Pair]], seen: Sequence[Seen]) -> list[dict[str, Any]]:
    present = [part for part in PARTS if any(one.image.split == part for one in seen)]
    found = []
    for first, second in combinations(present, 2):
        total = sum(one.image.split == second for one in seen)
        row: dict[str, Any] = {"from": first, "into": second, "images": total}
        leaked: set[int] = set()
        for kind in KINDS:
            for i, j in pairs[kind]:
                for here, there in ((i, j), (j, i)):
                    if seen[here].image.split == second and seen[there].image.split == first:
                        leaked.add(here)
            row[f"up_to_{kind}"] = len(leaked)
        found.append(row)
    return found


def _name(path: Path, root: Path | None) -> str:
    return str(path.relative_to(root)) if root is not None and path.is_relative_to(root) else str(path)
