"""The same code on JAX: one subprocess for all of it, because a process has one backend for good."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from ml.checkpoint import Checkpoint
from ml.config import NetworkSpec, Stage, TrainRecipe
from ml.explanation import class_map, saliency
from ml.explanation.proof import gradcam_autodiff
from ml.networks import build_network
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
from tests.ml.test_backends import gradients, one_epoch

assert keras.backend.backend() == "jax"
checkpoint, folder = read_checkpoint(SHIPPED_CHECKPOINT), Path(sys.argv[1])
answers = checkpoint.build_model().predict_on_batch(scale(checkpoint.golden().levels))
weights, history = one_epoch(folder)
maps, proofs = gradients()
np.savez(
    folder / "jax.npz",
    **{name: np.asarray(value) for name, value in answers.items()},
    **{f"w{i}": value for i, value in enumerate(weights)},
    history=np.array([history[0][name] for name in ("loss", "attention_loss", "validation_loss")]),
    explained=maps,
    proofs=proofs,
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


EXPLAINED = ((0, None), (1, None), (2, None), (3, None), (1, 0))


def gradients() -> tuple[np.ndarray, np.ndarray]:
    """The maps of a fresh network, and Grad-CAM by automatic differentiation for each of `EXPLAINED`."""
    keras.utils.set_random_seed(1)
    network = build_network(NetworkSpec(name="small_cnn", size=64), size=64)
    batch = np.random.default_rng(1).uniform(-1, 1, (3, 64, 64, 1)).astype(np.float32)
    proofs = [
        gradcam_autodiff(network, batch, np.full(3, label), None if against is None else np.full(3, against))
        for label, against in EXPLAINED
    ]
    return network.reader.predict_on_batch(batch)["maps"], np.stack(proofs)


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What a process with JAX answers, trains and derives."""
    folder = tmp_path_factory.mktemp("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", ON_JAX, str(folder)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    with np.load(folder / "jax.npz") as stored:
        return dict(stored)


@pytest.mark.timeout(600)
def test_closed_form_equals_automatic_differentiation_under_jax(on_jax: dict[str, np.ndarray]) -> None:
    """`jax.grad` on a fresh network with 8 x 8 maps."""
    maps = on_jax["explained"]
    assert maps.shape == (3, 8, 8, 4)
    for (label, against), proof in zip(EXPLAINED, on_jax["proofs"], strict=True):
        cam = saliency(class_map(maps, label, against))
        assert cam.max() > 0
        assert np.abs(proof * 64 - cam).max() <= 1e-4 * max(1, cam.max()), (label, against)


@pytest.mark.timeout(600)
def test_jax_reads_and_trains_as_tensorflow_does(
    on_jax: dict[str, np.ndarray], shipped: Checkpoint, tmp_path: Path
) -> None:
    expected = shipped.build_model().predict_on_batch(scale(shipped.golden().levels))
    assert set(expected) >= {"probabilities", "maps", "embeddings"}
    for name, value in expected.items():
        assert np.abs(on_jax[name] - np.asarray(value)).max() < 1e-3 * max(1.0, np.abs(value).max()), name
    weights, history = one_epoch(tmp_path)
    figures = [history[0][name] for name in ("loss", "attention_loss", "validation_loss")]
    assert np.isfinite(figures).all()
    assert all(on_jax[f"w{i}"].shape == weight.shape for i, weight in enumerate(weights))
    # The first weights are drawn by each backend's own generator: the epoch agrees in kind, not in every figure.
    assert np.allclose(on_jax["history"], figures, rtol=0.2)
