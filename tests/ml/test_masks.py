from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.masks import contradicted, framed_mask, head_area
from ml.preprocessing import Preprocessing

FRAME = Preprocessing(size=96)


def head(seed: int = 0) -> np.ndarray:
    """A textured ellipse on black, off the middle of a 160 x 200 image."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(
        rng.integers(90, 200, (9, 9), dtype=np.uint8), (200, 160), interpolation=cv2.INTER_CUBIC
    )
    shape = cv2.ellipse(np.zeros((160, 200), np.uint8), (110, 84), (60, 70), 0, 0, 360, 1, -1)
    return texture * shape


def disc(x: int, y: int, radius: int = 12) -> np.ndarray:
    return cv2.circle(np.zeros((160, 200), np.uint8), (x, y), radius, 255, -1)


def saved(folder: Path, name: str, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(folder / name)
    return folder / name


@pytest.mark.parametrize("bits", [8, 16])
def test_a_mask_moves_as_its_image_does(tmp_path: Path, bits: int) -> None:
    """What is painted into the image at the mask's place is found there after preprocessing."""
    grey, mask = head() // 2, disc(90, 60)
    grey[mask > 0] = 255
    pixels = grey if bits == 8 else grey.astype(np.uint16) * 257
    image = saved(tmp_path, f"{bits}.png", pixels)
    framed = framed_mask(image, saved(tmp_path, "mask.png", mask), FRAME)
    assert framed is not None
    bright = FRAME.levels(pixels, bits) > 178
    assert (framed & bright).sum() / (framed | bright).sum() > 0.93
    assert np.argwhere(framed).mean(axis=0) == pytest.approx(np.argwhere(bright).mean(axis=0), abs=0.2)


def test_a_mask_that_does_not_fit_is_none(tmp_path: Path) -> None:
    image = saved(tmp_path, "image.png", head())
    for name, mask in {
        "empty.png": disc(0, 0, 0) * 0,
        "other.png": disc(110, 84)[:150],
        "air.png": disc(20, 20),
    }.items():
        assert framed_mask(image, saved(tmp_path, name, mask), FRAME) is None, name
    assert framed_mask(image, saved(tmp_path, "good.png", disc(110, 84)), FRAME) is not None


def test_the_head_is_found_without_holes() -> None:
    levels = FRAME.levels(cv2.circle(head(), (110, 84), 20, 0, -1))
    found = head_area(levels)
    assert found[48, 48]
    assert not found[:3, :3].any()
    true = FRAME.levels((head() > 0).astype(np.uint8) * 200) > 100
    assert (found & true).sum() / (found | true).sum() > 0.93
    assert head_area(np.zeros((96, 96), np.uint8)).all()


def test_masks_of_one_slice_that_contradict_each_other_are_doubted() -> None:
    slices = [FRAME.levels(head(seed)) for seed in range(4)]
    left, right = np.zeros((2, 96, 96), np.uint8)
    left[30:50, 20:40] = right[30:50, 60:80] = 255
    nudged = np.roll(left, 3, axis=1)
    levels = np.stack([
        slices[0], slices[0],  # the same mask, a little moved: believed
        slices[1], slices[1],  # another place: doubted
        slices[2], slices[2][:, ::-1],  # mirrored, the mask is not: doubted
        slices[3], slices[3][:, ::-1],  # mirrored with its mask: believed
    ])  # fmt: skip
    masks = np.stack([left, nudged, left, right, left, left, left, left[:, ::-1]])
    assert contradicted(levels, masks).tolist() == [False, False, True, True, True, True, False, False]
    assert contradicted(levels[:0], masks[:0]).shape == (0,)


@pytest.mark.data
def test_few_masks_of_the_public_set_are_doubted(real_data: Path) -> None:
    """Three pairs of one slice, mirrored, whose masks do not meet; the others are believed."""
    import csv

    with (real_data / "nickparvar" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"] and row["leakfree_fold"] == "4"]
    folder, frame = real_data / "nickparvar", Preprocessing()
    rows = sorted(rows, key=lambda row: row["mirror_group"])[:100]
    from ml.inspection import read_grey

    framed = [framed_mask(folder / row["file"], folder / row["mask"], frame) for row in rows]
    assert all(mask is not None for mask in framed)
    levels = np.stack([frame.levels(read_grey(folder / row["file"])) for row in rows])
    doubted = contradicted(levels, np.stack(framed))
    assert np.flatnonzero(doubted).tolist() == [2, 3, 6, 7, 44, 45]
