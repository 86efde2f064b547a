"""Which images a checkpoint was trained on, or on a copy of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from ml.duplicates import near_pairs

Bools = npt.NDArray[np.bool_]

COPY_BITS: Final = 2
"""A perceptual hash that differs in so few of 64 bits is taken for a copy.

Measured on Nickparvar's images: of copies saved again as JPEG (quality 60 and 85, or enlarged by half) it finds 99.4 to
100 of 100; of 7,019 images it takes 35 for copies of an image in another patient-wise fold.
"""

CHANCE: Final = 0.01
"""Share of an unknown part that may look like copies by chance: twice what was measured."""


class Known(Protocol):
    """The hashes of training images (`ml.checkpoint.TrainingHashes`)."""

    @property
    def sha256(self) -> tuple[str, ...]:
        """Of the canonical grey pixels, in hex."""
        ...

    @property
    def phash(self) -> npt.NDArray[np.uint64]:
        """Perceptual hashes (N,)."""
        ...


@dataclass(frozen=True)
class TrainedOn:
    """Which of N images are known: pixel for pixel, or as a copy (saved again, resized, mirrored). Bool (N,) each."""

    exact: Bools
    copies: Bools

    @property
    def any(self) -> Bools:
        """Either of the two (N,)."""
        return self.exact | self.copies

    @property
    def spoils(self) -> bool:
        """Whether figures on these images are spoilt: one is known exactly, or more copies than chance makes."""
        return bool(self.exact.any() or self.any.mean() > CHANCE)

    def sentence(self, name: str) -> str:
        """Returns what is known, for people; empty when nothing is."""
        if not self.any.any():
            return ""
        return (
            f"{name} was trained on {int(self.exact.sum())} of the {len(self.any)} images, and on what looks like "
            f"copies of {int((self.any & ~self.exact).sum())} more."
        )


def trained_on(
    known: Known,
    sha256: Sequence[str],
    phash: Sequence[int] | None = None,
    phash_mirrored: Sequence[int] | None = None,
) -> TrainedOn:
    """Tells which images a checkpoint knows.

    Args:
        known: the checkpoint's `training_hashes()`.
        sha256: of the N images' canonical grey pixels (`ml.duplicates.pixel_sha256`).
        phash, phash_mirrored: perceptual hashes of the N images; without them only identical pixels are found.
    """
    seen = set(known.sha256)
    exact = np.array([value in seen for value in sha256], bool)
    copies = np.zeros_like(exact)
    hashes = [int(value) for value in known.phash]
    for mine in (phash, phash_mirrored):
        if mine is not None:
            found = near_pairs([int(value) for value in mine], hashes, COPY_BITS)
            copies[sorted({i for i, _ in found})] = True
    return TrainedOn(exact, copies)
