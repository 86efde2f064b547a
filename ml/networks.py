"""The networks. Each ends in global average pooling and one linear layer, so that its Grad-CAM is closed form.

MobileNetV2 (Sandler et al. 2018, table 2) is written here with batch normalisation folded into its
convolutions: batch statistics are fixed in every use that this project makes of it, so a normalisation
layer would only repeat a multiplication that the kernel can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from ml.labels import CLASSES, InputError

Kernel = npt.NDArray[np.float32]
Weights = list[Kernel]

_STAGES: Final = (  # expansion, channels, repeats, first stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class NetworkError(InputError):
    """A network that is not known, or weights that do not fit it."""


class ClassMaps(layers.Layer):  # type: ignore[misc]
    """Raw class maps sum_k w_kc A_k: the head's own kernel as a 1 x 1 convolution, without its bias."""

    def __init__(self, head: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._head = head

    def call(self, features: Any) -> Any:
        """Maps features (N, h, w, D) to (N, h, w, classes)."""
        return keras.ops.matmul(features, self._head.kernel)


@dataclass(frozen=True)
class Network:
    """One set of layers, seen three ways.

    Attributes:
        features: image (N, S, S, 1) to the last activations (N, h, w, D).
        trainable: image to logits (N, 4); owns all weights, in the order they are stored.
        reader: image to a dict of `probabilities` (N, 4), `maps` (N, h, w, 4) and `embeddings` (N, D).
    """

    features: keras.Model
    trainable: keras.Model
    reader: keras.Model

    @property
    def head(self) -> Any:
        """The one linear layer."""
        return self.trainable.get_layer("head")


def build_network(
    name: str, size: int | None = None, *, dropout: float = 0.0, temperature: float = 1.0
) -> Network:
    """Builds a network with fresh weights.

    Args:
        name: a key of `NETWORKS`.
        size: side of the square input; None accepts any.
        dropout: rate in front of the head, while training.
        temperature: what the logits are divided by before the softmax of `reader`.

    Raises:
        NetworkError: for an unknown name or a temperature that is not positive.
    """
    if name not in NETWORKS:
        raise NetworkError(f"The network {name!r} is not known; expected one of {', '.join(NETWORKS)}.")
    if not (np.isfinite(temperature) and temperature > 0):
        raise NetworkError(f"The temperature must be a number above 0, got {temperature}.")
    image = keras.Input((size, size, 1), name="image")
    features = NETWORKS[name](image)
    embeddings = layers.GlobalAveragePooling2D(name="embeddings")(features)
    head = layers.Dense(len(CLASSES), name="head")
    logits = head(layers.Dropout(dropout, name="dropout")(embeddings))
    tempered = layers.Rescaling(1.0 / temperature, name="temperature")(logits)
    outputs = {
        "probabilities": layers.Softmax(name="probabilities")(tempered),
        "maps": ClassMaps(head, name="maps")(features),
        "embeddings": embeddings,
    }
    return Network(
        features=keras.Model(image, features, name="features"),
        trainable=keras.Model(image, logits, name=name),
        reader=keras.Model(image, outputs, name="reader"),
    )


def freeze_blocks(network: Network, count: int) -> None:
    """Fixes the weights of the first `count` blocks (the first convolution belongs to block 0)."""
    for layer in network.features.layers:
        parts = layer.name.split("_")
        block = 0 if parts[0] == "stem" else int(parts[1]) if parts[0] == "block" else count
        layer.trainable = block >= count


def round_weights(weights: Weights) -> Weights:
    """Rounds weights to values that float16 holds too, so that a checkpoint packs to half its size."""
    return [array.astype(np.float16).astype(np.float32) for array in weights]


def load_imagenet(network: Network, source: Path | str = "imagenet") -> None:
    """Fills MobileNetV2 with ImageNet weights, folding their batch normalisation.

    Args:
        source: a Keras weights file of MobileNetV2 1.0 224 without top, or "imagenet" to let Keras fetch one.
    """
    given = keras.applications.MobileNetV2(weights=str(source), include_top=False, input_shape=(224, 224, 3))
    for layer in network.features.layers:
        if not layer.weights:
            continue
        convolution, norm = _counterparts(layer.name)
        kernel, bias = _folded(given.get_layer(convolution), given.get_layer(norm))
        layer.set_weights([kernel, bias])


def _mobilenet_v2(image: Any) -> Any:
    x = layers.Concatenate(name="grey_to_rgb")([image, image, image])
    x = _convolve(x, 32, 3, 2, "stem")
    channels, block = 32, 0
    for expansion, width, repeats, first_stride in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            y = x if expansion == 1 else _convolve(x, channels * expansion, 1, 1, f"block_{block}_expand")
            y = layers.DepthwiseConv2D(3, stride, padding="same", name=f"block_{block}_depthwise")(y)
            y = layers.ReLU(6.0, name=f"block_{block}_depthwise_relu")(y)
            y = layers.Conv2D(width, 1, name=f"block_{block}_project")(y)
            x = layers.Add(name=f"block_{block}_add")([x, y]) if repeat else y
            channels, block = width, block + 1
    return _convolve(x, 1280, 1, 1, "last")


def _small_cnn(image: Any) -> Any:
    x = image
    for block, width in enumerate((8, 16, 24)):
        x = _convolve(x, width, 3, 2, f"block_{block}")
    return x


def _convolve(x: Any, width: int, side: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(width, side, stride, padding="same", name=name)(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _counterparts(name: str) -> tuple[str, str]:
    if name == "stem":
        return "Conv1", "bn_Conv1"
    if name == "last":
        return "Conv_1", "Conv_1_bn"
    _, number, part = name.split("_")
    prefix = "expanded_conv" if number == "0" else f"block_{number}"
    return f"{prefix}_{part}", f"{prefix}_{part}_BN"


def _folded(convolution: Any, norm: Any) -> tuple[Kernel, Kernel]:
    kernel = convolution.get_weights()[0]
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    scaled = kernel * (factor[:, np.newaxis] if depthwise else factor)
    return scaled.astype(np.float32), (beta - mean * factor).astype(np.float32)


NETWORKS: Final[dict[str, Callable[[Any], Any]]] = {"mobilenet_v2": _mobilenet_v2, "small_cnn": _small_cnn}
