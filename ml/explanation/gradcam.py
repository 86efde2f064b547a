"""Grad-CAM of the logit (Selvaraju et al. 2017, section 3) in closed form, for one class or between two.

The networks here end in global average pooling and one linear layer. Then the gradient of a logit with respect
to activation map A_k is the head's weight over the number of places, everywhere the same, and Grad-CAM becomes
ReLU(sum_k w_kc A_k): the raw class map of the forward pass, clipped at zero. Section 3.1 of the paper proves it,
and `ml.explanation.proof` checks it by automatic differentiation. The difference of two logits is linear too, so
the map of "this class rather than that one" is the difference of two raw maps, as exactly.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.labels import CLASSES, InputError
from ml.preprocessing import Frame, Levels

Floats = npt.NDArray[np.float32]

OPACITY: Final = 0.5


class ExplanationError(InputError):
    """Maps or classes that cannot be explained; the message says why."""


def class_map(maps: npt.ArrayLike, label: int, against: int | None = None) -> Floats:
    """Returns the signed evidence for a class, or for a class rather than another.

    Args:
        maps: (..., h, w, classes), raw class maps; any h and w.
        label: index of the class to explain.
        against: index of the class to set it off from; None explains the class alone.

    Returns:
        float32 (..., h, w). Its mean is the class's logit without the head's bias, or the difference of two.

    Raises:
        ExplanationError: for a class that is not there, or one set off from itself.
    """
    values = np.asarray(maps, np.float32)
    for index in (label, against):
        if index is not None and not 0 <= index < values.shape[-1]:
            raise ExplanationError(f"There is no class {index} among {values.shape[-1]} maps.")
    if label == against:
        raise ExplanationError(f"{CLASSES[label]} cannot be set off from itself; name two classes.")
    chosen = values[..., label]
    return chosen if against is None else chosen - values[..., against]


def saliency(maps: npt.ArrayLike) -> Floats:
    """Returns Grad-CAM of the logits from raw class maps: float32 of the same shape, at least 0."""
    return np.maximum(np.asarray(maps, np.float32), 0)


def normalise(cam: npt.ArrayLike) -> Floats:
    """Scales maps (..., h, w) so that each one's largest value is 1; a map without any evidence stays all zero."""
    values = np.asarray(cam, np.float32)
    if not np.isfinite(values).all():
        raise ExplanationError("The map holds numbers that are not finite.")
    top = values.max(axis=(-2, -1), keepdims=True)
    return np.divide(values, top, out=np.zeros_like(values), where=top > 0)


def enlarge(cam: npt.ArrayLike, size: int) -> Floats:
    """Returns a map (h, w) at (size, size), bilinear between the centres of its cells."""
    values = np.asarray(cam, np.float32)
    return np.asarray(cv2.resize(values, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def overlay(grey: Levels, cam: Floats, frame: Frame) -> Levels:
    """Returns the image with a normalised map over it in inferno, RGB uint8 (H, W, 3).

    The map's opacity grows with its value, so that where the model saw nothing the image stays as it was.

    Args:
        grey: uint8 (H, W).
        cam: (h, w) in 0..1.
        frame: the square of the image that the map covers.
    """
    height, width = grey.shape
    across, down = frame.side / cam.shape[1], frame.side / cam.shape[0]
    # Cell centres: the map's first cell covers the frame's first `across` times `down` pixels.
    matrix = np.array([[across, 0, frame.x + (across - 1) / 2], [0, down, frame.y + (down - 1) / 2]])
    spread = cv2.warpAffine(
        cam, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    inside = np.zeros((height, width), np.float32)
    inside[max(frame.y, 0) : frame.y + frame.side, max(frame.x, 0) : frame.x + frame.side] = 1
    spread = np.clip(spread, 0, 1) * inside
    colours = cv2.applyColorMap(np.rint(spread * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    weight = (OPACITY * spread)[..., np.newaxis]
    mixed = (1 - weight) * grey[..., np.newaxis] + weight * colours
    return np.rint(mixed).astype(np.uint8)
