"""Tumours as contrast shows them: drawn over a head, in a place where such a tumour grows."""

from __future__ import annotations

import numpy as np

from mriplatform.demo.anatomy import CSF, GREY, Head
from mriplatform.demo.drawing import Canvas, Point, common, mask, paint


def draw_glioma(canvas: Canvas, head: Head) -> None:
    """An irregular ring about a dead core, patches of contrast, and dark swelling around it."""
    rng = canvas.rng
    at = _near(rng, head.rooms[rng.integers(len(head.rooms))], 0.03)
    radius = rng.uniform(0.1, 0.16)
    swelling = canvas.ellipse(at, (1.9 * radius, 1.6 * radius), angle=rng.uniform(0, 180))
    swelling = common(swelling + 0.05 * canvas.noise(0.16), head.brain + 0.03)
    paint(head.image, 0.75 * mask(swelling, 0.07), GREY - 20)
    shape = canvas.ellipse(at, (radius, radius * rng.uniform(0.7, 1)), angle=rng.uniform(0, 180))
    shape = common(shape + 0.022 * canvas.noise(0.12) + 0.01 * canvas.noise(0.05), head.brain + 0.012)
    paint(head.image, mask(shape, 0.02), 58.0 + 14 * canvas.noise(0.06))
    core = shape + rng.uniform(0.045, 0.065)
    paint(head.image, 0.8 * mask(core, 0.03), CSF + 14)
    thickness = 0.016 * np.clip(1 + 0.55 * canvas.noise(0.15), 0.25, 2.2)
    ring = (np.abs(shape + 0.02) - thickness).astype(np.float32)
    paint(head.image, mask(ring, 0.016) * np.clip(0.8 + 0.25 * canvas.noise(0.1), 0.25, 1), 172.0)
    patches = mask(shape + 0.01, 0.02) * np.clip(canvas.noise(0.06) - 0.9, 0, 1)
    paint(head.image, patches.astype(np.float32), 150.0)


def draw_meningioma(canvas: Canvas, head: Head) -> None:
    """Round, evenly bright, broad against the dura, which is thickened beside it."""
    rng = canvas.rng
    surface, inwards = _surface(head, head.convexity[rng.integers(len(head.convexity))] + rng.uniform(-6, 6))
    radius = rng.uniform(0.11, 0.17)
    at = (surface[0] + inwards[0] * radius * 0.72, surface[1] + inwards[1] * radius * 0.72)
    shape = canvas.ellipse(at, (radius, radius * rng.uniform(0.85, 1.1)), angle=rng.uniform(0, 180))
    shape = common(shape + 0.008 * canvas.noise(0.15), head.brain - 0.012)
    paint(head.image, 0.6 * mask(common(shape - 0.06, head.brain + 0.02), 0.09), GREY - 14)
    paint(head.image, 0.7 * mask(common(shape - 0.012, head.brain), 0.012), CSF + 10)
    paint(head.image, mask(shape, 0.012), 164.0 + 6 * canvas.noise(0.05) + 5 * canvas.noise(0.2))
    tail = np.hypot(canvas.x - surface[0], canvas.y - surface[1]) - 1.75 * radius
    dura = common(np.abs(head.brain - 0.006) - 0.009, tail.astype(np.float32))
    paint(head.image, mask(dura, 0.012), 150.0)


def draw_pituitary(canvas: Canvas, head: Head) -> None:
    """Bright, in the middle of the skull base, growing out of the sella, often with a waist."""
    rng = canvas.rng
    x, y = head.sella
    width = rng.uniform(0.07, 0.105)
    below = canvas.ellipse((x, y), (width, width * 0.85), power=2.2)
    above = canvas.ellipse(
        (x + rng.uniform(-0.01, 0.01), y - 0.95 * width), (width * rng.uniform(0.75, 1), width * 0.8)
    )
    shape = np.minimum(below, above) + 0.006 * canvas.noise(0.12)
    paint(head.image, 0.6 * mask(shape - 0.014, 0.014), CSF)
    paint(head.image, mask(shape, 0.014), 146.0 + 8 * canvas.noise(0.06))
    cyst = canvas.ellipse((x + rng.uniform(-0.03, 0.03), y - 0.03), (0.022, 0.018))
    paint(head.image, 0.5 * mask(cyst, 0.02), 105.0)


def _near(rng: np.random.Generator, at: Point, spread: float) -> Point:
    return at[0] + rng.uniform(-spread, spread), at[1] + rng.uniform(-spread, spread)


def _surface(head: Head, angle: float) -> tuple[Point, Point]:
    """Where a ray from the brain's middle leaves the brain, and the direction back."""
    dx, dy = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    reach = np.linspace(0.1, 0.95, 400)
    side = len(head.brain)
    columns = ((head.middle[0] + reach * dx + 1) * (side - 1) / 2).astype(int).clip(0, side - 1)
    rows = ((head.middle[1] + reach * dy + 1) * (side - 1) / 2).astype(int).clip(0, side - 1)
    end = reach[np.argmax(head.brain[rows, columns] > 0)]
    return (head.middle[0] + end * dx, head.middle[1] + end * dy), (-dx, -dy)
