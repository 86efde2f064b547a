import numpy as np
import pytest

from ml.checkpoint import Checkpoint
from ml.explanation import ExplanationError, SanityCheck, randomise_cascading
from ml.explanation.sanity import mean_similarity
from ml.preprocessing import scale


def images(count: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    return scale(np.random.default_rng(5).integers(0, 256, (count, side, side), dtype=np.uint8)), np.arange(
        count
    ) % 4


def test_maps_fall_apart_with_the_weights_and_the_weights_come_back(tiny: Checkpoint) -> None:
    network = tiny.build_network()
    before = network.trainable.get_weights()
    batch, classes = images(8)
    check = randomise_cascading(network, batch, classes, seed=1, draws=4)
    assert check.passed
    assert check.layers == ("head", "block_2", "block_1", "block_0")
    assert check.similarity[-1] < 0.4
    assert (check.images, check.draws) == (8, 4)
    assert all(np.array_equal(a, b) for a, b in zip(before, network.trainable.get_weights(), strict=True))
    assert randomise_cascading(network, batch, classes, seed=1, draws=4) == check
    facts = check.as_dict()
    assert facts["passed"] is True
    assert facts["largest"] == max(check.similarity)
    assert facts["steps"][0]["layer"] == "head"


def test_a_network_whose_weights_hold_nothing_fails(tiny: Checkpoint) -> None:
    """Constant kernels only sum up light: drawn anew they are the same, and so is the map."""
    network = tiny.build_network()
    for layer in network.trainable.layers:
        layer.set_weights([np.full_like(values, 0.05) for values in layer.get_weights()])
    check = randomise_cascading(network, *images(3), draws=1)
    assert check.similarity == pytest.approx([1, 1, 1, 1])
    assert not check.passed


def test_the_criterion_is_the_largest_step() -> None:
    assert SanityCheck(("head", "stem"), (0.5, 0.1), 4, 1).passed
    assert not SanityCheck(("head", "stem"), (0.1, 0.51), 4, 1).passed


def test_without_images_or_maps_there_is_nothing_to_check(tiny: Checkpoint) -> None:
    network = tiny.build_network()
    batch, classes = images(2)
    with pytest.raises(ExplanationError, match="2 images with 0 classes"):
        randomise_cascading(network, batch, classes[:0])
    network.head.set_weights([-np.ones((24, 4)), np.zeros(4)])
    with pytest.raises(ExplanationError, match="maps are flat"):
        randomise_cascading(network, batch, classes)


def test_similarity_is_the_mean_rank_correlation() -> None:
    rising = np.arange(9.0).reshape(1, 3, 3)
    flat, falling = np.zeros((1, 3, 3)), -rising
    first = np.concatenate([rising, rising, rising])
    assert mean_similarity(first, np.concatenate([rising**3, falling, flat])) == pytest.approx(0)
    assert mean_similarity(rising, rising**3) == pytest.approx(1)
