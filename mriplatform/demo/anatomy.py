"""What the drawn heads of all planes share: scalp, skull, folded brain, vessels.

Levels are grey levels from 0 to 255 as a T1-weighted scan after contrast shows them, before the scanner's own
effects are laid over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mriplatform.demo.drawing import Canvas, Field, Point, common, depth_below, mask, paint, union

AIR, BONE, CSF, GREY, WHITE, MUSCLE, FAT, VESSEL = 4.0, 14.0, 27.0, 72.0, 90.0, 62.0, 172.0, 150.0
_RIBBON = 0.03


@dataclass
class Head:
    """A drawn head.

    Attributes:
        image: grey levels.
        brain: distance to the brain's surface, negative inside.
        sella: where the pituitary lies.
        rooms: places within the brain that are large enough for a tumour.
        convexity: angles in degrees (0 to the right, 90 downwards), seen from `middle`, under which dura covers brain.
        middle: a point within the brain.
    """

    image: Field
    brain: Field
    sella: Point
    rooms: tuple[Point, ...]
    convexity: tuple[float, ...]
    middle: Point


def draw_shell(canvas: Canvas, head: Field, brain: Field) -> Field:
    """Returns air, soft tissue, a layer of fat under the skin, and the skull around a place for the brain.

    Args:
        canvas: to draw on.
        head: distance to the skin.
        brain: distance to the brain's surface.
    """
    image = np.full(head.shape, AIR, np.float32)
    bone = canvas.rng.uniform(0.05, 0.065) * (1 + 0.12 * canvas.noise(0.4))
    tissue = MUSCLE + 4 + 13 * canvas.noise(0.035) + 12 * canvas.noise(0.12)
    streaks = np.clip(0.9 - np.abs(canvas.folds(0.2)) * 2, 0, 1) * np.clip(
        0.3 + 0.45 * canvas.noise(0.25), 0, 1
    )
    paint(image, mask(head), tissue + streaks * (FAT - 25 - tissue))
    fat = common(head, -(head + 0.04 + 0.012 * canvas.noise(0.25)))
    paint(image, mask(fat, 0.02), FAT + 14 * canvas.noise(0.06) + 16 * canvas.noise(0.3))
    paint(image, 0.55 * mask(common(head, -(head + 0.011))), 105.0)
    skull = brain - 0.018 - bone
    paint(image, mask(skull, 0.012), BONE)
    marrow = common(brain - 0.018 - 0.68 * bone, -(brain - 0.018 - 0.36 * bone))
    paint(image, mask(marrow, 0.012) * np.clip(0.55 + 0.35 * canvas.noise(0.2), 0, 1), 88.0)
    paint(image, mask(brain - 0.018, 0.01), CSF)
    return image


def draw_brain(
    canvas: Canvas,
    image: Field,
    brain: Field,
    *,
    fissures: Sequence[Field],
    smooth: Sequence[Field] = (),
    depth: float = 0.2,
) -> None:
    """Paints white matter and a folded ribbon of grey matter about sulci and fissures.

    Args:
        canvas, image: to draw on.
        brain: distance to its surface.
        fissures: the great clefts, lined with grey matter like the sulci.
        smooth: parts that have no folds: brain stem, cerebellum, deep structures.
        depth: how deep sulci reach.
    """
    reach = np.maximum(depth * (1 + 0.35 * canvas.noise(0.3)), 0.03)
    width = canvas.rng.uniform(0.13, 0.19) * np.clip(1 + brain / reach, 0, 1) ** 0.6
    winding = (np.abs(canvas.folds(0.155)) - width * (1 + 0.35 * canvas.noise(0.2))) * 0.07
    sulci = np.where(-brain < reach, winding, 0.05).astype(np.float32)
    clefts = union(sulci, *fissures)
    for part in smooth:
        clefts = np.where(part < 0.01, 0.05, clefts).astype(np.float32)
    inside = mask(brain, 0.01)
    solid = inside * (1 - mask(clefts, 0.012))
    paint(image, inside, WHITE + 2.5 * canvas.noise(0.25) + 1.2 * canvas.noise(0.03))
    ribbon = depth_below(solid) - _RIBBON * (1 + 0.18 * canvas.noise(0.1))
    paint(image, inside * mask(ribbon, 0.022), GREY + 1.5 * canvas.noise(0.03))
    paint(image, 0.85 * inside * mask(clefts, 0.016), CSF + 6)


def draw_cerebellum(canvas: Canvas, image: Field, shape: Field, hub: Point) -> None:
    """Paints a cerebellum whose fine folds run around `hub`, with its tree of white matter."""
    dx, dy = canvas.x - hub[0], canvas.y - hub[1]
    radius = np.hypot(dx, dy) + 0.016 * canvas.noise(0.12)
    angle = np.arctan2(dy, dx)
    inside = mask(shape, 0.012)
    paint(image, inside, GREY + 2)
    tree = (
        np.clip(np.cos(7 * angle + 2.5 * canvas.noise(0.3)), 0, 1) ** 3
        * np.clip(1 + shape / 0.03, -1, 0)
        * -1
    )
    paint(image, inside * np.clip(tree, 0, 1) * 0.8, WHITE)
    folia = np.clip(np.cos(radius * 2 * np.pi / 0.03), 0, 1) ** 2 * np.clip(
        0.5 + 0.5 * canvas.noise(0.08), 0, 1
    )
    paint(image, inside * folia * 0.4, CSF)


def draw_vessels(canvas: Canvas, image: Field, brain: Field, count: int) -> None:
    """Paints vessels that took up contrast: short bright strokes near the brain's surface."""
    for _ in range(count):
        at = canvas.rng.uniform(-0.75, 0.75, 2)
        row, column = ((at[::-1] + 1) * (len(brain) - 1) / 2).astype(int)
        if not -0.2 < brain[row, column] < 0.005:
            continue
        step = canvas.rng.normal(0, 0.016, 2)
        line = canvas.stroke(
            [tuple(at), tuple(at + step), tuple(at + step * 1.7 + canvas.rng.normal(0, 0.014, 2))], 0.004
        )
        paint(image, canvas.rng.uniform(0.15, 0.75) * mask(line, 0.012), VESSEL)
