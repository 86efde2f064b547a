"""A tiny checkpoint of random weights, made once, and the shipped one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.config import SHIPPED_CHECKPOINT, NetworkSpec
from ml.preprocessing import Preprocessing

if TYPE_CHECKING:
    from ml.checkpoint import Checkpoint
    from ml.inference import KerasPredictor, OnnxPredictor

# TensorFlow is imported in the fixtures: a conftest is loaded before pytest captures output, and TensorFlow holds
# on to the streams that it finds.

TEMPERATURE = 1.5


def embedded(rng: np.random.Generator, count: int, width: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of four well-separated classes, with their labels."""
    labels = np.arange(count) % 4
    centres = 3.0 * np.eye(4, width, dtype=np.float32)
    return (centres[labels] + rng.normal(0, 0.5, (count, width))).astype(np.float32), labels


def hashes(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"{number:064x}" for number in range(start, start + count))


@pytest.fixture(scope="session")
def tiny_bytes() -> bytes:
    import keras

    from ml.checkpoint import (
        Reference,
        Replay,
        TrainingHashes,
        reader_with_signatures,
        signature_layers,
        write_checkpoint,
    )
    from ml.checkpoint.writing import golden_pixels
    from ml.export import export_onnx
    from ml.networks import build_network, round_weights
    from ml.novelty import fit_novelty
    from ml.preprocessing import scale

    keras.utils.set_random_seed(3)
    network = build_network(NetworkSpec(name="small_cnn"), size=64, temperature=TEMPERATURE)
    network.trainable.set_weights(round_weights(network.trainable.get_weights()))
    layers, preprocessing = signature_layers(network), Preprocessing(size=64)
    drawn = scale(np.stack([preprocessing.levels(image) for image in golden_pixels(60)]))
    signatures = reader_with_signatures(network, layers).predict_on_batch(drawn)["signatures"]
    rng = np.random.default_rng(3)
    replayed, labels = embedded(rng, 200)
    held, truth = embedded(rng, 120)
    return write_checkpoint(
        network=network,
        onnx=export_onnx(network, temperature=TEMPERATURE, signature_layers=layers),
        preprocessing=preprocessing,
        novelty=fit_novelty(signatures[:40], signatures[40:]),
        replay=Replay(replayed, labels, hashes(200)),
        reference=Reference(held, truth, tuple(f"subject-{i // 3}" for i in range(120)), hashes(120, 500)),
        training_hashes=TrainingHashes(hashes(200), np.arange(200, dtype=np.uint64)),
        metadata={
            "name": "tiny",
            "calibration": {"temperature": TEMPERATURE},
            "seed": 3,
        },
    )


@pytest.fixture(scope="session")
def tiny(tiny_bytes: bytes) -> Checkpoint:
    from ml.checkpoint import read_checkpoint

    return read_checkpoint(tiny_bytes)


@pytest.fixture(scope="session")
def shipped() -> Checkpoint:
    from ml.checkpoint import read_checkpoint

    return read_checkpoint(SHIPPED_CHECKPOINT)


@pytest.fixture(scope="session")
def shipped_onnx(shipped: Checkpoint) -> OnnxPredictor:
    from ml.inference import OnnxPredictor

    return OnnxPredictor(shipped)


@pytest.fixture(scope="session")
def shipped_keras(shipped: Checkpoint) -> KerasPredictor:
    from ml.inference import KerasPredictor

    return KerasPredictor(shipped)


@pytest.fixture(scope="session")
def real_paths(real_data: Path) -> list[Path]:
    """Three images of each class."""
    folder = real_data / "nickparvar" / "Testing"
    return [path for cls in sorted(folder.iterdir()) for path in sorted(cls.iterdir())[::40][:3]]
