"""From a Keras network to an ONNX file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import onnx

from ml.checkpoint.graph import append_tail
from ml.networks import Network

OPSET: Final = 15


def export_onnx(network: Network, *, temperature: float = 1.0) -> bytes:
    """Exports a network built for a fixed input side.

    Keras exports the layers up to the last activations; pooling, head, class maps and softmax are appended
    with names of our own, so that a new head can be put in without Keras.

    Returns:
        An ONNX file: `image` (N, S, S, 1) to `probabilities` (N, 4), `maps` (N, h, w, 4) and `embeddings` (N, D).
    """
    with tempfile.TemporaryDirectory() as folder:
        network.features(np.zeros((1, *network.features.input_shape[1:]), np.float32))
        path = Path(folder) / "features.onnx"
        network.features.export(path, format="onnx", verbose=False, opset_version=OPSET)
        features = onnx.load(path)
    kernel, bias = (np.asarray(value, np.float32) for value in network.head.get_weights())
    return append_tail(features, kernel, bias, temperature)
