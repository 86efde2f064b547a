"""From a Keras network to an ONNX file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import keras
import numpy as np
import onnx

from ml.checkpoint.graph import append_tail
from ml.checkpoint.signatures import tapped
from ml.networks import Network

OPSET: Final = 15


def export_onnx(
    network: Network, *, temperature: float = 1.0, signature_layers: tuple[str, ...] = ()
) -> bytes:
    """Exports a network built for a fixed input side.

    Keras exports the layers up to the last activations; pooling, head, class maps and softmax are appended
    with names of our own, so that a new head can be put in without Keras.

    Args:
        signature_layers: layers whose activations become `signatures` (`ml.checkpoint.signature_layers`).

    Returns:
        An ONNX file: `image` (N, S, S, 1) to `probabilities` (N, 4), `maps` (N, h, w, 4), `embeddings` (N, D)
        and, with layers for them, `signatures` (N, K).
    """
    image = network.features.input
    exported = keras.Model(image, [network.features.output, *tapped(network, signature_layers)])
    with tempfile.TemporaryDirectory() as folder:
        exported(np.zeros((1, *image.shape[1:]), np.float32))
        path = Path(folder) / "features.onnx"
        exported.export(path, format="onnx", verbose=False, opset_version=OPSET)
        features = onnx.load(path)
    kernel, bias = (np.asarray(value, np.float32) for value in network.head.get_weights())
    return append_tail(features, kernel, bias, temperature)
