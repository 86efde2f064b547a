from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ml.config import NetworkSpec, TrainRecipe
from ml.networks import (
    Network,
    NetworkError,
    build_network,
    fix_batch_norm,
    freeze_blocks,
    load_imagenet,
    round_weights,
    tune_last,
)
from ml.training.objective import compile_training

SMALL = NetworkSpec(name="small_cnn", size=64)


def arbitrary_batch_norm(model: keras.Model, rng: np.random.Generator, level: float = 1.0) -> None:
    """Statistics of some noise, so that what comes out depends on the image, with scales and offsets of any kind."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.momentum = 0.0
    model(level * rng.uniform(-1, 1, (8, *model.input_shape[1:])).astype(np.float32), training=True)
    for layer in norms:
        gamma, beta, mean, variance = layer.get_weights()
        spread = [rng.uniform(0.8, 1.2, gamma.shape), rng.normal(0, 0.2, beta.shape)]
        layer.set_weights([*spread, mean, variance])


def test_folded_mobilenet_equals_keras_own_with_batch_norm(tmp_path: Path) -> None:
    """Batch norm with arbitrary statistics, as in weights that Keras fetches, is folded without loss."""
    rng = np.random.default_rng(0)
    given = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(96, 96, 3))
    arbitrary_batch_norm(given, rng)
    path = tmp_path / "given.weights.h5"
    given.save_weights(path)
    network = build_network(NetworkSpec(), size=96)
    load_imagenet(network, path)
    image = rng.uniform(-1, 1, (2, 96, 96, 1)).astype(np.float32)
    expected = np.asarray(given(np.repeat(image, 3, axis=3), training=False))
    assert expected.std(axis=0).mean() > 0.05
    assert np.abs(np.asarray(network.features(image)) - expected).max() < 1e-3


def test_efficientnet_takes_given_weights_and_scales_its_own_input(tmp_path: Path) -> None:
    """As Keras's own with ImageNet's statistics in its normalisation layer, fed with 0 to 255 in three channels."""
    rng = np.random.default_rng(0)
    given = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(64, 64, 3))
    norm = next(layer for layer in given.layers if isinstance(layer, keras.layers.Normalization))
    norm.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]) ** 2, np.array(0)])
    norm.finalize_state()
    arbitrary_batch_norm(given, rng, level=255)
    path = tmp_path / "given.weights.h5"
    given.save_weights(path)
    network = build_network(NetworkSpec(name="efficientnet_b0"), size=64)
    load_imagenet(network, path)
    image = rng.uniform(-1, 1, (2, 64, 64, 1)).astype(np.float32)
    expected = np.asarray(given(np.repeat((image + 1) * 127.5, 3, axis=3), training=False))
    assert expected.std(axis=0).mean() > 0.05
    found = np.asarray(network.features(image, training=False))
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.fixture(scope="module")
def resnet() -> Network:
    return build_network(NetworkSpec(name="resnet50", fine_map=True))


def test_resnet_scales_its_own_input(resnet: Network) -> None:
    scaled = keras.Model(resnet.features.input, resnet.features.get_layer("scaling").output)
    grey = np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1).repeat(2, axis=1).repeat(2, axis=2)
    expected = keras.applications.resnet50.preprocess_input(np.repeat(grey, 3, axis=3))
    assert np.allclose(np.asarray(scaled(grey / 127.5 - 1)), expected, atol=1e-3)


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("name", ["mobilenet_v2", "cnn", "small_cnn"])
def test_maps_and_logits_are_two_views_of_one_head(name: Any, fine: bool) -> None:
    network = build_network(NetworkSpec(name=name, fine_map=fine, width=1.0), size=64, temperature=2.0)
    image = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64, 1)).astype(np.float32)
    answers = {key: np.asarray(value) for key, value in network.reader(image).items()}
    logits = np.asarray(network.trainable(image))
    bias = network.head.get_weights()[1]
    side = network.map_side(64)
    assert answers["maps"].shape == (3, side, side, 4)
    assert side == {"small_cnn": 8}.get(name, 2) * (2 if fine else 1)
    assert np.allclose(answers["maps"].mean(axis=(1, 2)) + bias, logits, atol=1e-5)
    shares = np.exp(logits / 2)
    assert np.allclose(answers["probabilities"], shares / shares.sum(axis=1, keepdims=True), atol=1e-6)
    assert np.allclose(
        answers["embeddings"], np.asarray(network.features(image)).mean(axis=(1, 2)), atol=1e-6
    )


def test_given_families_have_finer_maps_too(resnet: Network) -> None:
    efficientnet = build_network(NetworkSpec(name="efficientnet_b0", fine_map=True))
    for network in (resnet, efficientnet):
        assert network.map_side(224) == 14
        assert network.features.output_shape[-1] == 384


def test_width_is_a_factor_on_channels() -> None:
    widths = [
        build_network(NetworkSpec(name="cnn", width=width)).features.output_shape[-1] for width in (0.5, 2.0)
    ]
    assert widths == [128, 512]
    keras_own = keras.applications.MobileNetV2(
        weights=None, alpha=0.5, include_top=False, input_shape=(224, 224, 3)
    )
    ours = build_network(NetworkSpec(width=0.5)).features
    kernels = [w.shape for w in ours.weights if len(w.shape) == 4]
    assert kernels == [w.shape for w in keras_own.trainable_weights if len(w.shape) == 4]


def frozen(network: Any) -> list[str]:
    return [layer.name for layer in network.features.layers if layer.weights and not layer.trainable]


def test_freezing_fixes_the_first_blocks_only() -> None:
    network = build_network(NetworkSpec(fine_map=True), size=32)
    freeze_blocks(network, 3)
    names = frozen(network)
    assert names[0] == "stem"
    assert {name.split("_")[1] for name in names[1:]} == {"0", "1", "2"}
    freeze_blocks(network, 0)
    assert all(layer.trainable for layer in network.features.layers)
    freeze_blocks(network, 32)
    assert {layer.name for layer in network.features.layers if layer.weights and layer.trainable} == {
        "last", "neck_top", "neck_fine", "neck_smooth", "neck_mix"
    }  # fmt: skip


def test_blocks_of_other_families(resnet: Network) -> None:
    freeze_blocks(resnet, 1)
    assert {name.split("_")[0] for name in frozen(resnet)} == {"conv1", "conv2"}
    assert all(name.startswith(("conv1", "conv2_block1")) for name in frozen(resnet))
    network = build_network(NetworkSpec(name="small_cnn"), size=32)
    freeze_blocks(network, 2)
    assert frozen(network) == ["block_0", "block_1"]


def test_only_the_last_layers_learn_and_batch_norm_stays() -> None:
    network = build_network(NetworkSpec(name="cnn"), size=64)
    tune_last(network, 3)
    learning = [layer.name for layer in network.trainable.layers if layer.weights and layer.trainable]
    assert learning == ["block_4_second_convolution", "block_4_second_norm", "head"]
    fix_batch_norm(network)
    assert len(network.trainable.trainable_weights) == 3
    norm = network.features.get_layer("block_4_second_norm")
    before = [value.copy() for value in norm.get_weights()]
    network.features(
        np.random.default_rng(0).uniform(-1, 1, (4, 64, 64, 1)).astype(np.float32), training=True
    )
    for value, old in zip(norm.get_weights(), before, strict=True):
        assert np.array_equal(value, old)


# Keras warns of each layer that it finds no weights for, before it refuses the file.
@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")
def test_what_cannot_be_built_or_filled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="above 0"):
        build_network(SMALL, temperature=0)
    with pytest.raises(NetworkError, match="no ImageNet weights of small_cnn"):
        load_imagenet(build_network(SMALL))
    network = build_network(NetworkSpec(), size=32)
    with pytest.raises(NetworkError, match=r"nowhere.h5 are not a file; expected one, or 'imagenet'"):
        load_imagenet(network, tmp_path / "nowhere.h5")
    (tmp_path / "text.weights.h5").write_text("not weights")
    with pytest.raises(NetworkError, match="cannot be read as weights without top"):
        load_imagenet(network, tmp_path / "text.weights.h5")
    other = build_network(SMALL, size=32)
    other.trainable.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(NetworkError, match="of mobilenet_v2 cannot be read as weights without top"):
        load_imagenet(network, tmp_path / "other.weights.h5")


def test_rounded_kernels_are_exact_in_half_precision_and_statistics_untouched() -> None:
    kernel, variance = np.array([[0.1, 1 / 3]], np.float32), np.array([1e-9, 1e6], np.float32)
    rounded, kept = round_weights([kernel, variance])
    assert rounded.dtype == kept.dtype == np.float32
    assert np.array_equal(rounded, rounded.astype(np.float16).astype(np.float32))
    assert not np.array_equal(rounded, kernel)
    assert np.array_equal(kept, variance)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "rate"), [("efficientnet_b0", 3e-3), ("resnet50", 1e-3)])
def test_overfits_64_images(name: Any, rate: float) -> None:
    """Noise with arbitrary labels, learnt by heart: gradients reach every layer, and inference agrees."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images = rng.uniform(-1, 1, (64, 32, 32, 1)).astype(np.float32)
    labels = np.arange(64) % 4
    network = build_network(NetworkSpec(name=name, dropout=0.0), size=32)
    recipe = TrainRecipe(
        network=network.spec, learning_rate=rate, label_smoothing=0.0, weight_decay=0.0, schedule="cosine"
    )
    model = compile_training(network, recipe, 4 * 12, attention=False)
    model.fit(images, np.eye(4, dtype=np.float32)[labels], batch_size=16, epochs=12, verbose=0)
    assert (np.asarray(network.trainable(images, training=False)).argmax(axis=1) == labels).mean() > 0.9
