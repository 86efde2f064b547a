"""The public sets in numbers: what they hold, and how their own splits leak."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.duplicates import near_pairs
from ml.experiments.folds import ROBOFLOW, Bools, Collected, collect
from ml.experiments.public_data import FOLDS, PublicImage
from ml.labels import CLASSES
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
    pixels, test = collected.pixels, np.array([image.split == _TEST for image in collected.images])
    inside, outside = np.flatnonzero(chosen & test), np.flatnonzero(chosen & ~test)
    known = set(pixels.sha256[outside].tolist())
    exact = {int(i) for i in inside if pixels.sha256[i] in known}
    upright, turned = pixels.phash, pixels.phash_mirrored
    near = exact | _near(inside, upright[inside], upright[outside])
    mirrored = (
        near
        | _near(inside, turned[inside], upright[outside])
        | _near(inside, upright[inside], turned[outside])
    )
    return {"test": len(inside), "exact": len(exact), "near": len(near), "mirrored": len(mirrored)}


def _near(index: Any, ours: Any, theirs: Any) -> set[int]:
    pairs = near_pairs([int(value) for value in ours], [int(value) for value in theirs])
    return {int(index[i]) for i, _ in pairs}
