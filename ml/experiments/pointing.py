"""Does the map point at the tumour? Measured against tumour masks (Zhang et al. 2018, the pointing game)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml.experiments.folds import Collected
from ml.gradcam import normalise, saliency
from ml.masks import Bools, framed_mask
from ml.preprocessing import Preprocessing

_TOLERANCE_PIXELS = 8


def pointing_figures(
    collected: Collected,
    index: npt.NDArray[np.int64],
    answers: dict[str, npt.NDArray[np.float32]],
    preprocessing: Preprocessing,
) -> dict[str, Any]:
    """Returns how often the map of a rightly named tumour has its maximum inside the tumour's mask.

    Args:
        collected: the images, with their masks.
        index: which of them the answers belong to.
        answers: `probabilities` and `maps` of these.

    Returns:
        `n` (correct tumours with a mask), `inside`, `within_8px` (of 224) and `energy` (mean share of the map's
        sum inside the mask).
    """
    hits = []
    for row, number in enumerate(index):
        image, label = collected.images[number], int(collected.labels[number])
        if image.mask is None or int(answers["probabilities"][row].argmax()) != label:
            continue
        mask = framed_mask(image.path, image.mask, preprocessing)
        if mask is not None:
            hits.append(_pointing(answers["maps"][row, ..., label], mask))
    inside, near, energy = (float(np.mean(column)) for column in zip(*hits, strict=True))
    return {"n": len(hits), "inside": inside, "within_8px": near, "energy": energy}


def _pointing(raw: npt.NDArray[np.float32], mask: Bools) -> tuple[bool, bool, float]:
    side = mask.shape[0]
    cam = np.asarray(cv2.resize(normalise(saliency(raw)), (side, side), interpolation=cv2.INTER_CUBIC))
    cam = np.maximum(cam, 0)
    top = np.unravel_index(int(cam.argmax()), cam.shape)
    span = 2 * _TOLERANCE_PIXELS + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (span, span))
    wide = cv2.dilate(mask.astype(np.uint8), disc) > 0
    total = float(cam.sum())
    return bool(mask[top]), bool(wide[top]), float(cam[mask].sum()) / total if total > 0 else 0.0
