import numpy as np
import pytest

from ml.checkpoint import Checkpoint
from ml.gradcam import GradCamError, gradcam_autodiff, normalise, overlay, saliency
from ml.preprocessing import scale


def test_closed_form_equals_automatic_differentiation_on_a_random_network(tiny: Checkpoint) -> None:
    network = tiny.build_network()
    batch = scale(tiny.golden().levels)
    maps = np.asarray(network.reader(batch)["maps"])
    for label in range(4):
        proof = gradcam_autodiff(network, batch, np.full(len(batch), label))
        assert np.abs(normalise(proof) - normalise(saliency(maps[..., label]))).max() <= 1e-5


def test_a_map_without_evidence_stays_zero() -> None:
    maps = np.stack((np.zeros((7, 7)), -np.ones((7, 7)), np.eye(7) * 4)).astype(np.float32)
    cam = normalise(saliency(maps))
    assert (cam[:2] == 0).all()
    assert cam[2].max() == 1
    assert cam[2].sum() == 7


def test_maps_that_are_not_finite_are_refused() -> None:
    with pytest.raises(GradCamError, match="not finite"):
        normalise(np.full((7, 7), np.nan))


def test_overlay_leaves_the_image_alone_where_the_map_is_zero() -> None:
    grey = np.arange(100 * 80, dtype=np.uint32).reshape(100, 80).astype(np.uint8)
    untouched = overlay(grey, np.zeros((7, 7), np.float32))
    assert np.array_equal(untouched, np.repeat(grey[..., np.newaxis], 3, axis=2))
    cam = np.zeros((7, 7), np.float32)
    cam[0, 0] = 1
    shown = overlay(grey, cam)
    assert shown.shape == (100, 80, 3)
    assert (shown[:5, :5] != untouched[:5, :5]).any()
    assert np.array_equal(shown[60:], untouched[60:])
