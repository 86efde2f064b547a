from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ml.config import Augmentation
from ml.datasets import (
    AugmentedImages,
    augment,
    augment_pair,
    draw_epoch,
    load_masks,
    load_pixels,
    resize_levels,
)
from ml.preprocessing import Levels, Preprocessing

STILL = Augmentation(**dict.fromkeys(Augmentation.model_fields, 0.0))
MOVES = {
    "rotation": 180.0,
    "shear": 20.0,
    "zoom": 0.3,
    "aspect": 0.3,
    "shift": 0.2,
    "crop": 0.4,
    "mirror": 0.5,
}


def noise(count: int, seed: int = 0) -> Levels:
    return np.random.default_rng(seed).integers(0, 200, (count, 64, 64)).astype(np.uint8)


def only(**values: float) -> Augmentation:
    return Augmentation(**{**vars(STILL), **values})


def batches(**values: Any) -> AugmentedImages:
    given = {"size": 48, "batch_size": 8, "how": Augmentation(), "seed": 1, "epoch": 0}
    labels, weights = np.arange(20) % 4, np.ones(20, np.float32)
    return AugmentedImages(noise(20), labels, weights, ("",) * 20, **{**given, **values})


def test_batches_are_reproducible_and_differ_by_epoch() -> None:
    first, again, later = batches(), batches(), batches(epoch=1)
    assert len(first) == 3
    pixels, hot, weights = first[2]
    assert pixels.shape == (4, 48, 48, 1)
    assert hot.shape == (4, 4)
    assert weights.shape == (4,)
    assert np.array_equal(pixels, again[2][0])
    assert not np.array_equal(pixels, later[2][0])


def test_masks_change_nothing_but_what_is_asked_of_the_maps() -> None:
    masks = np.zeros((20, 64, 64), np.uint8)
    masks[::2, 20:40, 24:44] = 255
    plain, marked = batches(batch_size=20), batches(batch_size=20, masks=masks, map_side=6)
    pixels, hot, weights = plain[0]
    same, targets, both = marked[0]
    assert np.array_equal(pixels, same)
    assert np.array_equal(hot, targets["logits"])
    assert np.array_equal(weights, both["logits"])
    sums = targets["maps"].sum(axis=(1, 2))
    order = draw_epoch(("",) * 20, np.random.default_rng((1, 0)))
    assert np.allclose(sums[order % 2 == 0], hot[order % 2 == 0], atol=1e-5)
    assert (sums[order % 2 == 1] == 0).all()


