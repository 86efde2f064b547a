"""Heads seen axially, through the ventricles or through the skull base, and coronally."""

from __future__ import annotations

import numpy as np

from mriplatform.demo.anatomy import (
    AIR,
    BONE,
    CSF,
    FAT,
    GREY,
    MUSCLE,
    VESSEL,
    WHITE,
    Head,
    draw_brain,
    draw_cerebellum,
    draw_shell,
    draw_vessels,
)
from mriplatform.demo.drawing import Canvas, Field, Point, common, mask, paint, union

SIDES = (-1, 1)


def draw_axial(canvas: Canvas) -> Head:
    """Through the lateral ventricles; the face looks up."""
    rng = canvas.rng
    canvas.x *= 1 + 0.1 * canvas.y
    head = canvas.ellipse((0, 0), (rng.uniform(0.62, 0.69), 0.84), power=2.2)
    brain = head + rng.uniform(0.135, 0.155)
    image = draw_shell(canvas, head, brain)
    size = rng.uniform(0.75, 1.3)
    ventricles = [canvas.ellipse((0, 0.03), (0.011 * size, 0.075))]
    nuclei = []
    fissures = [
        canvas.stroke([(0, -0.8), (0.008, -0.5), (0, -0.29)], 0.014),
        canvas.stroke([(0, 0.31), (-0.008, 0.5), (0, 0.8)], 0.014),
    ]
    for side in SIDES:
        ventricles.append(canvas.ellipse((side * 0.08, -0.2), (0.034 * size, 0.11), angle=side * 20))
        ventricles.append(canvas.ellipse((side * 0.2, 0.25), (0.04 * size, 0.13), angle=-side * 24))
        nuclei.append(canvas.ellipse((side * 0.135, -0.17), (0.034, 0.085), angle=side * 20))
        nuclei.append(canvas.ellipse((side * 0.245, -0.05), (0.042, 0.13), angle=-side * 12))
        nuclei.append(canvas.ellipse((side * 0.09, 0.07), (0.068, 0.1), angle=-side * 24))
        fissures.append(canvas.stroke([(side * 0.6, -0.2), (side * 0.42, -0.12), (side * 0.34, 0.08)], 0.02))
        fissures.append(canvas.stroke([(side * 0.42, -0.12), (side * 0.36, -0.21)], 0.016))
    draw_brain(canvas, image, brain, fissures=fissures)
    paint(image, mask(union(*nuclei), 0.025), GREY + 2)
    paint(image, mask(union(*ventricles), 0.014), CSF - 4)
    for side in SIDES:
        paint(
            image,
            mask(canvas.ellipse((side * 0.2, 0.25), (0.016, 0.045), angle=-side * 24), 0.02),
            VESSEL - 20,
        )
    for ends in ([(0, -0.72), (0, -0.31)], [(0, 0.33), (0, 0.72)]):
        paint(image, 0.7 * mask(canvas.stroke(ends, 0.005)), 100.0)
    paint(image, mask(canvas.ellipse((0, 0.69), (0.03, 0.026))), VESSEL + 30)
    paint(image, mask(canvas.ellipse((0, -0.69), (0.013, 0.018))), VESSEL)
    draw_vessels(canvas, image, brain, 90)
    rooms = tuple((side * x, y) for side in SIDES for x, y in ((0.3, -0.36), (0.36, 0.2), (0.26, 0.42)))
    convexity = (200, 215, 325, 340, 20, 40, 140, 160)
    return Head(image, brain, (0, -0.1), rooms, convexity, (0, 0))


def draw_base(canvas: Canvas) -> Head:
    """Axial through eyes, sella, midbrain and cerebellum; the face looks up."""
    rng = canvas.rng
    canvas.x *= 1 + 0.06 * canvas.y
    head = canvas.ellipse((0, 0), (rng.uniform(0.64, 0.68), 0.84), power=2.3)
    half = [
        (0.12, -0.12),
        (0.2, -0.3),
        (0.34, -0.38),
        (0.46, -0.28),
        (0.52, -0.05),
        (0.52, 0.2),
        (0.44, 0.46),
        (0.24, 0.63),
    ]
    brain = canvas.outline([*half, (0, 0.66), *[(-x, y) for x, y in half[::-1]], (0, -0.09)])
    image = draw_shell(canvas, head, brain)
    _draw_orbits(canvas, image, head)
    stem = canvas.ellipse((0, 0.1), (0.14, 0.1))
    cerebellum = canvas.ellipse((0, 0.44), (0.33, 0.19), power=2.4)
    cistern = union(
        canvas.ellipse((0, -0.1), (0.12, 0.11), power=1.2), canvas.ellipse((0, 0.1), (0.175, 0.135))
    )
    tents = [
        canvas.stroke([(side * 0.15, 0.2), (side * 0.3, 0.3), (side * 0.43, 0.5)], 0.012) for side in SIDES
    ]
    draw_brain(canvas, image, brain, fissures=tents, smooth=[stem, cerebellum], depth=0.16)
    draw_cerebellum(canvas, image, cerebellum, (0, 0.24))
    paint(image, mask(cistern, 0.02), CSF)
    paint(image, mask(stem, 0.012), WHITE - 6)
    paint(
        image,
        mask(union(canvas.ellipse((0, 0.005), (0.03, 0.035)), canvas.ellipse((0, 0.15), (0.012, 0.014)))),
        CSF,
    )
    paint(image, 0.6 * mask(union(*tents), 0.01), 115.0)
    for side in SIDES:
        paint(image, mask(canvas.ellipse((side * 0.085, -0.14), (0.02, 0.02))), VESSEL)
        paint(image, mask(canvas.ellipse((side * 0.31, 0.0), (0.015, 0.05), angle=side * 20), 0.015), CSF)
    draw_vessels(canvas, image, brain, 60)
    rooms = tuple((side * x, y) for side in SIDES for x, y in ((0.34, -0.14), (0.37, 0.14)))
    return Head(image, brain, (0, -0.13), rooms, (325, 345, 5, 175, 195, 215, 60, 120), (0, 0.15))


