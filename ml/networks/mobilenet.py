"""MobileNetV2 (Sandler et al. 2018, table 2), batch normalisation folded into its convolutions.

Batch statistics are fixed in every use that this project makes of it, so a normalisation layer would only repeat
a multiplication that the kernel can hold.
"""

from __future__ import annotations

from typing import Any, Final

import keras
import numpy as np
from keras import layers

from ml.config import NetworkSpec
from ml.networks.parts import channels, convolve, join_finer, to_rgb

_STAGES: Final = (  # expansion, channels, repeats, first stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_LAST_FINE_BLOCK: Final = 12
"""The last block at a 16th of the input's side."""


def mobilenet_v2(image: Any, spec: NetworkSpec) -> Any:
    """Returns the last activations for images (N, S, S, 1)."""
    before, block = channels(32 * spec.width), 0
    x = finer = convolve(to_rgb(image), before, 3, 2, "stem")
    for expansion, count, repeats, first_stride in _STAGES:
        width = channels(count * spec.width)
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            y = x if expansion == 1 else convolve(x, before * expansion, 1, 1, f"block_{block}_expand")
            y = layers.DepthwiseConv2D(3, stride, padding="same", name=f"block_{block}_depthwise")(y)
            y = layers.ReLU(6.0, name=f"block_{block}_depthwise_relu")(y)
            y = layers.Conv2D(width, 1, name=f"block_{block}_project")(y)
            x = layers.Add(name=f"block_{block}_add")([x, y]) if repeat else y
            finer = x if block == _LAST_FINE_BLOCK else finer
            before, block = width, block + 1
    last = convolve(x, channels(1280 * max(1.0, spec.width)), 1, 1, "last")
    return join_finer(last, finer, spec.width) if spec.fine_map else last


def fill_mobilenet_v2(features: keras.Model, given: keras.Model) -> None:
    """Copies Keras's own network into ours, folding its batch normalisation."""
    for layer in features.layers:
        if layer.weights and not layer.name.startswith("neck"):
            convolution, norm = _counterparts(layer.name)
            layer.set_weights(_folded(given.get_layer(convolution), given.get_layer(norm)))


def _counterparts(name: str) -> tuple[str, str]:
    if name == "stem":
        return "Conv1", "bn_Conv1"
    if name == "last":
        return "Conv_1", "Conv_1_bn"
    _, number, part = name.split("_")
    prefix = "expanded_conv" if number == "0" else f"block_{number}"
    return f"{prefix}_{part}", f"{prefix}_{part}_BN"


def _folded(convolution: Any, norm: Any) -> list[Any]:
    kernel = convolution.get_weights()[0]
    gamma, beta, mean, variance = norm.get_weights()
    factor = gamma / np.sqrt(variance + norm.epsilon)
    depthwise = isinstance(convolution, layers.DepthwiseConv2D)
    scaled = kernel * (factor[:, np.newaxis] if depthwise else factor)
    return [scaled.astype(np.float32), (beta - mean * factor).astype(np.float32)]
