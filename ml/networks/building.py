"""From a specification to layers: the family's activations, then the ending that all networks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
from keras import layers

from ml.config import NetworkName, NetworkSpec
from ml.labels import CLASSES
from ml.networks.applications import efficientnet_b0, resnet50
from ml.networks.cnn import cnn, small_cnn
from ml.networks.errors import NetworkError
from ml.networks.mobilenet import mobilenet_v2

_FAMILIES: Final[dict[NetworkName, Callable[[Any, NetworkSpec], Any]]] = {
    "mobilenet_v2": mobilenet_v2,
    "cnn": cnn,
    "efficientnet_b0": efficientnet_b0,
    "resnet50": resnet50,
    "small_cnn": small_cnn,
}


class ClassMaps(layers.Layer):  # type: ignore[misc]  # Keras tells no types
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
        spec: what it was built from.
        features: image (N, S, S, 1) to the last activations (N, h, w, D).
        trainable: image to logits (N, 4); owns all weights, in the order they are stored.
        reader: image to a dict of `probabilities` (N, 4), `maps` (N, h, w, 4) and `embeddings` (N, D).
    """

    spec: NetworkSpec
    features: keras.Model
    trainable: keras.Model
    reader: keras.Model

    @property
    def head(self) -> Any:
        """The one linear layer."""
        return self.trainable.get_layer("head")

    def map_side(self, size: int) -> int:
        """Returns the side of the class maps for images of the side `size`."""
        return int(self.features.compute_output_shape((None, size, size, 1))[1])


def build_network(spec: NetworkSpec, *, size: int | None = None, temperature: float = 1.0) -> Network:
    """Builds a network with fresh weights.

    Args:
        spec: which one.
        size: side of the square input; None accepts any.
        temperature: what the logits are divided by before the softmax of `reader`.

    Raises:
        NetworkError: for a temperature that is not positive.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise NetworkError(f"The temperature must be a number above 0, got {temperature}.")
    image = keras.Input((size, size, 1), name="image")
    features = _FAMILIES[spec.name](image, spec)
    embeddings = layers.GlobalAveragePooling2D(name="embeddings")(features)
    head = layers.Dense(len(CLASSES), name="head")
    logits = head(layers.Dropout(spec.dropout, name="dropout")(embeddings))
    tempered = layers.Rescaling(1.0 / temperature, name="temperature")(logits)
    outputs = {
        "probabilities": layers.Softmax(name="probabilities")(tempered),
        "maps": ClassMaps(head, name="maps")(features),
        "embeddings": embeddings,
    }
    return Network(
        spec=spec,
        features=keras.Model(image, features, name="features"),
        trainable=keras.Model(image, logits, name=spec.name),
        reader=keras.Model(image, outputs, name="reader"),
    )