def _draw_orbits(canvas: Canvas, image: Field, head: Field) -> None:
    cells = mask(canvas.ellipse((0, -0.52), (0.1, 0.24), power=4), 0.015)
    paint(image, cells, AIR + 2)
    paint(image, cells * (np.abs(canvas.folds(0.09)) < 0.3), 110.0 + 25 * canvas.noise(0.05))
    for side in SIDES:
        wall = canvas.ellipse((side * 0.3, -0.5), (0.19, 0.26), angle=side * 32)
        paint(image, mask(common(wall, head + 0.03), 0.01), BONE)
        socket = canvas.ellipse((side * 0.29, -0.54), (0.15, 0.21), angle=side * 30)
        paint(image, mask(common(socket, head + 0.015), 0.01), FAT - 12 + 10 * canvas.noise(0.08))
        muscles = [
            canvas.stroke([(side * 0.17, -0.62), (side * 0.155, -0.5), (side * 0.17, -0.37)], 0.026),
            canvas.stroke([(side * 0.39, -0.6), (side * 0.34, -0.47), (side * 0.2, -0.36)], 0.026),
            canvas.stroke([(side * 0.28, -0.58), (side * 0.24, -0.46), (side * 0.14, -0.28)], 0.026),
        ]
        paint(image, mask(union(*muscles)), 92.0)
        globe = canvas.ellipse((side * 0.27, -0.62), (0.098, 0.098))
        paint(image, mask(globe), 98.0)
        paint(image, mask(globe + 0.012), 36.0)
        paint(image, mask(canvas.ellipse((side * 0.275, -0.695), (0.042, 0.018))), 78.0)


def draw_coronal(canvas: Canvas) -> Head:
    """Through the third ventricle and the sella."""
    rng = canvas.rng
    skin: list[Point] = [(0, -0.86), (0.28, -0.81), (0.5, -0.62), (0.6, -0.33), (0.6, -0.02), (0.56, 0.26)]
    skin += [(0.55, 0.5), (0.52, 0.75), (0.42, 1.02), (0.4, 1.2)]
    half = [
        (0.2, -0.7),
        (0.38, -0.57),
        (0.48, -0.33),
        (0.48, -0.08),
        (0.45, 0.1),
        (0.42, 0.25),
        (0.3, 0.33),
        (0.18, 0.28),
        (0.11, 0.18),
    ]
    head = canvas.outline([*skin, *[(-x, y) for x, y in skin[:0:-1]]])
    brain = canvas.outline([(0, -0.73), *half, (0, 0.15), *[(-x, y) for x, y in half[::-1]]])
    image = draw_shell(canvas, head, brain)
    _draw_face(canvas, image)
    size = rng.uniform(0.8, 1.3)
    fissures = [canvas.stroke([(0, -0.76), (0.006, -0.5), (0, -0.34)], 0.014)]
    ventricles = [canvas.ellipse((0, -0.02), (0.011 * size, 0.08))]
    nuclei = []
    for side in SIDES:
        fissures.append(canvas.stroke([(side * 0.52, 0.05), (side * 0.4, 0.03), (side * 0.32, -0.07)], 0.02))
        fissures.append(canvas.stroke([(side * 0.4, 0.03), (side * 0.33, 0.08)], 0.016))
        ventricles.append(canvas.ellipse((side * 0.085, -0.2), (0.08, 0.033 * size), angle=-side * 28))
        ventricles.append(canvas.ellipse((side * 0.29, 0.15), (0.03, 0.012)))
        nuclei.append(canvas.ellipse((side * 0.17, -0.19), (0.03, 0.06), angle=side * 30))
        nuclei.append(canvas.ellipse((side * 0.23, -0.03), (0.04, 0.09), angle=side * 14))
        nuclei.append(canvas.ellipse((side * 0.075, -0.03), (0.058, 0.07)))
    draw_brain(canvas, image, brain, fissures=fissures)
    paint(image, mask(union(*nuclei), 0.025), GREY + 2)
    callosum = canvas.stroke([(-0.2, -0.25), (-0.1, -0.275), (0, -0.285), (0.1, -0.275), (0.2, -0.25)], 0.045)
    paint(image, mask(callosum, 0.014), WHITE + 4)
    paint(image, mask(union(*ventricles), 0.014), CSF - 4)
    paint(image, 0.7 * mask(canvas.stroke([(0, -0.72), (0, -0.36)], 0.005)), 100.0)
    paint(image, mask(canvas.ellipse((0, -0.72), (0.028, 0.024))), VESSEL + 30)
    _draw_sella(canvas, image)
    draw_vessels(canvas, image, brain, 80)
    rooms = tuple((side * x, y) for side in SIDES for x, y in ((0.26, -0.4), (0.33, -0.2), (0.31, 0.2)))
    return Head(image, brain, (0, 0.215), rooms, (200, 220, 240, 300, 320, 340), (0, -0.2))


