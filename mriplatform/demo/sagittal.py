"""Heads seen from the side, through the middle."""

from __future__ import annotations

from mriplatform.demo.anatomy import (
    AIR,
    BONE,
    CSF,
    FAT,
    GREY,
    MUSCLE,
    WHITE,
    Head,
    draw_brain,
    draw_cerebellum,
    draw_shell,
    draw_vessels,
)
from mriplatform.demo.drawing import Canvas, Field, Point, common, mask, paint, union


def draw_sagittal(canvas: Canvas) -> Head:
    """Through the middle; the face looks to the left."""
    face: list[Point] = [
        (-0.4, -0.72),
        (-0.58, -0.46),
        (-0.635, -0.22),
        (-0.645, -0.05),
        (-0.71, 0.08),
        (-0.76, 0.16),
        (-0.745, 0.2),
        (-0.69, 0.235),
    ]
    face += [
        (-0.71, 0.35),
        (-0.69, 0.43),
        (-0.66, 0.58),
        (-0.5, 0.66),
        (-0.3, 0.72),
        (-0.25, 1.2),
        (0.46, 1.2),
    ]
    nape: list[Point] = [
        (0.46, 0.7),
        (0.6, 0.38),
        (0.74, 0.05),
        (0.75, -0.25),
        (0.6, -0.58),
        (0.3, -0.79),
        (-0.05, -0.83),
    ]
    head = canvas.outline(face + nape)
    brain = canvas.outline([
        (-0.51, -0.16), (-0.45, -0.44), (-0.24, -0.64), (0.06, -0.7), (0.34, -0.64), (0.55, -0.42), (0.63, -0.12),
        (0.57, 0.14), (0.48, 0.3), (0.32, 0.39), (0.17, 0.34), (0.02, 0.27), (-0.04, 0.12), (-0.14, 0.05),
        (-0.32, 0.06), (-0.46, 0.01),
    ])  # fmt: skip
    image = draw_shell(canvas, head, brain)
    _draw_profile(canvas, image)
    cerebellum = canvas.ellipse((0.35, 0.2), (0.19, 0.16), angle=-10, power=2.3)
    middle = canvas.ellipse((0.0, -0.16), (0.3, 0.16))
    stem = union(
        canvas.ellipse((0.05, 0.15), (0.075, 0.12), angle=-8),
        canvas.stroke([(0.06, -0.04), (0.07, 0.2), (0.11, 0.38)], 0.085),
    )
    tent = canvas.stroke([(0.17, 0.0), (0.36, 0.02), (0.58, 0.14)], 0.014)
    draw_brain(canvas, image, brain, fissures=[tent], smooth=[cerebellum, middle, stem], depth=0.24)
    _draw_midline(canvas, image, cerebellum, stem)
    paint(image, 0.6 * mask(tent, 0.008), 115.0)
    draw_vessels(canvas, image, brain, 70)
    rooms = ((-0.3, -0.38), (-0.05, -0.5), (0.28, -0.46), (0.44, -0.22), (-0.34, -0.12))
    return Head(image, brain, (-0.13, 0.115), rooms, (215, 240, 265, 290, 315, 340), (0.05, -0.2))


