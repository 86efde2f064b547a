"""The public sets in numbers: what they hold, and how their own splits leak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.experiments.folds import ROBOFLOW, Bools, Collected, collect
from ml.experiments.public_data import FOLDS, PublicImage
from ml.inspection.leakage import find_leaks, hashes_of
from ml.inspection.pairs import KINDS, shrink
from ml.labels import CLASSES
from ml.manifest import Row
from ml.preprocessing import Preprocessing

_TEST: Final = "test"


def describe_data(root: Path, work: Path) -> dict[str, Any]:
    """Returns counts of each set and of the leak-free folds, and the leaks of the sets' own splits.

    Args:
        root: folder of the public data.
        work: where decoded images are cached.
    """
    preprocessing = Preprocessing()
    both = collect(root, work, "folds", preprocessing)
    roboflow = collect(root, work, ROBOFLOW, preprocessing)
    sets = {
        source: _counts(both, np.array([image.source == source for image in both.images]))
        for source in ("nickparvar", "brisc_notumor")
    }
    sets["roboflow2443"] = _counts(roboflow, np.ones(len(roboflow.images), bool))
    return {
        "sets": sets,
        "folds": {
            str(fold): _classes([image for image in both.images if image.fold == fold]) for fold in FOLDS
        },
        "own_splits": {
            "nickparvar": _leaks(both, np.array([image.source == "nickparvar" for image in both.images])),
            "roboflow2443": _leaks(roboflow, np.ones(len(roboflow.images), bool)),
        },
    }


def _counts(collected: Collected, chosen: Bools) -> dict[str, Any]:
    images = [image for image, own in zip(collected.images, chosen, strict=True) if own]
    masks = collected.masks
    return {
        "images": len(images),
        "classes": _classes(images),
        "groups": len({image.group for image in images}),
        "tumours": sum(image.label != "notumor" for image in images),
        "traced": sum(image.traced for image in images),
        "masks": 0 if masks is None else int(masks[chosen].any(axis=(1, 2)).sum()),
        "doubted_masks": 0 if collected.doubted is None else int(collected.doubted[chosen].sum()),
        "disputed": sum(image.conflict for image in images),
        "looks_like_ct": int(collected.pixels.ct[chosen].sum()),
        "planes": dict(Counter(image.plane or "not stated" for image in images)),
        "splits": dict(Counter(image.split for image in images)),
    }


def _classes(images: Sequence[PublicImage]) -> dict[str, int]:
    found = Counter(image.label for image in images)
    return {name: found[name] for name in CLASSES}


def _leaks(collected: Collected, chosen: Bools) -> dict[str, int]:
    """Counts test images of a set's own split with a counterpart outside it; each kind holds those before."""
    index, pixels = np.flatnonzero(chosen), collected.pixels
    rows = [_row(collected.images[i]) for i in index]
    hashes = hashes_of(pixels.sha256[index], pixels.phash[index], pixels.phash_mirrored[index])
    found = find_leaks(rows, hashes, [shrink(pixels.levels[i]) for i in index]).counts()
    counts = list(accumulate(found[kind] for kind in KINDS))
    return {"test": sum(row.split == _TEST for row in rows), **dict(zip(KINDS, counts, strict=True))}


def _row(image: PublicImage) -> Row:
    # Only what pixels show counts here, so neither group nor copies are declared.
    return Row(image.path.as_posix(), image.label, _TEST if image.split == _TEST else "train")
