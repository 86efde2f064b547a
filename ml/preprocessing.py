"""From canonical grey pixels to what the network sees. Training and serving both go through here.

The steps, in order: map to 8 bits, crop to the head, resize, stretch between two percentiles, scale to -1..1.
Every step is deterministic, and the result before scaling is whole 8-bit levels, so that a cached training
image and a served image of the same pixels are equal bit by bit.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ml.labels import InputError

Levels = npt.NDArray[np.uint8]
Network = npt.NDArray[np.float32]

_RED, _GREEN, _BLUE, _HALF = 19595, 38470, 7471, 0x8000


class PreprocessingError(InputError):
    """Pixels, or a specification, that cannot be preprocessed; the message says why."""


def to_grey(rgb: npt.NDArray[np.uint8]) -> Levels:
    """Luma of an RGB image in ITU-R 601 integer arithmetic, equal to Pillow's `convert("L")`.

    Args:
        rgb: uint8 of shape (H, W, 3).

    Returns:
        uint8 of shape (H, W).
    """
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise PreprocessingError(f"Expected uint8 pixels of shape (H, W, 3), got {rgb.dtype} {rgb.shape}.")
    wide = rgb.astype(np.uint32)
    luma = wide[..., 0] * _RED + wide[..., 1] * _GREEN + wide[..., 2] * _BLUE + _HALF
    return (luma >> 16).astype(np.uint8)


@dataclass(frozen=True)
class Frame:
    """A square in image pixels: its left and top edge, which may lie outside the image, and its side."""

    x: int
    y: int
    side: int


@dataclass(frozen=True)
class Preprocessing:
    """The specification; it travels in the checkpoint, and its sha256 names it.

    Attributes:
        version: of the algorithm below; a checkpoint of another version is refused.
        size: side of the network's input in pixels.
        wide_low, wide_high: percentiles that span the 8 bits when a 16-bit image brings no window.
        crop_threshold: share of Otsu's threshold above which a pixel counts as head.
        crop_margin: border kept around the head, as a share of its larger side.
        crop_smallest: a head smaller than this share of the image's side is not believed: no crop.
        low, high: percentiles that become black and white.
        least_contrast: black and white lie at least this many levels apart, so that flat images stay flat.
    """

    version: int = 1
    size: int = 224
    wide_low: float = 0.1
    wide_high: float = 99.9
    crop_threshold: float = 0.4
    crop_margin: float = 0.03
    crop_smallest: float = 0.2
    low: float = 1.0
    high: float = 99.5
    least_contrast: int = 16

    def __post_init__(self) -> None:
        if self.version != 1:
            raise PreprocessingError(f"Preprocessing version {self.version} is not known here; expected 1.")
        if not 16 <= self.size <= 1024:
            raise PreprocessingError(f"The input side {self.size} lies outside 16 to 1024 pixels.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preprocessing:
        """Builds a specification; raises `PreprocessingError` when a key is missing or unknown."""
        expected = {field.name for field in fields(cls)}
        if set(values) != expected:
            wrong = ", ".join(sorted(set(values) ^ expected))
            raise PreprocessingError(f"The preprocessing specification has missing or unknown keys: {wrong}.")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Returns the specification as plain values, for JSON."""
        return asdict(self)

    def sha256(self) -> str:
        """Returns the hash of the canonical JSON of the specification."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def apply(
        self, pixels: npt.NDArray[Any], bits: int = 8, window: tuple[float, float] | None = None
    ) -> Network:
        """Returns the network's input for one image.

        Args:
            pixels: (H, W), uint8 or uint16.
            bits: how many bits of a uint16 pixel are used.
            window: (centre, width) in stored values; what lies outside becomes black or white.

        Returns:
            float32 of shape (size, size, 1) in -1..1.
        """
        return self.apply_framed(pixels, bits, window)[0]

    def apply_framed(
        self, pixels: npt.NDArray[Any], bits: int = 8, window: tuple[float, float] | None = None
    ) -> tuple[Network, Frame]:
        """Returns what `apply` and `frame` return; the head is looked for once."""
        eight = self._to_eight_bits(_checked(pixels, bits), window)
        frame = self._frame(eight)
        return scale(self._cut_levels(eight, frame)), frame

    def levels(
        self, pixels: npt.NDArray[Any], bits: int = 8, window: tuple[float, float] | None = None
    ) -> Levels:
        """Returns what `apply` returns, but before the scaling: uint8 of shape (size, size)."""
        eight = self._to_eight_bits(_checked(pixels, bits), window)
        return self._cut_levels(eight, self._frame(eight))

    def frame(
        self, pixels: npt.NDArray[Any], bits: int = 8, window: tuple[float, float] | None = None
    ) -> Frame:
        """Returns the square of the image that the network sees, and that its class maps cover."""
        return self._frame(self._to_eight_bits(_checked(pixels, bits), window))

    def _to_eight_bits(self, pixels: npt.NDArray[Any], window: tuple[float, float] | None) -> Levels:
        if window is None and pixels.dtype == np.uint8:
            return pixels.astype(np.uint8, copy=False)
        if window is not None:
            centre, width = window
            if not (np.isfinite(centre) and np.isfinite(width) and width > 0):
                raise PreprocessingError(f"The window {window} needs a finite centre and a width above 0.")
            low, high = centre - width / 2, centre + width / 2
        else:
            low, high = (float(v) for v in np.percentile(pixels, (self.wide_low, self.wide_high)))
        return _span(pixels, low, max(high, low + 1.0))

    def _cut_levels(self, pixels: Levels, frame: Frame) -> Levels:
        return self._stretch(self._resize(_cut(pixels, frame)))

    def _frame(self, pixels: Levels) -> Frame:
        height, width = pixels.shape
        left, top, right, bottom = self._head_box(pixels)
        if max(right - left, bottom - top) < self.crop_smallest * max(height, width):
            left, top, right, bottom = 0, 0, width, height
        longer = max(right - left, bottom - top)
        side = longer + 2 * round(self.crop_margin * longer)
        return Frame((left + right - side) // 2, (top + bottom - side) // 2, side)

    def _head_box(self, pixels: Levels) -> tuple[int, int, int, int]:
        large = _large_parts(pixels, self.crop_threshold)[2]
        if not len(large):
            return 0, 0, 0, 0
        left, top = large[:, cv2.CC_STAT_LEFT], large[:, cv2.CC_STAT_TOP]
        right, bottom = left + large[:, cv2.CC_STAT_WIDTH], top + large[:, cv2.CC_STAT_HEIGHT]
        return int(left.min()), int(top.min()), int(right.max()), int(bottom.max())

    def _resize(self, pixels: Levels) -> Levels:
        way = cv2.INTER_AREA if pixels.shape[0] > self.size else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(pixels, (self.size, self.size), interpolation=way), np.uint8)

    def _stretch(self, pixels: Levels) -> Levels:
        low, high = (float(v) for v in np.percentile(pixels, (self.low, self.high)))
        return _span(pixels, low, max(high, low + self.least_contrast))


def large_bright_parts(
    pixels: Levels, threshold: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Returns what counts as head in a grey image of shape (H, W), bool (H, W), and OpenCV's row for each part.

    The parts are connected, above `threshold` times Otsu's threshold of the smoothed image, and at least a
    tenth as large as the largest; there may be none.
    """
    parts, large, rows = _large_parts(pixels, threshold)
    return np.isin(parts, large), rows


