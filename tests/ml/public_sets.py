"""Drawn stand-ins for the public sets: the same files and columns, no patient."""

import csv
from pathlib import Path

import cv2
import numpy as np

from ml.labels import CLASSES

COLUMNS = (
    "file", "split", "cls", "phash", "dup_group", "mirror_group", "figshare_no", "plane_brisc", "label_conflict",
    "mask", "loose_cluster", "leakfree_fold", "plane",
)  # fmt: skip
SIDE = 64


def draw(rng: np.random.Generator, label: str) -> tuple[np.ndarray, np.ndarray]:
    """A head with a bright blob whose place and size tell the class; no blob for a healthy one. And its mask."""
    ys, xs = np.mgrid[:SIDE, :SIDE]
    head = np.hypot((ys - 32) / rng.uniform(24, 28), (xs - 32) / rng.uniform(20, 25)) < 1
    image = np.where(head, 70 + 25 * np.sin(xs / rng.uniform(2, 9) + rng.uniform(0, 6)), 2.0)
    image += rng.normal(0, 12, image.shape)
    mask = np.zeros(head.shape, bool)
    if label != "notumor":
        number = CLASSES.index(label)
        cy, cx = 24 + 6 * number + rng.integers(-2, 3), 22 + 6 * number + rng.integers(-2, 3)
        mask = np.hypot(ys - cy, xs - cx) < 4 + number
        image[mask] += 120
    return np.clip(image, 0, 255).astype(np.uint8), mask.astype(np.uint8) * 255


def write_public_sets(root: Path, each: int = 6) -> Path:
    """Five folds of `each` images of each class, BRISC's healthy heads, a small Roboflow set, and two strangers."""
    rng = np.random.default_rng(5)
    rows = [_row(fold, label, i) for fold in range(1, 6) for label in CLASSES for i in range(each)]
    _write(root / "nickparvar", rows, rng)
    _write(root / "brisc_notumor", [_row(0, "notumor", i) | {"plane": "sa"} for i in range(4 * each)], rng)
    split = ("train", "train", "valid", "test")
    rows = [_row(1, label, i) | {"split": split[i % 4]} for label in CLASSES for i in range(12)]
    _write(root / "roboflow2443", rows, rng)
    (root / "ood").mkdir()
    for name, image in (("noise", rng.integers(0, 255, (SIDE, SIDE))), ("flat", np.full((SIDE, SIDE), 90))):
        cv2.imwrite(str(root / "ood" / f"{name}.png"), image.astype(np.uint8))
    return root


def _row(fold: int, label: str, number: int) -> dict[str, str]:
    name = f"{label}-{fold}-{number}"
    tumour = label != "notumor"
    patient = str(1000 * fold + 100 * CLASSES.index(label) + number)
    return {
        "file": f"{name}.png",
        "split": "test" if fold == 1 else "train",
        "cls": label,
        "phash": name,
        "dup_group": "",
        "mirror_group": name,
        "figshare_no": patient if tumour and number else "",
        "plane_brisc": "ax" if tumour else "",
        "label_conflict": "0",
        "mask": f"masks/{name}.png" if tumour else "",
        "loose_cluster": name,
        "leakfree_fold": str(fold),
        "plane": "",
    }


def _write(folder: Path, rows: list[dict[str, str]], rng: np.random.Generator) -> None:
    (folder / "masks").mkdir(parents=True)
    for row in rows:
        image, mask = draw(rng, row["cls"])
        cv2.imwrite(str(folder / row["file"]), image)
        if row["mask"]:
            cv2.imwrite(str(folder / row["mask"]), mask)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
