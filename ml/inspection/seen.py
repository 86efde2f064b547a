"""Images decoded once, in threads, and kept as hashes and numbers: pixels would not fit in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.inspection.ct import looks_like_ct
from ml.inspection.files import FileFacts, ImageError, Labelled, read_with_facts, relative_name
from ml.inspection.measures import eight_bits, intensity_shares, pixel_measures
from ml.inspection.pairs import shrink
from ml.preprocessing import Preprocessing


@dataclass(frozen=True)
class Seen:
    """One decoded image of a survey.

    Attributes:
        image: the file.
        facts: what the file tells beside its pixels.
        sha256, phash, phash_mirrored: see `ml.duplicates`.
        ct: whether it looks like a CT head.
        measures: of the pixels as they are (`ml.inspection.measures.pixel_measures`).
        measures_after: of the levels that the network sees.
        shares: of pixels by intensity, (BINS,).
        small: the levels at 32 x 32, to compare with what its hashes call near (`ml.inspection.pairs.shrink`).
    """

    image: Labelled
    facts: FileFacts
    sha256: str
    phash: int
    phash_mirrored: int
    ct: bool
    measures: dict[str, float]
    measures_after: dict[str, float]
    shares: npt.NDArray[np.float64]
    small: npt.NDArray[np.uint8]


def decode(images: Sequence[Labelled], root: Path | None = None) -> tuple[list[Seen], list[dict[str, str]]]:
    """Returns the readable images with their hashes and measures, and file and reason of the others."""
    seen: list[Seen] = []
    corrupt: list[dict[str, str]] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for image, found in zip(images, threads.map(_look, images), strict=True):
            if isinstance(found, Seen):
                seen.append(found)
            else:
                corrupt.append({"file": relative_name(image.path, root), "reason": str(found)})
    return seen, corrupt


def _look(image: Labelled) -> Seen | ImageError:
    try:
        grey, facts = read_with_facts(image.path)
    except ImageError as error:
        return error
    levels = Preprocessing().levels(grey, 8 * grey.dtype.itemsize)
    eight = eight_bits(grey)
    return Seen(
        image=image,
        facts=facts,
        sha256=pixel_sha256(grey),
        phash=phash(grey),
        phash_mirrored=phash_mirrored(grey),
        ct=grey.dtype == np.uint8 and looks_like_ct(grey),
        measures=pixel_measures(eight),
        measures_after=pixel_measures(levels),
        shares=intensity_shares(eight),
        small=shrink(levels),
    )
