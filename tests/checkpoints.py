"""A tiny checkpoint of random weights that gives drawn slices a class, and noise, text and photographs none.

`python -m tests.checkpoints` makes `TURNS_AWAY` again, which the format of checkpoints asks for when it changes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from itertools import product
from pathlib import Path

import numpy as np

from ml.labels import CLASSES
from mriplatform.demo.slices import PLANES, draw_slice

TURNS_AWAY = Path(__file__).parent / "turns-away.ckpt.zip"
SIDE = 64
SEEDS = (1, 2, 3, 4, 5)
TEMPERATURE = 1.5


def hashes(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"{number:064x}" for number in range(start, start + count))


def checkpoint_that_turns_away() -> bytes:
    """The archive; its novelty is learned on drawn slices alone."""
    import keras

    from ml.checkpoint import (
        Reference,
        Replay,
        TrainingHashes,
        reader_with_signatures,
        signature_layers,
        write_checkpoint,
    )
    from ml.config import NetworkSpec
    from ml.export import export_onnx
    from ml.networks import build_network, round_weights
    from ml.novelty import fit_novelty
    from ml.preprocessing import Preprocessing, scale

    keras.utils.set_random_seed(3)
    network = build_network(NetworkSpec(name="small_cnn"), size=SIDE, temperature=TEMPERATURE)
    network.trainable.set_weights(round_weights(network.trainable.get_weights()))
    layers, preprocessing = signature_layers(network), Preprocessing(size=SIDE)
    kinds = list(product(SEEDS, CLASSES, PLANES))
    drawn = [draw_slice(kind, plane, seed, size=256) for seed, kind, plane in kinds]
    batch = scale(np.stack([preprocessing.levels(pixels) for pixels in drawn]))
    answers = reader_with_signatures(network, layers).predict_on_batch(batch)
    signatures, embeddings = np.asarray(answers["signatures"]), np.asarray(answers["embeddings"])
    truth = np.array([CLASSES.index(kind) for _, kind, _ in kinds])
    taught = len(CLASSES) * len(PLANES) * 3
    held = len(truth) - taught
    return write_checkpoint(
        network=network,
        onnx=export_onnx(network, temperature=TEMPERATURE, signature_layers=layers),
        preprocessing=preprocessing,
        novelty=fit_novelty(signatures[:taught], signatures[taught:]),
        replay=Replay(embeddings[:taught], truth[:taught], hashes(taught)),
        reference=Reference(
            embeddings[taught:], truth[taught:], tuple(f"drawn-{i}" for i in range(held)), hashes(held, 500)
        ),
        training_hashes=TrainingHashes(hashes(taught), np.arange(taught, dtype=np.uint64)),
        metadata={"name": "tiny", "calibration": {"temperature": TEMPERATURE}, "seed": 3},
    )


def of_schema_1(data: bytes) -> bytes:
    """The same checkpoint as the first schema held it: without novelty, its network by name alone."""
    from ml.checkpoint import read_checkpoint

    golden = vars(read_checkpoint(data).golden())
    arrays = io.BytesIO()
    np.savez(arrays, **{name: values for name, values in golden.items() if name != "novelty"})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != "novelty.npz"}
    members["golden.npz"] = arrays.getvalue()
    metadata = json.loads(members["metadata.json"])
    del metadata["novelty"], metadata["members"]["novelty.npz"]
    metadata["members"]["golden.npz"] = hashlib.sha256(arrays.getvalue()).hexdigest()
    metadata |= {"schema": 1, "network": {"name": metadata["network"]["name"]}}
    members["metadata.json"] = json.dumps(metadata).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


if __name__ == "__main__":
    TURNS_AWAY.write_bytes(checkpoint_that_turns_away())
