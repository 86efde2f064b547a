"""EfficientNetB0 (Tan and Le 2019) and ResNet50 (He et al. 2016), as Keras has them, fed with our grey images.

Both are built flat on our own input. Their ImageNet weights expect another scaling than -1..1; it is part of the
graph, so that every network here takes the same images.
"""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import layers

from ml.config import NetworkSpec
from ml.networks.parts import NORM_MOMENTUM, join_finer, to_rgb

_HALF_RANGE: Final = 127.5
_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)
_CAFFE_MEAN: Final = (103.939, 116.779, 123.68)
"""Of blue, green and red, of 255: what ResNet50's weights were trained with."""

_FINER: Final = {"efficientnet_b0": "block5c_add", "resnet50": "conv4_block6_out"}
"""The last activations at a 16th of the input's side."""


def efficientnet_b0(image: Any, spec: NetworkSpec) -> Any:
    """Returns the last activations for images (N, S, S, 1)."""
    # Keras's network divides by 255 first and has a normalisation layer that does nothing without statistics:
    # times 255 here, and ImageNet's statistics here, so that its layers are the same with any weights.
    factors = [255 / 2 / deviation for deviation in _DEVIATION]
    offsets = [255 * (0.5 - mean) / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    scaled = layers.Rescaling(factors, offsets, name="scaling")(to_rgb(image))
    given = keras.applications.EfficientNetB0(weights=None, include_top=False, input_tensor=scaled)
    return _last(given, spec)


def resnet50(image: Any, spec: NetworkSpec) -> Any:
    """Returns the last activations for images (N, S, S, 1)."""
    offsets = [_HALF_RANGE - mean for mean in _CAFFE_MEAN]
    scaled = layers.Rescaling([_HALF_RANGE] * 3, offsets, name="scaling")(to_rgb(image))
    given = keras.applications.ResNet50(weights=None, include_top=False, input_tensor=scaled)
    return _last(given, spec)


def fill_application(features: keras.Model, given: keras.Model) -> None:
    """Copies Keras's own network into ours, all but the normalisation of its input, which ours has in front."""
    ours = {layer.name: layer for layer in features.layers}
    for layer in given.layers:
        if layer.weights and not isinstance(layer, layers.Normalization):
            ours[layer.name].set_weights(layer.get_weights())


def _last(given: keras.Model, spec: NetworkSpec) -> Any:
    for layer in given.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = NORM_MOMENTUM
    if not spec.fine_map:
        return given.output
    return join_finer(given.output, given.get_layer(_FINER[spec.name]).output, spec.width)
