from pathlib import Path

import keras
import numpy as np
import pytest

from ml.networks import NetworkError, build_network, freeze_blocks, load_imagenet, round_weights


def test_folded_mobilenet_equals_keras_own_with_batch_norm(tmp_path: Path) -> None:
    """Batch norm with arbitrary statistics, as in weights that Keras fetches, is folded without loss."""
    rng = np.random.default_rng(0)
    given = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    for layer in given.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            spread = [rng.uniform(0.5, 1.5, shape), rng.normal(0, 0.3, shape), rng.normal(0, 0.3, shape)]
            layer.set_weights([*spread, rng.uniform(0.5, 1.5, shape)])
    path = tmp_path / "given.weights.h5"
    given.save_weights(path)
    network = build_network("mobilenet_v2", 96)
    load_imagenet(network, path)
    image = rng.uniform(-1, 1, (2, 96, 96, 1)).astype(np.float32)
    expected = np.asarray(given(np.repeat(image, 3, axis=3), training=False))
    assert expected.std() > 0.1
    assert np.abs(np.asarray(network.features(image)) - expected).max() < 1e-3


def test_maps_and_logits_are_two_views_of_one_head() -> None:
    network = build_network("small_cnn", 64, temperature=2.0)
    image = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64, 1)).astype(np.float32)
    answers = {name: np.asarray(value) for name, value in network.reader(image).items()}
    logits = np.asarray(network.trainable(image))
    bias = network.head.get_weights()[1]
    assert answers["maps"].shape == (3, 8, 8, 4)
    assert np.allclose(answers["maps"].mean(axis=(1, 2)) + bias, logits, atol=1e-5)
    shares = np.exp(logits / 2)
    assert np.allclose(answers["probabilities"], shares / shares.sum(axis=1, keepdims=True), atol=1e-6)
    assert np.allclose(
        answers["embeddings"], np.asarray(network.features(image)).mean(axis=(1, 2)), atol=1e-6
    )


def test_freezing_fixes_the_first_blocks_only() -> None:
    network = build_network("mobilenet_v2", 32)
    freeze_blocks(network, 3)
    frozen = [layer.name for layer in network.features.layers if layer.weights and not layer.trainable]
    assert frozen[0] == "stem"
    assert {name.split("_")[1] for name in frozen[1:]} == {"0", "1", "2"}
    freeze_blocks(network, 0)
    assert all(layer.trainable for layer in network.features.layers)


def test_unknown_network_and_temperature_are_refused() -> None:
    with pytest.raises(NetworkError, match="'vgg' is not known; expected one of mobilenet_v2"):
        build_network("vgg")
    with pytest.raises(NetworkError, match="above 0"):
        build_network("small_cnn", temperature=0)


def test_rounded_weights_are_exact_in_half_precision() -> None:
    (rounded,) = round_weights([np.array([0.1, 1 / 3], np.float32)])
    assert rounded.dtype == np.float32
    assert np.array_equal(rounded, rounded.astype(np.float16).astype(np.float32))
