"""The checkpoints that ship, on real images."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.config import SHIPPED_CHECKPOINTS
from ml.evaluation import evaluate_head
from ml.experiments.folds import load
from ml.experiments.public_data import read_nickparvar
from ml.explanation import normalise, saliency
from ml.explanation.localisation import localisation_figures
from ml.explanation.proof import gradcam_autodiff
from ml.inference import KerasPredictor, OnnxPredictor, verify_golden
from ml.inspection import read_grey
from ml.labels import CLASSES
from ml.metrics import evaluate
from ml.preprocessing import scale
from ml.training import retrain_head


@pytest.fixture(scope="module")
def batch(shipped: Checkpoint, real_paths: list[Path]) -> np.ndarray:
    return np.stack([shipped.preprocessing.apply(read_grey(path)) for path in real_paths])


@pytest.mark.parametrize(
    ("path", "accuracy", "meningioma"),
    list(zip(SHIPPED_CHECKPOINTS, (0.95, 0.9), (0.9, 0.82), strict=True)),
    ids=lambda given: given.name if isinstance(given, Path) else str(given),
)
def test_figures_beside_it_are_of_this_file(path: Path, accuracy: float, meningioma: float) -> None:
    checkpoint = read_checkpoint(path)
    facts = json.loads(path.with_name(path.name.replace(".ckpt.zip", ".json")).read_text())
    assert facts["sha256"] == checkpoint.sha256
    assert facts["bytes"] == path.stat().st_size <= 20 * 2**20
    assert len(checkpoint.members["reference.npz"]) <= 4 * 2**20
    assert len(checkpoint.members["replay.npz"]) <= 8 * 2**20
    measured = evaluate_head(checkpoint, checkpoint.reference())
    assert measured["accuracy"] == pytest.approx(facts["measured"]["reference_head"]["accuracy"], abs=1e-9)
    assert measured["accuracy"] >= accuracy
    assert measured["per_class"]["meningioma"]["recall"] >= meningioma
    assert measured["ece"] <= 0.035


def test_it_knows_none_of_its_reference_images(shipped: Checkpoint) -> None:
    assert not set(shipped.reference().hashes) & set(shipped.training_hashes().sha256)
    assert set(shipped.replay().hashes) <= set(shipped.training_hashes().sha256)


def test_both_runtimes_answer_as_when_made(
    shipped: Checkpoint, shipped_onnx: OnnxPredictor, shipped_keras: KerasPredictor
) -> None:
    verify_golden(shipped_onnx, shipped)
    verify_golden(shipped_keras, shipped)


@pytest.mark.data
def test_onnx_equals_keras_on_real_images(
    batch: np.ndarray, shipped_onnx: OnnxPredictor, shipped_keras: KerasPredictor
) -> None:
    served, trained = shipped_onnx.predict(batch), shipped_keras.predict(batch)
    assert np.abs(served.probabilities - trained.probabilities).max() <= 1e-5
    assert np.abs(served.embeddings - trained.embeddings).max() <= 1e-5
    assert np.abs(served.maps - trained.maps).max() <= 1e-5 * np.abs(trained.maps).max()
    alone = shipped_onnx.predict(batch[3:4])
    assert np.abs(alone.probabilities[0] - served.probabilities[3]).max() <= 1e-5


@pytest.mark.data
@pytest.mark.parametrize("path", SHIPPED_CHECKPOINTS, ids=lambda path: path.name)
def test_what_is_no_brain_mri_gets_no_class(path: Path, real_data: Path, real_paths: list[Path]) -> None:
    checkpoint = read_checkpoint(path)
    predictor, files = OnnxPredictor(checkpoint), sorted((real_data / "ood").iterdir())
    given = [file for file in files if not file.name.startswith("burnedin")]
    heads = [file for file in files if file.name.startswith("burnedin")] + real_paths
    strange, usual = (
        predictor.predict(np.stack([checkpoint.preprocessing.apply(read_grey(file)) for file in some]))
        for some in (given, heads)
    )
    assert len(given) == 17
    assert usual.not_assessable.sum() <= 1
    assert (~strange.not_assessable).sum() <= 1


@pytest.mark.data
@pytest.mark.parametrize("path", SHIPPED_CHECKPOINTS, ids=lambda path: path.name)
def test_maps_of_held_out_tumours_point_at_them(path: Path, real_data: Path, tmp_path: Path) -> None:
    checkpoint = read_checkpoint(path)
    held_out = [image for image in read_nickparvar(real_data) if image.fold == 5 and image.mask]
    found = load(held_out[::9], tmp_path, checkpoint.preprocessing)
    answers = OnnxPredictor(checkpoint).predict(scale(found.pixels.levels))
    figures = localisation_figures(
        answers.maps, answers.probabilities, found.labels, found.masks, found.pixels.levels,
        [image.group for image in found.images],
    )  # fmt: skip
    assert figures["n"] > 60
    assert figures["inside"] >= 0.65
    assert figures["within_8px"] >= 0.88
    assert figures["energy"] > 2 * figures["mask_share"]


@pytest.mark.data
def test_gradcam_equals_automatic_differentiation_on_real_images(
    shipped: Checkpoint, batch: np.ndarray, shipped_onnx: OnnxPredictor
) -> None:
    network = shipped.build_network()
    maps = shipped_onnx.predict(batch).maps
    for label in range(len(CLASSES)):
        proof = normalise(gradcam_autodiff(network, batch, np.full(len(batch), label)))
        assert np.abs(proof - normalise(saliency(maps[..., label]))).max() <= 1e-4
        assert proof.max() == 1


@pytest.mark.data
def test_held_out_images_are_read_well(
    shipped: Checkpoint, real_data: Path, shipped_onnx: OnnxPredictor
) -> None:
    """A part of fold 5, through files, preprocessing and ONNX, against the labels of the set."""
    import csv

    with (real_data / "nickparvar" / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["leakfree_fold"] == "5"][::8]
    greys = [read_grey(real_data / "nickparvar" / row["file"]) for row in rows]
    inputs = np.stack([shipped.preprocessing.apply(grey) for grey in greys])
    answers = np.concatenate(
        [shipped_onnx.predict(inputs[i : i + 32]).probabilities for i in range(0, len(rows), 32)]
    )
    figures = evaluate(answers, [CLASSES.index(row["cls"]) for row in rows], bootstrap=0)
    assert figures["n"] > 150
    assert figures["accuracy"] >= 0.9


def test_ten_corrections_of_real_mistakes_count(shipped: Checkpoint) -> None:
    reference, (kernel, bias) = shipped.reference(), shipped.head()
    wrong = np.flatnonzero((reference.embeddings @ kernel + bias).argmax(axis=1) != reference.labels)
    ten = np.random.default_rng(0).choice(wrong, 10, replace=False)
    result = retrain_head(shipped, reference.embeddings[ten], reference.labels[ten])
    assert result.figures["corrections"]["candidate_right"] >= 8
    assert result.figures["candidate"]["accuracy"] >= result.figures["incumbent"]["accuracy"] - 0.005


@pytest.mark.data
def test_predict_as_a_user_runs_it(real_paths: list[Path]) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "ml", "predict", *map(str, real_paths[:4]), "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=120)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["file"] for answer in answers] == [str(path) for path in real_paths[:4]]
    for answer in answers:
        assert set(answer) == {"file", "label", "probabilities", "novelty", "threshold"}
        assert tuple(answer["probabilities"]) == CLASSES
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert answer["label"] == max(answer["probabilities"], key=answer["probabilities"].get)