def _large_parts(
    pixels: Levels, threshold: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.intp], npt.NDArray[np.int32]]:
    """Returns every pixel's part, the numbers of the large ones, and OpenCV's row for each of those."""
    smooth = cv2.blur(pixels, (5, 5))
    otsu, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    count, parts, stats, _ = cv2.connectedComponentsWithStats((smooth > threshold * otsu).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = 1 + np.flatnonzero(areas >= 0.1 * areas.max(initial=0)) if count > 1 else np.zeros(0, np.intp)
    return np.asarray(parts, np.int32), large, stats[large].astype(np.int32)


def _cut(pixels: Levels, frame: Frame) -> Levels:
    """The square of an image, black where it reaches beyond it."""
    height, width = pixels.shape
    square = np.zeros((frame.side, frame.side), np.uint8)
    y0, x0 = max(frame.y, 0), max(frame.x, 0)
    part = pixels[y0 : min(frame.y + frame.side, height), x0 : min(frame.x + frame.side, width)]
    top, left = y0 - frame.y, x0 - frame.x
    square[top : top + part.shape[0], left : left + part.shape[1]] = part
    return square


def scale(levels: Levels) -> Network:
    """Scales uint8 levels of shape (..., H, W) to float32 in -1..1 of shape (..., H, W, 1)."""
    return (levels.astype(np.float32) / np.float32(127.5) - np.float32(1.0))[..., np.newaxis]


def _checked(pixels: npt.NDArray[Any], bits: int) -> npt.NDArray[Any]:
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16) or 0 in pixels.shape:
        raise PreprocessingError(
            f"Expected uint8 or uint16 pixels of shape (H, W), got {pixels.dtype} {pixels.shape}."
        )
    if not 1 <= bits <= 8 * pixels.dtype.itemsize:
        raise PreprocessingError(f"{bits} bits do not fit pixels of type {pixels.dtype}.")
    if int(pixels.max()) >= 1 << bits:
        raise PreprocessingError(f"The pixels reach {int(pixels.max())}, more than {bits} bits can hold.")
    return pixels


def _span(pixels: npt.NDArray[Any], low: float, high: float) -> Levels:
    unit = (pixels.astype(np.float64) - low) / (high - low)
    return np.rint(np.clip(unit, 0.0, 1.0) * 255.0).astype(np.uint8)
