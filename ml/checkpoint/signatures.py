"""Signatures: pooled activations from inside a network, by which novelty is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ml.checkpoint.errors import CheckpointError
from ml.novelty import MARGIN

if TYPE_CHECKING:
    import keras

    from ml.networks import Network

SIGNATURE_LAYERS: Final[dict[str, tuple[str, ...]]] = {
    "mobilenet_v2": ("block_5_add", "block_9_add"),
    "cnn": ("block_1_second_relu", "block_2_second_relu"),
    "efficientnet_b0": ("block3b_add", "block4c_add"),
    "resnet50": ("conv3_block4_1_relu", "conv4_block4_1_relu"),
    "small_cnn": ("block_1_relu",),
}
"""By network: activations at an 8th of the input's side with some at a 16th, or a 4th where nothing was pretrained."""

NOVELTY_MARGINS: Final[dict[str, float]] = {"cnn": 1.15}
"""By network, where not `ml.novelty.MARGIN`: what was trained from scratch tells photographs less well apart."""


def signature_layers(network: Network) -> tuple[str, ...]:
    """Returns the names of the layers whose activations make a network's signatures."""
    return SIGNATURE_LAYERS[network.spec.name]


def novelty_margin(name: str) -> float:
    """Returns the factor by which the threshold for novelty of a network lies beyond held-out scores."""
    return NOVELTY_MARGINS.get(name, MARGIN)


def tapped(network: Network, layers: tuple[str, ...]) -> list[Any]:
    """Returns the symbolic activations of the named layers.

    Raises:
        CheckpointError: when the network has no such layer.
    """
    known = {layer.name: layer for layer in network.features.layers}
    missing = [name for name in layers if name not in known]
    if missing:
        raise CheckpointError(f"The network has no layer {missing[0]} to take signatures from.")
    return [known[name].output for name in layers]


def reader_with_signatures(network: Network, layers: tuple[str, ...]) -> keras.Model:
    """Returns the reader with one more output, `signatures` (N, K): channels' means, then their mean squares.

    Without layers, the reader as it is.
    """
    if not layers:
        return network.reader
    # Here and not above: Keras costs seconds and 700 MB, and who serves the ONNX export never needs it.
    import keras

    taps = tapped(network, layers)
    means = [keras.layers.GlobalAveragePooling2D()(tap) for tap in taps]
    squares = [keras.layers.GlobalAveragePooling2D()(keras.layers.Multiply()([tap, tap])) for tap in taps]
    signatures = keras.layers.Concatenate(name="signatures")([*means, *squares])
    outputs = {**network.reader.output, "signatures": signatures}
    return keras.Model(network.features.input, outputs, name="reader")
