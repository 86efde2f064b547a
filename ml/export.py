"""From a network to files for other tools: ONNX, and Keras's legacy HDF5."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import keras
import numpy as np
import onnx

from ml.checkpoint import Checkpoint
from ml.checkpoint.graph import OUTPUTS, SIGNATURES, answer, append_tail, open_session
from ml.checkpoint.signatures import tapped
from ml.checkpoint.writing import demand_equal, differences
from ml.networks import Network
from ml.preprocessing import scale
from ml.storing import write_whole

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


def export_h5(checkpoint: Checkpoint, path: Path) -> None:
    """Writes the whole Keras model as a legacy HDF5 file, made of Keras's own layers alone, and verifies it.

    The model takes `image` (N, S, S, 1) in -1..1 and gives a list: probabilities, maps, embeddings. It does not
    tell novelty.

    Raises:
        CheckpointError: when the file, read back, answers otherwise than the checkpoint; none is left then.
    """
    network = checkpoint.build_network()
    reader, features = network.reader.output, network.features.output
    pointwise = keras.layers.Conv2D(len(checkpoint.classes), 1, use_bias=False, name="maps")
    outputs = [reader["probabilities"], pointwise(features), reader["embeddings"]]
    model = keras.Model(network.features.input, outputs, name=network.spec.name)
    pointwise.set_weights([network.head.get_weights()[0][np.newaxis, np.newaxis]])
    golden = checkpoint.golden()

    def write(unfinished: Path) -> None:
        keras.saving.save_model(model, unfinished)
        # Our own file of a moment ago, and no other: Keras files are not loaded anywhere else.
        again = keras.saving.load_model(unfinished, compile=False)
        said = again.predict_on_batch(scale(golden.levels))
        worst = differences(dict(zip(OUTPUTS, map(np.asarray, said), strict=True)), vars(golden))
        demand_equal(worst, f"{path.name} answers otherwise than the checkpoint")

    write_whole(path, write)


def write_onnx(checkpoint: Checkpoint, path: Path) -> None:
    """Writes the checkpoint's ONNX file and verifies it as it lies there.

    Raises:
        CheckpointError: when the file answers otherwise than when the checkpoint was made; none is left then.
    """
    golden = checkpoint.golden()

    def write(unfinished: Path) -> None:
        unfinished.write_bytes(checkpoint.onnx)
        answers = answer(open_session(unfinished.read_bytes()), scale(golden.levels))
        if (novelty := checkpoint.novelty()) is not None:
            answers["novelty"] = novelty.scores(answers[SIGNATURES])
        demand_equal(differences(answers, vars(golden)), f"{path.name} answers otherwise than the checkpoint")

    write_whole(path, write)
