"""Which layers learn."""

from __future__ import annotations

import re
from typing import Final

from keras import layers

from ml.networks.building import Network
from ml.networks.errors import NetworkError

_BLOCK: Final = re.compile(r"(?:block_?\d+[a-z]?|conv\d_block\d+)(?=_|$)")
_AFTER_BLOCKS: Final = ("last", "top_", "neck_")


def freeze_blocks(network: Network, count: int) -> None:
    """Fixes the weights of the first `count` blocks; what comes before the first block belongs to it.

    A block is what the family's paper calls one (of MobileNetV2 there are 17, of EfficientNetB0 and ResNet50 16, of
    the custom CNN 5). What comes after the last block always learns.
    """
    seen: list[str] = []
    for layer in network.features.layers:
        found = _BLOCK.match(layer.name)
        if found and found[0] not in seen:
            seen.append(found[0])
        block = seen.index(found[0]) if found else max(0, len(seen) - 1)
        layer.trainable = block >= count or layer.name.startswith(_AFTER_BLOCKS)


def tune_last(network: Network, count: int) -> None:
    """Fixes all weights but those of the last `count` layers that have any; the head is one of them."""
    weighted = [layer for layer in network.trainable.layers if layer.weights]
    for layer in weighted[: max(0, len(weighted) - count)]:
        layer.trainable = False


def fix_batch_norm(network: Network) -> None:
    """Keeps batch normalisation as given: its statistics, scale and offset; it then runs in inference mode."""
    for layer in network.features.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def blocks_until(network: Network, layer: str) -> int:
    """Returns how many of the first blocks `freeze_blocks` must fix so that a layer's activations stay as they are.

    Raises:
        NetworkError: when the network has no such layer.
    """
    seen: list[str] = []
    for known in network.features.layers:
        found = _BLOCK.match(known.name)
        if found and found[0] not in seen:
            seen.append(found[0])
        if known.name == layer:
            return max(1, len(seen))
    raise NetworkError(f"The network has no layer {layer}.")
