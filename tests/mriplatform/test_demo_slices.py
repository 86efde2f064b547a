"""The synthetic slices: drawn the same again, different from each other, with the tumour where it belongs."""

import cv2
import numpy as np
import pytest

from classifier.intake import CanonicalImage
from ml.duplicates import NEAR_DUPLICATE_BITS, hamming, phash, phash_mirrored
from ml.labels import CLASSES
from mriplatform.demo.drawing import Canvas
from mriplatform.demo.planes import draw_axial, draw_coronal
from mriplatform.demo.sagittal import draw_sagittal
from mriplatform.demo.slices import PLANES, draw_slice, sample_studies
from mriplatform.demo.tumours import draw_glioma, draw_meningioma, draw_pituitary

SEED = 2026


@pytest.fixture(scope="module")
def samples():
    return sample_studies(SEED)


def test_every_kind_in_every_plane(samples) -> None:
    assert {(kind, plane) for kind, plane, _ in samples} == {
        (kind, plane) for kind in CLASSES for plane in PLANES
    }
    assert len(samples) == 12


def test_they_are_images_that_the_intake_takes(samples) -> None:
    for _, _, pixels in samples:
        assert (pixels.shape, pixels.dtype) == ((384, 384), np.uint8)
        assert CanonicalImage.from_pixels(pixels).bits == 8


def test_none_is_a_duplicate_of_another(samples) -> None:
    hashes = [(phash(pixels), phash_mirrored(pixels)) for _, _, pixels in samples]
    for index, (plain, _) in enumerate(hashes):
        for other, mirror in hashes[index + 1 :]:
            assert min(hamming(plain, other), hamming(plain, mirror)) > NEAR_DUPLICATE_BITS


def test_the_same_seed_draws_the_same_slice(samples) -> None:
    again = sample_studies(SEED)
    assert [row[:2] for row in again] == [row[:2] for row in samples]
    assert all(np.array_equal(a[2], b[2]) for a, b in zip(again, samples, strict=True))
    other = draw_slice("notumor", "axial", 2)
    assert not np.array_equal(draw_slice("notumor", "axial", 1), other)


def test_they_have_the_look_of_a_scan(samples) -> None:
    """Air about a bright rim about a darker brain of middling grey, with noise in the air."""
    for kind, plane, pixels in samples:
        corner, middle = pixels[:20, :20], pixels[120:200, 140:240]
        assert corner.mean() < 14, (kind, plane)
        assert corner.std() > 0.5, (kind, plane)
        assert 55 < np.median(middle) < 130, (kind, plane)
        assert np.percentile(pixels, 98) > 140, (kind, plane)
        inside = cv2.GaussianBlur(pixels, (0, 0), 2)[pixels > 40]
        assert inside.std() > 15, (kind, plane)


@pytest.mark.parametrize("draw", [draw_axial, draw_coronal, draw_sagittal])
@pytest.mark.parametrize("tumour", [draw_glioma, draw_meningioma, draw_pituitary])
def test_a_tumour_is_bright_and_where_it_grows(draw, tumour) -> None:
    for seed in range(2):
        canvas = Canvas(np.random.default_rng(seed))
        head = draw(canvas)
        healthy = head.image.copy()
        tumour(canvas, head)
        brighter = np.argwhere(head.image - healthy > 40)
        assert len(brighter) > 250
        depth = -head.brain[brighter[:, 0], brighter[:, 1]]
        if tumour is draw_glioma:
            assert depth.min() > -0.01
            assert np.median(depth) > 0.03
        elif tumour is draw_meningioma:
            assert -0.03 < depth.min() < 0.005, "it lies against the dura"
            assert depth.max() > 0.1
        else:
            rows, columns = brighter.mean(axis=0) * 2 / 511 - 1
            assert abs(columns - head.sella[0]) < 0.05
            assert abs(rows - head.sella[1]) < 0.15


@pytest.mark.parametrize("size", [256, 512])
def test_sizes(size: int) -> None:
    assert draw_slice("glioma", "coronal", 1, size).shape == (size, size)


@pytest.mark.parametrize(
    ("kind", "plane", "size"), [("cyst", "axial", 384), ("glioma", "oblique", 384), ("glioma", "axial", 128)]
)
def test_what_cannot_be_drawn(kind: str, plane: str, size: int) -> None:
    with pytest.raises(ValueError, match=r"There is no|pixels wide"):
        draw_slice(kind, plane, 1, size)
