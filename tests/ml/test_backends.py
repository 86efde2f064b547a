"""The same code on JAX: one subprocess, because a process has one backend for good."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.checkpoint import Checkpoint
from ml.config import NetworkSpec, Stage, TrainRecipe
from ml.preprocessing import scale
from ml.training import Examples, train_network

ROOT = Path(__file__).parents[2]

ON_JAX = """
import sys
from pathlib import Path
import keras
import numpy as np
from ml.checkpoint import read_checkpoint
from ml.config import SHIPPED_CHECKPOINT
from ml.preprocessing import scale
from tests.ml.test_backends import one_epoch

assert keras.backend.backend() == "jax"
checkpoint, folder = read_checkpoint(SHIPPED_CHECKPOINT), Path(sys.argv[1])
answers = checkpoint.build_model().predict_on_batch(scale(checkpoint.golden().levels))
weights, history = one_epoch(folder)
np.savez(
    folder / "jax.npz",
    **{name: np.asarray(value) for name, value in answers.items()},
    **{f"w{i}": value for i, value in enumerate(weights)},
    history=np.array([history[0][name] for name in ("loss", "attention_loss", "validation_loss")]),
)
"""


def one_epoch(folder: Path) -> tuple[list[np.ndarray], list[dict[str, float]]]:
    """An epoch of a small network from the same first weights, with an attention loss and averaged weights."""
    rng = np.random.default_rng(0)
    levels, labels = rng.integers(0, 255, (48, 32, 32)).astype(np.uint8), np.arange(48) % 4
    masks = np.zeros_like(levels)
    masks[:, 8:20, 8:20] = 255
    recipe = TrainRecipe(
        network=NetworkSpec(name="small_cnn", size=32, dropout=0.0, fine_map=True), start="scratch",
        stages=(Stage(size=32, epochs=1),), batch_size=16, averaging=0.5, learning_rate=3e-3,
    )  # fmt: skip
    data = Examples(levels, labels, ("",) * 48, masks)
    return train_network(recipe, data, data, seed=5, state=folder / keras.backend.backend())


@pytest.mark.timeout(600)
def test_jax_reads_and_trains_as_tensorflow_does(shipped: Checkpoint, tmp_path: Path) -> None:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ON_JAX, str(tmp_path)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=500)
    with np.load(tmp_path / "jax.npz") as stored:
        found = dict(stored)
    expected = shipped.build_model().predict_on_batch(scale(shipped.golden().levels))
    assert set(expected) >= {"probabilities", "maps", "embeddings"}
    for name, value in expected.items():
        assert np.abs(found[name] - np.asarray(value)).max() < 1e-3 * max(1.0, np.abs(value).max()), name
    weights, history = one_epoch(tmp_path)
    figures = [history[0][name] for name in ("loss", "attention_loss", "validation_loss")]
    assert np.isfinite(figures).all()
    assert all(found[f"w{i}"].shape == weight.shape for i, weight in enumerate(weights))
    # The first weights are drawn by each backend's own generator: the epoch agrees in kind, not in every figure.
    assert np.allclose(found["history"], figures, rtol=0.2)
