"""Two methods on the same images: how far Grad-CAM and occlusion agree, and which of them points better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.explanation.agreement import TOP_SHARE, Agreement, agreement
from ml.explanation.gradcam import class_map, enlarge
from ml.explanation.localisation import Localisation, localise
from ml.explanation.occlusion import Answer, occlude
from ml.masks import Bools, head_area
from ml.preprocessing import Levels

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Logits = Callable[[Floats], Floats]
"""From images (N, S, S, 1) to logits (N, 4)."""


def watch(logits: Logits, label: int, against: int | None = None) -> Answer:
    """Returns what occlusion watches: the logit of a class, or its lead over another's."""

    def lead(batch: Floats) -> Floats:
        answers = logits(batch)
        return answers[:, label] if against is None else answers[:, label] - answers[:, against]

    return lead


def compare_methods(
    levels: Levels,
    maps: Floats,
    labels: Ints,
    masks: npt.NDArray[np.uint8] | Bools,
    logits: Logits,
    *,
    patch: int = 32,
    stride: int = 16,
) -> dict[str, Any]:
    """Returns the mean agreement of both methods inside the head, and where each points, on the same tumours.

    Args:
        levels: uint8 (N, S, S); a few dozen do, as each costs some 230 forward passes.
        maps: (N, h, w, 4), raw class maps.
        labels: (N,) the class to explain.
        masks: (N, S, S), not zero inside the tumour.
        logits: the network.
        patch, stride: of the occlusion, in pixels.

    Returns:
        `n`; `spearman`, `pearson` and `top_overlap` (means; the last beside `top_overlap_by_chance`); `gradcam` and
        `occlusion`, each with `inside`, `within_8px` and `energy`.
    """
    alike: list[Agreement] = []
    pointed: dict[str, list[Localisation]] = {"gradcam": [], "occlusion": []}
    for image, raw, label, mask in zip(levels, maps, labels, masks, strict=True):
        head, cam = head_area(image), class_map(raw, int(label))
        fall = occlude(image, watch(logits, int(label)), patch=patch, stride=stride)
        alike.append(agreement(enlarge(cam, len(image)), fall, head))
        pointed["gradcam"].append(localise(cam, mask, head))
        pointed["occlusion"].append(localise(fall, mask, head))
    result: dict[str, Any] = {"n": len(alike), "top_overlap_by_chance": TOP_SHARE}
    for name in ("spearman", "pearson", "top_overlap"):
        result[name] = _mean([getattr(one, name) for one in alike])
    for method, found in pointed.items():
        names = ("inside", "within_8px", "energy")
        result[method] = {name: _mean([float(getattr(one, name)) for one in found]) for name in names}
    return result


def _mean(values: list[float | None]) -> float | None:
    """The mean of what is defined; None where nothing is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