def _draw_midline(canvas: Canvas, image: Field, cerebellum: Field, stem: Field) -> None:
    """The inner surface of the brain: callosum, thalamus, ventricles, stem, cord, cerebellum, pituitary."""
    arch = [
        (-0.19, -0.09),
        (-0.25, -0.17),
        (-0.19, -0.26),
        (0, -0.31),
        (0.18, -0.27),
        (0.26, -0.16),
        (0.22, -0.11),
    ]
    paint(image, mask(canvas.outline([*arch, (0.05, -0.06), (-0.08, -0.05)]), 0.02), CSF + 10)
    paint(image, mask(canvas.ellipse((0.03, -0.1), (0.12, 0.07)), 0.02), GREY + 4)
    paint(
        image,
        mask(canvas.stroke([(0.2, -0.17), (0.05, -0.19), (-0.08, -0.15), (-0.11, -0.05)], 0.022), 0.012),
        WHITE - 4,
    )
    paint(image, mask(canvas.stroke(arch, 0.052), 0.014), WHITE + 8)
    front = union(
        canvas.ellipse((-0.06, 0.14), (0.045, 0.09)),
        canvas.stroke([(0.02, 0.28), (0.08, 0.5), (0.1, 1.1)], 0.15),
    )
    paint(image, mask(front, 0.014), CSF)
    draw_cerebellum(canvas, image, cerebellum, (0.2, 0.16))
    paint(image, mask(stem, 0.012), WHITE - 4)
    paint(image, mask(canvas.stroke([(0.1, 0.34), (0.12, 0.6), (0.12, 1.1)], 0.06), 0.012), WHITE - 8)
    paint(image, mask(canvas.outline([(0.13, 0.08), (0.2, 0.17), (0.15, 0.28), (0.125, 0.18)]), 0.012), CSF)
    paint(image, mask(canvas.stroke([(0.1, -0.02), (0.13, 0.08)], 0.012)), CSF)
    paint(image, mask(canvas.ellipse((-0.135, 0.115), (0.045, 0.03)), 0.012), 120.0)
    paint(image, mask(canvas.stroke([(-0.1, 0.02), (-0.125, 0.1)], 0.012)), 115.0)


def _draw_profile(canvas: Canvas, image: Field) -> None:
    """Below the brain, sagittal: sinuses, clivus, palate, tongue, pharynx, vertebrae."""
    paint(
        image,
        mask(canvas.outline([(-0.2, 0.12), (-0.08, 0.14), (0.0, 0.3), (0.03, 0.46), (-0.06, 0.4)]), 0.014),
        128.0 + 12 * canvas.noise(0.06),
    )
    paint(image, mask(canvas.ellipse((-0.19, 0.21), (0.09, 0.065), power=2.5), 0.012), AIR)
    paint(image, mask(canvas.ellipse((-0.575, -0.1), (0.025, 0.065), angle=8), 0.012), AIR)
    nose = canvas.outline(
        [(-0.6, 0.1), (-0.3, 0.13), (-0.25, 0.28), (-0.42, 0.31), (-0.64, 0.24)]
    ) + 0.01 * canvas.noise(0.1)
    paint(image, 0.9 * mask(nose, 0.02), AIR + 6)
    for y in (0.15, 0.215, 0.275):
        shell = canvas.stroke(
            [(-0.56, y + 0.015), (-0.42, y), (-0.28, y + 0.02)], canvas.rng.uniform(0.03, 0.042)
        )
        paint(
            image,
            mask(common(shell + 0.006 * canvas.noise(0.06), nose - 0.01), 0.014),
            112.0 + 14 * canvas.noise(0.04),
        )
    paint(image, mask(canvas.stroke([(-0.66, 0.33), (-0.45, 0.355), (-0.28, 0.34)], 0.02)), BONE)
    paint(
        image,
        mask(canvas.ellipse((-0.43, 0.48), (0.19, 0.1), angle=-8), 0.02),
        MUSCLE + 18 + 9 * canvas.noise(0.04),
    )
    pharynx = canvas.stroke(
        [(-0.22, 0.3), (-0.15, 0.4), (-0.17, 0.58), (-0.13, 1.1)], 0.035
    ) + 0.008 * canvas.noise(0.1)
    paint(image, mask(pharynx, 0.014), AIR + 3)
    for step in range(6):
        centre = (0.0 + 0.006 * step, 0.5 + 0.12 * step)
        paint(image, mask(canvas.ellipse(centre, (0.055, 0.045), power=3.5), 0.014), 104.0)
        paint(image, mask(canvas.ellipse((centre[0], centre[1] + 0.06), (0.055, 0.012)), 0.01), BONE + 12)
        spine = canvas.ellipse((0.27, 0.52 + 0.12 * step), (0.06, 0.03), angle=20)
        paint(image, 0.8 * mask(spine, 0.014), 92.0)
    paint(image, 0.6 * mask(canvas.ellipse((0.4, 0.8), (0.05, 0.3)), 0.02), FAT)