def test_the_mask_moves_with_the_image() -> None:
    """A bright square in black: wherever image and mask are taken, one is where the other is."""
    image = np.zeros((64, 64), np.uint8)
    image[14:30, 36:48] = 255
    how, rng = only(**MOVES), np.random.default_rng(0)
    places = set()
    for _ in range(60):
        moved, mask = augment_pair(image, image.copy(), 96, rng, how)
        assert mask is not None
        assert np.array_equal(moved, mask)
        if mask.any():
            places.add(tuple(np.argwhere(mask > 127).mean(axis=0).round().astype(int) // 8))
    assert len(places) > 15


def test_what_is_erased_of_the_image_is_erased_of_the_mask() -> None:
    image, mask = np.full((64, 64), 77, np.uint8), np.full((64, 64), 255, np.uint8)
    erased, left = augment_pair(image, mask, 64, np.random.default_rng(1), only(erase=1.0))
    assert left is not None
    gone = left == 0
    rows, columns = np.flatnonzero(gone.any(axis=1)), np.flatnonzero(gone.any(axis=0))
    assert gone.sum() == len(rows) * len(columns)
    assert 6 <= len(rows) <= 16
    assert 6 <= len(columns) <= 16
    assert len(np.unique(erased[gone])) == 1
    assert (erased[~gone] == 77).all()
    assert (mask == 255).all()


def test_a_coarser_matrix_loses_detail_and_keeps_the_mean() -> None:
    image = noise(1)[0]
    coarse = augment(image, 64, np.random.default_rng(0), only(resolution=1.0))
    assert coarse.std() < 0.9 * image.std()
    assert coarse.mean() == pytest.approx(image.mean(), abs=2)


def test_a_window_enlarges_a_part() -> None:
    ramp = np.tile(np.linspace(0, 252, 64, dtype=np.uint8), (64, 1))
    rng = np.random.default_rng(0)
    parts = [augment(ramp, 64, rng, only(crop=0.5))[32].astype(int) for _ in range(30)]
    spans = [part.max() - part.min() for part in parts]
    assert min(spans) < 150 < max(spans)
    assert all(part[0] > 0 or part[-1] > 0 for part in parts)
    assert len({int(part[32]) for part in parts}) > 20


def test_augmentation_of_nothing_changes_nothing() -> None:
    image = noise(1)[0]
    assert np.array_equal(augment(image, 64, np.random.default_rng(0), STILL), image)
    for name in Augmentation.model_fields:
        value = 20.0 if name in ("rotation", "shear") else 0.5
        drawn = [augment(image, 64, np.random.default_rng(seed), only(**{name: value})) for seed in range(6)]
        assert all(other.dtype == np.uint8 for other in drawn)
        assert any(not np.array_equal(other, image) for other in drawn), name


def test_one_of_each_set_of_copies_is_drawn() -> None:
    near = ("a", "a", "a", "", "", "b", "b")
    drawn = [draw_epoch(near, np.random.default_rng(seed)) for seed in range(30)]
    assert all(len(indices) == 4 and {3, 4} <= set(indices) for indices in drawn)
    assert {int(i) for indices in drawn for i in indices} == set(range(7))


def head(path: Path, seed: int) -> Path:
    image = np.zeros((90, 80), np.uint8)
    cv2.ellipse(image, (40, 45), (26, 34), 0, 0, 360, 140, -1)
    image = image + np.random.default_rng(seed).integers(0, 20, image.shape).astype(np.uint8)
    cv2.imwrite(str(path), image)
    return path


def test_pixels_are_cached_and_the_cache_notices_a_changed_file(tmp_path: Path) -> None:
    path, cache = head(tmp_path / "a.png", 0), tmp_path / "cache"
    first = load_pixels([path], Preprocessing(size=64), cache)
    again = load_pixels([path], Preprocessing(size=64), cache)
    assert np.array_equal(first.levels, again.levels)
    assert first.sha256.tolist() == again.sha256.tolist()
    assert len(list(cache.iterdir())) == 1
    head(path, 1)
    assert load_pixels([path], Preprocessing(size=64), cache).sha256.tolist() != first.sha256.tolist()
    assert resize_levels(first.levels, 32).shape == (1, 32, 32)


def test_masks_are_framed_as_their_images_and_cached(tmp_path: Path) -> None:
    images = [head(tmp_path / f"{number}.png", number) for number in range(2)]
    drawn = np.zeros((90, 80), np.uint8)
    cv2.circle(drawn, (48, 40), 8, 255, -1)
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), drawn)
    marked = tmp_path / "marked.png"
    cv2.imwrite(str(marked), np.maximum(cv2.imread(str(images[0]), cv2.IMREAD_GRAYSCALE), drawn))
    masks = load_masks([marked, images[1]], [mask, None], Preprocessing(size=64), tmp_path / "cache")
    levels = load_pixels([marked], Preprocessing(size=64)).levels[0]
    assert masks.shape == (2, 64, 64)
    assert set(np.unique(masks[0])) == {0, 255}
    assert levels[masks[0] > 0].mean() > 230 > 200 > levels[masks[0] == 0].mean()
    assert not masks[1].any()
    mask.unlink()
    cv2.imwrite(str(mask), drawn * 0)
    assert not load_masks([marked], [mask], Preprocessing(size=64)).any()
    cv2.imwrite(str(mask), drawn)
    again = load_masks([marked, images[1]], [mask, None], Preprocessing(size=64), tmp_path / "cache")
    assert np.array_equal(masks, again)
