import numpy as np
import pytest

from ml.checkpoint import Checkpoint
from ml.explanation import ExplanationError, class_map, enlarge, normalise, overlay, saliency
from ml.explanation.gradcam import OPACITY
from ml.preprocessing import Frame, scale


def test_closed_form_equals_automatic_differentiation(tiny: Checkpoint) -> None:
    """With TensorFlow's tape: for every class, and for every class rather than another."""
    from ml.explanation.proof import gradcam_autodiff

    network = tiny.build_network()
    batch = scale(tiny.golden().levels)
    maps = network.reader.predict_on_batch(batch)["maps"]
    places = maps.shape[1] * maps.shape[2]
    for label in range(4):
        for against in (None, *(other for other in range(4) if other != label)):
            other = None if against is None else np.full(len(batch), against)
            proof = gradcam_autodiff(network, batch, np.full(len(batch), label), other)
            cam = saliency(class_map(maps, label, against))
            assert np.abs(proof * places - cam).max() <= 1e-4 * max(1, cam.max())
            assert cam.max() > 0


@pytest.mark.parametrize("side", [7, 14])
def test_the_mean_of_a_map_is_the_logit_it_explains(side: int) -> None:
    rng = np.random.default_rng(side)
    features, kernel = rng.random((2, side, side, 5)), rng.normal(size=(5, 4))
    maps, logits = features @ kernel, features.mean(axis=(1, 2)) @ kernel
    assert class_map(maps, 2).mean(axis=(1, 2)) == pytest.approx(logits[:, 2], abs=1e-5)
    difference = class_map(maps, 0, against=3)
    assert difference.mean(axis=(1, 2)) == pytest.approx(logits[:, 0] - logits[:, 3], abs=1e-5)
    assert np.array_equal(difference, -class_map(maps, 3, against=0))


def test_classes_that_cannot_be_explained_are_refused() -> None:
    maps = np.zeros((7, 7, 4))
    with pytest.raises(ExplanationError, match="no class 4 among 4 maps"):
        class_map(maps, 4)
    with pytest.raises(ExplanationError, match="meningioma cannot be set off from itself"):
        class_map(maps, 1, against=1)


def test_a_map_without_evidence_stays_zero() -> None:
    maps = np.stack((np.zeros((7, 7)), -np.ones((7, 7)), np.eye(7) * 4)).astype(np.float32)
    cam = normalise(saliency(maps))
    assert (cam[:2] == 0).all()
    assert cam[2].max() == 1
    assert cam[2].sum() == 7


def test_maps_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ExplanationError, match="not finite"):
        normalise(np.full((7, 7), np.nan))


def test_enlarging_is_bilinear_between_cell_centres() -> None:
    cam = np.zeros((14, 14), np.float32)
    cam[3, 5] = 1
    large = enlarge(cam, 224)
    # A cell of 16 pixels: its centre lies between pixels 55 and 56, half a pixel from either.
    assert large[55, 87] == large[56, 88] == large.max() == pytest.approx((31 / 32) ** 2)
    assert large[55, 87 + 8] == pytest.approx(31 / 32 * 17 / 32)
    assert not large[:39].any()
    assert not large[73:].any()
    assert large.sum() == pytest.approx(16 * 16, rel=1e-5)


def test_overlay_leaves_the_image_alone_where_the_map_is_zero() -> None:
    grey = np.arange(100 * 80, dtype=np.uint32).reshape(100, 80).astype(np.uint8)
    frame = Frame(-10, 0, 100)
    untouched = overlay(grey, np.zeros((7, 7), np.float32), frame)
    assert np.array_equal(untouched, np.repeat(grey[..., np.newaxis], 3, axis=2))
    cam = np.zeros((7, 7), np.float32)
    cam[0, 1] = 1
    shown = overlay(grey, cam, frame)
    assert shown.shape == (100, 80, 3)
    assert (shown[:5, 5:15] != untouched[:5, 5:15]).any()
    assert np.array_equal(shown[30:], untouched[30:])
    assert np.array_equal(shown[:, 40:], untouched[:, 40:])


def test_overlay_paints_inside_the_frame_alone() -> None:
    grey = np.full((60, 90), 100, np.uint8)
    shown = overlay(grey, np.ones((14, 14), np.float32), Frame(20, 10, 40))
    painted = (shown != 100).any(axis=2)
    assert painted[10:50, 20:60].all()
    assert painted.sum() == 40 * 40
    brightest = np.array([252, 255, 164])  # the end of inferno
    assert np.abs(shown[30, 40] - (OPACITY * brightest + (1 - OPACITY) * 100)).max() <= 1
