"""Does the map point at the tumour? Measured against tumour masks that the network never saw.

The pointing game (Zhang et al. 2018, section 4.3) asks whether the map's maximum lies in the mask; the share of
the map's energy in the mask (Wang et al. 2020) asks how much of the map does. Both stand beside the share of the
image that the mask takes, which is what a map without any aim would reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.explanation.gradcam import ExplanationError, enlarge, saliency
from ml.labels import CLASSES
from ml.masks import Bools, contradicted, head_area
from ml.metrics.intervals import draw_groups, group_numbers, group_sums, span
from ml.preprocessing import Levels

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

TOLERANCE: Final = 8 / 224
"""How far from the mask a maximum may lie, as a share of the image's side."""

MEASURES: Final = ("inside", "within_8px", "energy", "outside_head", "mask_share")


@dataclass(frozen=True)
class Localisation:
    """Of one map beside one mask.

    Attributes:
        inside: whether the map's maximum lies in the mask.
        within_8px: whether it lies in the mask or within 8 of 224 pixels of it.
        energy: share of the map's sum that lies in the mask.
        outside_head: share of the map's sum that lies outside the head.
        mask_share: share of the head that the mask takes, for comparison.
    """

    inside: bool
    within_8px: bool
    energy: float
    outside_head: float
    mask_share: float


def localise(raw: npt.ArrayLike, mask: npt.ArrayLike, head: Bools) -> Localisation:
    """Measures one map; one without any evidence for the class points nowhere and misses.

    Args:
        raw: (h, w), the raw class map; its positive part is enlarged bilinearly to the mask's side.
        mask: (S, S), not zero inside the tumour.
        head: bool (S, S), see `ml.masks.head_area`.

    Raises:
        ExplanationError: for an empty mask, or sides that do not fit.
    """
    tumour = np.asarray(mask) > 0
    if not tumour.any() or tumour.shape != head.shape:
        raise ExplanationError(
            f"A mask of {tumour.sum()} pixels and shape {tumour.shape} cannot be pointed at."
        )
    cam = enlarge(saliency(raw), tumour.shape[0])
    total, share = float(cam.sum(dtype=np.float64)), float((tumour & head).sum() / head.sum())
    if total <= 0:
        return Localisation(False, False, 0.0, 0.0, share)
    away = cv2.distanceTransform((~tumour).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = float(away[np.unravel_index(int(cam.argmax()), cam.shape)])
    return Localisation(
        inside=distance == 0,
        within_8px=distance <= TOLERANCE * tumour.shape[0],
        energy=float(cam[tumour].sum(dtype=np.float64)) / total,
        outside_head=float(cam[~head].sum(dtype=np.float64)) / total,
        mask_share=share,
    )


def localisation_figures(
    maps: Floats,
    probabilities: Floats,
    labels: Ints,
    masks: npt.NDArray[np.uint8] | Bools,
    levels: Levels,
    groups: Sequence[str] | None = None,
    *,
    seed: int = 0,
    bootstrap: int = 1000,
) -> dict[str, Any]:
    """Returns how well maps of the true class point at the tumour, over tumours that were named rightly.

    Args:
        maps: (N, h, w, 4), raw class maps.
        probabilities: (N, 4).
        labels: (N,) class indices.
        masks: (N, S, S), not zero inside the tumour; all zero for an image without a mask that fits.
        levels: uint8 (N, S, S), the images that the network saw.
        groups: (N,) subjects, resampled whole for the intervals; by default every image is its own.
        seed: of the bootstrap.
        bootstrap: resamples; 0 gives no intervals, and a single subject none either.

    Returns:
        Means of `MEASURES` over `n` images with `intervals` (95 %), the same `per_class`, and what was left out:
        `tumours` in all, of these `without_mask`, `mask_contradicted` (see `ml.masks.contradicted`) and
        `named_wrongly`. Means are None where nothing was measured.

    Raises:
        ExplanationError: for arrays that do not fit each other.
    """
    if not len(maps) == len(probabilities) == len(labels) == len(masks) == len(levels):
        raise ExplanationError("Maps, probabilities, labels, masks and images must be as many of each.")
    believed, left_out = believed_masks(labels, masks, levels)
    right = believed & (probabilities.argmax(axis=1) == labels)
    chosen = np.flatnonzero(right)
    found = np.array([
        _row(localise(maps[i, ..., labels[i]], masks[i], head_area(levels[i]))) for i in chosen
    ], np.float64).reshape(len(chosen), len(MEASURES))  # fmt: skip
    names = [str(i) if groups is None else groups[int(i)] for i in chosen]
    figures = _summary(found, names, seed, bootstrap)
    figures["per_class"] = {
        name: _summary(found[own], [names[i] for i in np.flatnonzero(own)], seed, bootstrap)
        for index, name in enumerate(CLASSES)
        if (own := labels[chosen] == index).any()
    }
    return figures | left_out | {"named_wrongly": int((believed & ~right).sum())}


def believed_masks(labels: Ints, masks: Any, levels: Levels) -> tuple[Bools, dict[str, int]]:
    """Returns which images are tumours with a mask that no copy contradicts, and counts of the others.

    Args:
        labels: (N,) class indices.
        masks: (N, S, S), all zero without a mask.
        levels: uint8 (N, S, S).
    """
    tumour = labels != CLASSES.index("notumor")
    drawn = tumour & np.array([mask.any() for mask in masks], np.bool_).reshape(len(masks))
    having = np.flatnonzero(drawn)
    doubted = contradicted(levels[having], masks[having])
    believed = drawn.copy()
    believed[having[doubted]] = False
    return believed, {
        "tumours": int(tumour.sum()),
        "without_mask": int((tumour & ~drawn).sum()),
        "mask_contradicted": int(doubted.sum()),
    }


def _row(figures: Localisation) -> list[float]:
    return [float(getattr(figures, name)) for name in MEASURES]


def _summary(found: Doubles, groups: Sequence[str], seed: int, bootstrap: int) -> dict[str, Any]:
    result: dict[str, Any] = {"n": len(found)}
    if len(found) == 0:
        return result | dict.fromkeys(MEASURES)
    result |= {name: float(value) for name, value in zip(MEASURES, found.mean(axis=0), strict=True)}
    keys = group_numbers(len(found), groups)
    if bootstrap and keys.max() > 0:
        result["intervals"] = _intervals(found, keys, seed, bootstrap)
    return result


def _intervals(found: Doubles, keys: Ints, seed: int, count: int) -> dict[str, list[float]]:
    """Percentile intervals of the means; whole subjects are drawn, as slices of one are no separate evidence."""
    sums = draw_groups(keys, count, seed) @ group_sums(keys, np.column_stack((found, np.ones(len(found)))))
    means = sums[:, :-1] / sums[:, -1:]
    return {name: span(means[:, index]) for index, name in enumerate(MEASURES)}
