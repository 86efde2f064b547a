"""Does the candidate know the locked images? Then every figure on them flatters it, and none of them counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.comparison.trained_on import CHANCE, COPY_BITS
from ml.duplicates import near_pairs
from ml.gate.verdict import Criterion

_NAMED: Final = 3
_KEPT: Final = 50
_SHORT: Final = 12


@dataclass(frozen=True)
class Images:
    """Images by what tells that two are of one: all of length n, or empty where it is not known.

    Attributes:
        sha256: of the canonical grey pixels, in hex.
        phash, phash_mirrored: 64-bit perceptual hashes.
        groups: subject or cluster of near-duplicates.
    """

    sha256: Sequence[str] = ()
    phash: Sequence[int] = ()
    phash_mirrored: Sequence[int] = ()
    groups: Sequence[str] = ()


@dataclass(frozen=True)
class Learned:
    """What a candidate was made from.

    Attributes:
        known: what its checkpoint says that it was trained on, whatever made it: pixel sha256.
        known_phash: perceptual hashes of the same, uint64 (N,).
        images: what this platform taught it, of which more is known.
    """

    known: Sequence[str] = ()
    known_phash: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    images: Images = field(default_factory=Images)


def audit_leaks(locked: Sequence[tuple[str, Images]], learned: Learned) -> Criterion:
    """Returns the criterion `leaks`, which fails with the pairs named where a locked image was learned from.

    What is asked, from the surest to the weakest: the same pixels; a near-duplicate or a mirrored one, by perceptual
    hash, of an image that this platform taught; another image of the same subject or cluster; and copies of images
    that the checkpoint was trained on elsewhere, of which only hashes are kept: of those, a share that chance
    explains is let pass (`ml.comparison.trained_on.CHANCE`).

    Args:
        locked: name and images of each locked part.
    """
    asked = sum(len(images.sha256) for _, images in locked)
    if not asked:
        return Criterion("leaks", "not_asked", "No hashes of the locked images are known.", {"images": 0})
    pairs = [pair for name, images in locked for pair in _pairs(name, images, learned)]
    alike = [_alike(name, images, learned) for name, images in locked]
    figures: dict[str, Any] = {
        "images": asked,
        "learned": len(set(learned.known) | set(learned.images.sha256)),
        "counts": {kind: sum(pair["kind"] == kind for pair in pairs) for kind in _WORDS},
        "pairs": pairs[:_KEPT],
        "alike": alike,
    }
    sentences = [_told(kind, [pair for pair in pairs if pair["kind"] == kind]) for kind in _WORDS]
    sentences += [
        f"{one['copies']} of the {one['images']} images of the {one['part']} look like copies of images that it was "
        "trained on, more than chance makes."
        for one in alike
        if one["copies"] > CHANCE * one["images"] and one["copies"] > 1
    ]
    told = " ".join(sentence for sentence in sentences if sentence)
    if told:
        return Criterion("leaks", "fail", f"The candidate knows locked images. {told}", figures)
    sentence = (
        f"None of the {asked} locked images is, or is like, one of the {figures['learned']} learned from."
    )
    return Criterion("leaks", "pass", sentence, figures)


_WORDS: Final = {
    "exact": "is pixel for pixel what it was trained on",
    "near": "is a near-duplicate of what it was trained on",
    "mirrored": "is a mirrored near-duplicate of what it was trained on",
    "group": "is of a subject or cluster that it was trained on",
}


def _pairs(part: str, locked: Images, learned: Learned) -> list[dict[str, str]]:
    """Each locked image that was learned from, once, under the surest kind that holds."""
    taught = learned.images
    known = set(learned.known) | set(taught.sha256)
    found = {i: ("exact", digest) for i, digest in enumerate(locked.sha256) if digest in known}
    for kind, hashes in (("near", locked.phash), ("mirrored", locked.phash_mirrored)):
        for i, j in near_pairs(list(hashes), list(taught.phash), COPY_BITS):
            found.setdefault(i, (kind, taught.sha256[j]))
    first = {group: j for j, group in reversed(list(enumerate(taught.groups))) if group}
    for i, group in enumerate(locked.groups):
        if group in first:
            found.setdefault(i, ("group", taught.sha256[first[group]]))
    return [
        {"part": part, "kind": kind, "locked": locked.sha256[i], "learned": other}
        for i, (kind, other) in sorted(found.items())
    ]


def _alike(part: str, locked: Images, learned: Learned) -> dict[str, Any]:
    hashes = [int(value) for value in learned.known_phash]
    copies: set[int] = set()
    for mine in (locked.phash, locked.phash_mirrored):
        copies |= {i for i, _ in near_pairs(list(mine), hashes, COPY_BITS)}
    return {"part": part, "images": len(locked.sha256), "copies": len(copies)}


def _told(kind: str, pairs: Sequence[dict[str, str]]) -> str:
    if not pairs:
        return ""
    named = "; ".join(f"{pair['locked'][:_SHORT]} and {pair['learned'][:_SHORT]}" for pair in pairs[:_NAMED])
    more = " and others" if len(pairs) > _NAMED else ""
    images = "1 locked image" if len(pairs) == 1 else f"{len(pairs)} locked images, each"
    return f"{images} {_WORDS[kind]} ({named}{more})."
