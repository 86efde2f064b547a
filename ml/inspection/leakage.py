"""Leaks of a manifest: what one part shows of another, and labels that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.inspection.pairs import Hashed, Smalls, confirmed, duplicate_pairs
from ml.labels import InputError
from ml.manifest import PARTS, Row

LEAK_KINDS: Final = ("exact", "near", "mirrored", "group")
"""From the worst to the mildest; `group`: another image of the same subject lies in an earlier part."""

_WORDS: Final = {
    "exact": "pixel-identical to one",
    "near": "near-duplicates of one",
    "mirrored": "mirrored near-duplicates of one",
    "group": "of a group (a subject) of one",
}
_NAMED: Final = 3


class LeakError(InputError):
    """A manifest whose parts show each other; the message counts, names examples, and says how to go on."""


@dataclass(frozen=True)
class Hashes:
    """An image by its hashes (`ml.duplicates`): sha256 in hex, and perceptual hashes of 64 bits."""

    sha256: str
    phash: int
    phash_mirrored: int


@dataclass(frozen=True)
class Leak:
    """One image of a later part, with what shows it in an earlier one.

    Attributes:
        kind: one of `LEAK_KINDS`.
        image: of the later part.
        part: "validation" or "test".
        other: an image of an earlier part.
        other_part: the part of `other`.
    """

    kind: str
    image: str
    part: str
    other: str
    other_part: str


@dataclass(frozen=True)
class Leaks:
    """All leaks of a manifest.

    Attributes:
        found: one entry for each image of a later part that leaks, under the worst kind that holds of it.
        sizes: images by part.
    """

    found: tuple[Leak, ...]
    sizes: dict[str, int]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that occur, worst first."""
        return tuple(kind for kind in LEAK_KINDS if any(leak.kind == kind for leak in self.found))

    def counts(self, part: str = "test") -> dict[str, int]:
        """Returns how many images of a part have a counterpart in an earlier part, each under its worst kind."""
        return {
            kind: sum(leak.kind == kind and leak.part == part for leak in self.found) for kind in LEAK_KINDS
        }

    def as_metadata(self, allowed: Collection[str] = ()) -> dict[str, Any]:
        """Returns what a checkpoint keeps of it: `allowed`, `counts`, `images`, `tainted` and `validation`.

        Args:
            allowed: kinds that were let pass by name; those that do not occur are left out.
        """
        return {
            "allowed": [kind for kind in self.kinds if kind in allowed],
            "counts": self.counts(),
            "images": self.sizes.get("test", 0),
            "tainted": sum(self.counts().values()),
            "validation": self.counts("validation"),
        }

    def refuse_unless(self, allowed: Collection[str]) -> None:
        """Raises `LeakError` when a kind of leak occurs that is not among the allowed ones."""
        kinds = [kind for kind in self.kinds if kind not in allowed]
        if not kinds:
            return
        sentences = [self._sentence(kind, part) for part in ("test", "validation") for kind in kinds]
        raise LeakError(
            "The manifest leaks, so figures measured on it would say little. "
            + " ".join(sentence for sentence in sentences if sentence)
            + " `python -m ml manifest` cuts the images into parts that do not leak; to train all the same, name "
            f"what you accept: --allow-leak {','.join(kinds)} (every figure will say so)."
        )

    def _sentence(self, kind: str, part: str) -> str:
        leaks = [leak for leak in self.found if leak.kind == kind and leak.part == part]
        if not leaks:
            return ""
        examples = "; ".join(f"{leak.image} and {leak.other} ({leak.other_part})" for leak in leaks[:_NAMED])
        earlier = "train or validation" if part == "test" else "train"
        more = ", and so on" if len(leaks) > _NAMED else ""
        return f"{len(leaks)} of {self.sizes[part]} {part} images are {_WORDS[kind]} in {earlier}: {examples}{more}."


