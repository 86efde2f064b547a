import io

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.explanation import ExplanationError, compare_methods, watch
from ml.explanation.pictures import CAPTION, Looked, draw_maps, mean_map
from ml.masks import head_area

SIDE = 64


def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nine tumours in noisy heads: labels, masks (discs of growing size, wandering), levels."""
    rng = np.random.default_rng(2)
    labels = np.array([0, 0, 0, 1, 1, 1, 3, 3, 3])
    head = cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (32, 32), 28, 1, -1)
    levels = rng.integers(80, 255, (9, SIDE, SIDE), dtype=np.uint8) * head
    masks = np.stack([
        cv2.circle(np.zeros((SIDE, SIDE), np.uint8), (20 + 3 * i, 24 + 2 * (i % 4)), 4 + i % 3, 255, -1)
        for i in range(9)
    ])  # fmt: skip
    return labels, masks, levels


def aimed(labels: np.ndarray, masks: np.ndarray, side: int) -> Looked:
    """A network whose map of the true class is the mask, at its own map's side."""
    maps = np.full((len(labels), side, side, 4), -1, np.float32)
    for image, label in enumerate(labels):
        maps[image, ..., label] = cv2.resize(
            masks[image].astype(np.float32), (side, side), interpolation=cv2.INTER_AREA
        )
    return Looked(maps, np.eye(4, dtype=np.float32)[labels])


def test_the_same_input_gives_the_same_picture_and_no_pixel_of_the_image_is_in_it() -> None:
    labels, masks, levels = planted()
    networks = {"plain": aimed(labels, masks, 7), "pointing": aimed(labels, masks, 14)}
    first = draw_maps(networks, labels, masks, levels, each=1)
    # Another texture inside the same heads: if any level were drawn, the picture would change.
    other = levels.copy()
    other[:, 20:44, 20:44] = np.rot90(levels[:, 20:44, 20:44], axes=(1, 2))
    assert all(np.array_equal(head_area(a), head_area(b)) for a, b in zip(levels, other, strict=True))
    assert first == draw_maps(networks, labels, masks, other, each=1)
    with Image.open(io.BytesIO(first)) as picture:
        assert picture.format == "PNG"
        assert picture.info == {}
        assert picture.width > picture.height > 300
    assert CAPTION[0] == "Where the model looked, not where the tumour is."


def test_the_mean_map_is_aligned_on_the_masks() -> None:
    labels, masks, _ = planted()
    mean, covered = mean_map(aimed(labels, masks, 32), np.arange(9), labels, masks)
    middle = slice(SIDE // 2 - 2, SIDE // 2 + 2)
    assert mean[middle, middle].min() > 0.8
    assert covered[middle, middle].min() == pytest.approx(1, abs=1e-3)
    assert mean[:16].max() < 0.05
    spread, _ = mean_map(Looked(np.ones((9, 7, 7, 4)), np.eye(4)[labels]), np.arange(9), labels, masks)
    assert spread[16:48, 16:48] == pytest.approx(1, abs=1e-5)


def test_only_tumours_that_every_network_named_rightly_are_drawn() -> None:
    labels, masks, levels = planted()
    wrong = Looked(np.ones((9, 7, 7, 4), np.float32), np.eye(4, dtype=np.float32)[(labels + 1) % 4])
    with pytest.raises(ExplanationError, match="No tumour with a mask was named rightly by every network"):
        draw_maps({"one": aimed(labels, masks, 7), "other": wrong}, labels, masks, levels)
    with pytest.raises(ExplanationError, match="maps of 'one' are not of the same images"):
        draw_maps({"one": aimed(labels[:3], masks[:3], 7)}, labels, masks, levels)


def test_methods_agree_where_the_network_sees_what_its_map_shows() -> None:
    """A linear network: its logit is the mean of a map, which is the bright disc; occlusion has to find the same."""
    labels, masks, _ = planted()
    levels = np.where(masks > 0, 250, 40).astype(np.uint8)

    def logits(batch: np.ndarray) -> np.ndarray:
        light = np.maximum(batch[..., 0], 0).mean(axis=(1, 2))
        return np.stack([light, 2 * light, 0 * light, 3 * light], axis=1)

    maps = aimed(labels, masks, 16).maps
    found = compare_methods(levels, maps, labels, masks, logits, patch=8, stride=4)
    assert found["n"] == 9
    assert found["pearson"] > 0.6
    assert found["top_overlap"] > 3 * found["top_overlap_by_chance"]
    assert found["gradcam"]["inside"] == 1
    assert found["occlusion"]["within_8px"] > 0.9
    lead = watch(logits, 3, against=1)
    batch = np.ones((2, SIDE, SIDE, 1), np.float32)
    assert lead(batch) == pytest.approx([1, 1])
    assert watch(logits, 1)(batch) == pytest.approx([2, 2])
