"""Soft shapes, folds and noise on a square canvas, from which the synthetic slices are put together.

Coordinates run from -1 to 1, x to the right and y downwards. A shape is a field of signed distances in those units,
negative inside; a mask is a field from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.floating[Any]]
Point = tuple[float, float]

SIDE = 512
_EDGE = 0.006


class Canvas:
    """A grid that is bent a little, another way for each seed, so that no two heads are alike."""

    def __init__(self, rng: np.random.Generator, *, bend: float = 0.022) -> None:
        self.rng = rng
        axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
        x, y = np.meshgrid(axis, axis)
        self.x: Field = x + bend * self.noise(0.8)
        self.y: Field = y + bend * self.noise(0.8)

    def noise(self, scale: float) -> Field:
        """Smooth noise of mean 0 and deviation 1, whose blobs are about `scale` wide."""
        sigma = scale * SIDE / 6
        small = max(8, round(SIDE / max(1.0, sigma / 2)))
        grid = self.rng.standard_normal((small, small)).astype(np.float32)
        smooth = cv2.GaussianBlur(grid, (0, 0), max(0.6, sigma * small / SIDE))
        wide = np.asarray(cv2.resize(smooth, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.float32)
        return (wide - wide.mean()) / wide.std()

    def folds(self, spacing: float) -> Field:
        """A field whose zeros wind about like sulci, `spacing` apart; between -1 and 1."""
        sigma = spacing * SIDE / 9
        grain = self.rng.standard_normal((SIDE, SIDE)).astype(np.float32)
        band = cv2.GaussianBlur(grain, (0, 0), sigma) - cv2.GaussianBlur(grain, (0, 0), 1.6 * sigma)
        return np.tanh(band / band.std())

    def ellipse(self, centre: Point, radii: Point, angle: float = 0, power: float = 2) -> Field:
        """Distance to an ellipse turned clockwise by `angle` degrees; a higher power makes it squarer."""
        turn = np.deg2rad(angle)
        dx, dy = self.x - centre[0], self.y - centre[1]
        u = (np.cos(turn) * dx + np.sin(turn) * dy) / radii[0]
        v = (np.cos(turn) * dy - np.sin(turn) * dx) / radii[1]
        radius = (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power)
        return np.asarray((radius - 1) * min(radii), np.float32)

    def outline(self, points: Sequence[Point]) -> Field:
        """Distance to the smooth closed curve through the points."""
        mask = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(mask, [_pixels(_smooth(points, closed=True))], 1)
        steps = _distance(mask == 0) - _distance(mask == 1)
        return self._bent(np.asarray(cv2.GaussianBlur(steps, (0, 0), 2.5), np.float32))

    def stroke(self, points: Sequence[Point], width: float) -> Field:
        """Distance to a smooth line of this width through the points."""
        line = np.zeros((SIDE, SIDE), np.uint8)
        cv2.polylines(line, [_pixels(_smooth(points, closed=False))], isClosed=False, color=1)
        return self._bent(_distance(line == 0)) - width / 2

    def _bent(self, field: Field) -> Field:
        scale = (SIDE - 1) / 2
        columns, rows = (self.x + 1) * scale, (self.y + 1) * scale
        return np.asarray(
            cv2.remap(field, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
        )


def mask(shape: Field, edge: float = _EDGE) -> Field:
    """1 inside, 0 outside, with a border `edge` wide."""
    return np.asarray(np.clip(0.5 - shape / edge, 0, 1), np.float32)


def paint(image: Field, where: Field, level: float | Field) -> None:
    """Lays a grey level over the image, in place."""
    image += where * (level - image)


def union(*shapes: Field) -> Field:
    """Distance to the nearest of the shapes."""
    return np.asarray(np.minimum.reduce(shapes))


def common(*shapes: Field) -> Field:
    """Distance to what all shapes share."""
    return np.asarray(np.maximum.reduce(shapes))


def depth_below(solid: Field) -> Field:
    """How far each point lies within a mask."""
    return _distance(solid > 0.5)


def _distance(inside: npt.NDArray[np.bool_]) -> Field:
    pixels = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(pixels * (2 / SIDE), np.float32)


def _smooth(points: Sequence[Point], *, closed: bool) -> npt.NDArray[np.float64]:
    """A Catmull-Rom curve through the points."""
    knots = np.array(points, float)
    ends = (knots[-1:], knots[:2]) if closed else (knots[:1], knots[-1:])
    p = np.concatenate([ends[0], knots, ends[1]])
    t = np.linspace(0, 1, 24, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    return np.concatenate([*pieces, knots[:1] if closed else knots[-1:]])


def _pixels(curve: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.rint((curve + 1) * (SIDE - 1) / 2).astype(np.int32)