def find_leaks(rows: Sequence[Row], hashes: Sequence[Hashed], small: Sequence[Smalls] | None = None) -> Leaks:
    """Finds which images of a later part have a counterpart in an earlier one.

    Later is test after validation after train: what was learned from or chosen by must not be measured on, and
    what was learned from must not choose.

    Args:
        rows: of a manifest.
        hashes: row i's hashes.
        small: row i's levels at 32 x 32 (`ml.inspection.pairs.shrink`), by which near and mirrored images are
            confirmed; without them the hashes alone decide, which takes slices of like shape for one.
    """
    pairs = duplicate_pairs(hashes)
    if small is not None:
        pairs = confirmed(pairs, small)
    declared_near = _sharing([row.near for row in rows], rows)
    same_group = _sharing([row.group for row in rows], rows)
    # What the pixels show comes before what the manifest says: a mirrored copy shares its `near` key too.
    ordered = [*pairs.items(), ("near", declared_near), ("group", same_group)]
    found: dict[str, Leak] = {}
    for kind, pair in ((kind, pair) for kind, some in ordered for pair in some):
        late, early = sorted(pair, key=lambda i: -PARTS.index(rows[i].split))
        if rows[late].split != rows[early].split:
            leak = Leak(kind, rows[late].image, rows[late].split, rows[early].image, rows[early].split)
            found.setdefault(leak.image, leak)
    sizes = {part: sum(row.split == part for row in rows) for part in PARTS}
    leaks = sorted(found.values(), key=lambda leak: (leak.part, leak.image))
    return Leaks(tuple(leaks), sizes)


def check_allowed(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the kinds of leak that were named.

    Raises:
        LeakError: for a name that is none of `LEAK_KINDS`.
    """
    given = tuple(name for name in names if name)
    if unknown := sorted(set(given) - set(LEAK_KINDS)):
        raise LeakError(f"{', '.join(unknown)}: no kind of leak; expected some of {', '.join(LEAK_KINDS)}.")
    return given


def conflicting_labels(rows: Sequence[Row], sha256: Sequence[str]) -> list[list[int]]:
    """Returns the sets of rows whose pixels are identical and whose labels are not, as indices."""
    same: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(sha256):
        same[digest].append(index)
    return [members for members in same.values() if len({rows[i].label for i in members}) > 1]


def refuse_conflicts(rows: Sequence[Row], conflicts: Sequence[Sequence[int]]) -> None:
    """Raises `LeakError` when identical pixels carry two labels."""
    if not conflicts:
        return
    examples = "; ".join(
        " and ".join(f"{rows[i].image} ({rows[i].label})" for i in members) for members in conflicts[:_NAMED]
    )
    raise LeakError(
        f"{sum(map(len, conflicts))} images are pixel-identical to another with a different label: {examples}"
        f"{', and so on' if len(conflicts) > _NAMED else ''}. Correct the labels, or leave all of them out: "
        "--drop-conflicts."
    )


def stamp(leakage: Mapping[str, Any] | None) -> str:
    """Returns the sentence that stands beside every figure of a checkpoint whose parts leak.

    Args:
        leakage: the checkpoint's `metadata["leakage"]` (`Leaks.as_metadata`), or None where it has none.

    Returns:
        An empty text where nothing leaks into the test part or into validation, or where nothing is known.
    """
    if not leakage:
        return ""
    test, validation = _listed(leakage["counts"]), _listed(leakage.get("validation", {}))
    sentences = []
    if test:
        sentences.append(
            f"Measured on a part that leaks: {leakage['tainted']} of {leakage['images']} test images have a "
            f"counterpart among those learned from ({test})."
        )
    if validation:
        sentences.append(f"Chosen and calibrated on a validation part that leaks ({validation}).")
    return " ".join(sentences)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind} {counts[kind]}" for kind in LEAK_KINDS if counts.get(kind))


def _sharing(keys: Sequence[str], rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Returns, for each image whose key stands in another part too, the pair with the first image there."""
    first: dict[tuple[str, str], int] = {}
    for index, key in enumerate(keys):
        if key:
            first.setdefault((key, rows[index].split), index)
    return [
        (first[key, part], index)
        for index, key in enumerate(keys)
        for part in PARTS
        if key and (key, part) in first and part != rows[index].split
    ]


def hashes_of(
    sha256: npt.NDArray[np.str_], phash: npt.NDArray[np.uint64], phash_mirrored: npt.NDArray[np.uint64]
) -> list[Hashes]:
    """Returns hashes row by row from the arrays that `ml.datasets.Pixels` holds, each (N,)."""
    return [
        Hashes(str(digest), int(upright), int(turned))
        for digest, upright, turned in zip(sha256, phash, phash_mirrored, strict=True)
    ]
