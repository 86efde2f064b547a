"""Convolutional networks of our own, made to be trained from scratch."""

from __future__ import annotations

from typing import Any, Final

from keras import layers

from ml.config import NetworkSpec
from ml.networks.parts import NORM_MOMENTUM, channels, convolve

_BLOCKS: Final = (32, 64, 128, 192, 256)
_BETWEEN: Final = 0.5
"""Share of the head's dropout that is used between blocks."""


def cnn(image: Any, spec: NetworkSpec) -> Any:
    """Five blocks of convolution, batch normalisation and ReLU, twice each, with max pooling in between.

    The first convolution has stride 2; with `fine_map` the last pooling is left out.

    Returns:
        The last activations for images (N, S, S, 1).
    """
    x = image
    for block, count in enumerate(_BLOCKS):
        width = channels(count * spec.width)
        pools = 0 < block < len(_BLOCKS) - 1 or (block == len(_BLOCKS) - 1 and not spec.fine_map)
        if pools:
            x = layers.MaxPooling2D(2, name=f"block_{block}_pool")(x)
        if block > 0 and spec.dropout > 0:
            x = layers.SpatialDropout2D(_BETWEEN * spec.dropout, name=f"block_{block}_dropout")(x)
        x = _normalised(x, width, 2 if block == 0 else 1, f"block_{block}_first")
        x = _normalised(x, width, 1, f"block_{block}_second")
    return x


def small_cnn(image: Any, spec: NetworkSpec) -> Any:
    """Three convolutions with stride 2 (the last one 1 with `fine_map`): for tests of what is around a network."""
    x = image
    for block, width in enumerate((8, 16, 24)):
        x = convolve(x, width, 3, 1 if spec.fine_map and block == 2 else 2, f"block_{block}")
    return x


def _normalised(x: Any, width: int, stride: int, name: str) -> Any:
    x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False, name=f"{name}_convolution")(x)
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
