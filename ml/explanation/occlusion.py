"""Occlusion (Zeiler and Fergus 2014, section 4.2): cover a part of the image and see how much evidence goes.

It asks the whole network, from pixels to logit, and so is a second opinion on Grad-CAM, which reads the last
activations only. It costs a forward pass for every place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from ml.explanation.gradcam import ExplanationError
from ml.masks import head_area
from ml.preprocessing import Levels, scale

Floats = npt.NDArray[np.float32]
Fill = Literal["blurred", "mean", "grey"]
Answer = Callable[[Floats], Floats]
"""From images (N, S, S, 1) to what is watched: logits, differences of two, or probabilities, (N,)."""

FILLS: Final[tuple[Fill, ...]] = get_args(Fill)
_GREY: Final = 128


def occlude(
    levels: Levels,
    answer: Answer,
    *,
    patch: int = 32,
    stride: int = 16,
    fill: Fill = "blurred",
    batch_size: int = 32,
) -> Floats:
    """Returns how far the answer falls where a square of the image is covered.

    Args:
        levels: uint8 (S, S), a preprocessed image.
        answer: gives the watched number for each of a batch of network inputs.
        patch: side of the square in pixels.
        stride: step from one place to the next, in pixels; at most `patch`, so that no pixel is left out.
        fill: what the square is covered with: the image itself "blurred" so that no detail is left, the "mean"
            level of the head, or middle "grey".
        batch_size: images in a forward pass.

    Returns:
        float32 (S, S): for each pixel the mean fall over all squares that covered it; below 0 where covering it
        helped the answer.

    Raises:
        ExplanationError: for a patch or stride that does not fit the image, or an unknown fill.
    """
    side = levels.shape[0]
    if not 1 <= stride <= patch <= side:
        raise ExplanationError(
            f"A patch of {patch} pixels moved by {stride} does not fit an image of {side}; "
            f"expected 1 <= stride <= patch <= {side}."
        )
    cover, places = _cover(levels, fill), _places(side, patch, stride)
    before = float(answer(scale(levels[np.newaxis]))[0])
    falls, times = np.zeros((2, side, side), np.float64)
    for start in range(0, len(places), batch_size):
        chunk = places[start : start + batch_size]
        covered = np.repeat(levels[np.newaxis], len(chunk), axis=0)
        for image, place in zip(covered, chunk, strict=True):
            image[place] = cover[place]
        for place, after in zip(chunk, answer(scale(covered)), strict=True):
            falls[place] += before - float(after)
            times[place] += 1
    return (falls / times).astype(np.float32)


def _places(side: int, patch: int, stride: int) -> list[tuple[slice, slice]]:
    """Squares from edge to edge; those that would begin outside are cut, so that the rim is covered as often."""
    starts = range(stride - patch, side, stride)
    spans = [slice(max(start, 0), min(start + patch, side)) for start in starts]
    return [(row, column) for row in spans for column in spans]


def _cover(levels: Levels, fill: Fill) -> Levels:
    if fill == "blurred":
        return np.asarray(cv2.GaussianBlur(levels, (0, 0), levels.shape[0] / 16), np.uint8)
    if fill == "mean":
        return np.full_like(levels, round(float(levels[head_area(levels)].mean())))
    if fill == "grey":
        return np.full_like(levels, _GREY)
    raise ExplanationError(f"The fill {fill!r} is not known; expected one of {', '.join(FILLS)}.")