def _draw_sella(canvas: Canvas, image: Field) -> None:
    paint(image, mask(canvas.ellipse((0, 0.17), (0.13, 0.035), power=2.5), 0.014), CSF)
    paint(image, mask(canvas.stroke([(-0.06, 0.165), (0, 0.158), (0.06, 0.165)], 0.022), 0.01), GREY + 8)
    for side in SIDES:
        paint(image, mask(canvas.ellipse((side * 0.115, 0.235), (0.045, 0.05)), 0.012), 118.0)
        paint(image, mask(canvas.ellipse((side * 0.11, 0.24), (0.022, 0.022))), BONE)
    paint(image, mask(canvas.ellipse((0, 0.225), (0.065, 0.028), power=2.5), 0.012), 122.0)


def _draw_face(canvas: Canvas, image: Field) -> None:
    """Below the brain, coronal: sphenoid sinus, pharynx, muscles of the jaw, tongue."""
    for side in SIDES:
        skew = canvas.rng.uniform(0.85, 1.15)
        paint(
            image,
            0.8 * mask(canvas.ellipse((side * 0.3, 0.45), (0.13, 0.035), angle=side * 20), 0.03),
            BONE + 14,
        )
        muscles = [
            canvas.ellipse((side * 0.43, 0.58), (0.05 * skew, 0.19), angle=side * 6),
            canvas.ellipse((side * 0.22, 0.58), (0.055 * skew, 0.14), angle=side * 20),
            canvas.ellipse((side * 0.3, 0.53), (0.1, 0.03 * skew), angle=-side * 14),
        ]
        paint(image, 0.75 * mask(union(*muscles), 0.02), MUSCLE + 5 + 7 * canvas.noise(0.03))
        paint(
            image,
            0.8 * mask(canvas.ellipse((side * 0.335, 0.76), (0.028, 0.15), angle=-side * 6), 0.014),
            BONE + 6,
        )
        paint(
            image,
            0.7 * mask(canvas.ellipse((side * 0.335, 0.77), (0.013, 0.12), angle=-side * 6), 0.014),
            105.0,
        )
    marrow = canvas.ellipse((0, 0.345), (0.21, 0.085), power=2.5) + 0.012 * canvas.noise(0.1)
    paint(image, mask(marrow, 0.02), 108.0 + 20 * canvas.noise(0.05))
    wall = canvas.rng.uniform(-0.04, 0.04)
    sinus = canvas.ellipse((wall / 2, 0.345), (0.125, 0.05), power=2.6) + 0.012 * canvas.noise(0.12)
    paint(image, mask(sinus, 0.014), AIR + 3)
    paint(image, mask(common(canvas.stroke([(wall, 0.28), (wall * 1.2, 0.42)], 0.01), sinus)), 84.0)
    throat = canvas.ellipse(
        (0, 0.54), (0.05, canvas.rng.uniform(0.05, 0.1)), power=2.2
    ) + 0.014 * canvas.noise(0.1)
    paint(image, mask(throat, 0.016), AIR + 4)
    tongue = canvas.ellipse((0, 0.82), (0.19, 0.12), power=2.4) + 0.01 * canvas.noise(0.2)
    paint(image, 0.85 * mask(tongue, 0.03), MUSCLE + 14 + 9 * canvas.noise(0.025))
    paint(image, 0.7 * mask(canvas.stroke([(-0.15, 0.69), (0, 0.67), (0.15, 0.69)], 0.016), 0.014), BONE + 10)
