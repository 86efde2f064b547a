import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from ml.checkpoint import Checkpoint, read_checkpoint, replace_head
from ml.checkpoint.writing import golden_pixels
from ml.cli import main
from ml.inference import OnnxPredictor
from ml.labels import CLASSES
from ml.manifest import read_manifest

COLOURS = {"glioma": 60, "meningioma": 110, "notumor": 160, "pituitary": 210}


@pytest.fixture
def checkpoint_path(tiny_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.ckpt.zip"
    path.write_bytes(tiny_bytes)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of each class; a class is where its bright disc lies."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for index, label in enumerate(CLASSES):
        (root / label).mkdir()
        for number in range(12):
            image = cv2.resize(
                rng.integers(20, 120, (7, 7), dtype=np.uint8), (80, 72), interpolation=cv2.INTER_CUBIC
            )
            cv2.circle(image, (20 + 40 * (index % 2), 20 + 30 * (index // 2)), 12, 255, -1)
            Image.fromarray(image).save(root / label / f"{number}.png")
    return root


def test_predict_prints_one_object_a_line(
    checkpoint_path: Path, tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = golden_pixels(13)
    (tmp_path / "heads").mkdir()
    for number, pixels in enumerate(heads[:12]):
        Image.fromarray(pixels).save(tmp_path / "heads" / f"{number:02d}.png")
    Image.fromarray(heads[12]).save(tmp_path / "one.png")
    paths = [str(tmp_path / "heads"), str(tmp_path / "one.png")]
    assert main(["predict", *paths, "--json", "--checkpoint", str(checkpoint_path)]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(answers) == 13
    assert answers[-1]["file"] == paths[1]
    expected = OnnxPredictor(tiny).predict(tiny.preprocessing.apply(heads[12])[np.newaxis])
    assert list(answers[-1]["probabilities"].values()) == pytest.approx(expected.probabilities[0], abs=1e-5)
    assert answers[-1]["label"] == CLASSES[int(expected.probabilities[0].argmax())]
    assert answers[-1]["novelty"] == pytest.approx(float(expected.novelty[0]), abs=1e-3)
    assert main(["predict", paths[1], "--checkpoint", str(checkpoint_path)]) == 0
    assert capsys.readouterr().out.startswith(answers[-1]["label"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "gone.png"], "gone.png does not exist."),
        (
            ["predict", ".", "--checkpoint", "gone.zip"],
            "The checkpoint gone.zip cannot be read: No such file",
        ),
        (["train", "--manifest", "gone.csv", "--out", "x"], "No such file or directory: 'gone.csv'"),
        (["reproduce", "fold-9", "--data", "."], "fold-9: not a run; expected some of fold-5"),
        (["export", "--out", "model.pkl"], "Give a name that ends in .onnx, .h5"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], sentence: str, checkpoint_path: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    if arguments[0] in ("predict", "export") and "--checkpoint" not in arguments:
        arguments = [*arguments, "--checkpoint", str(checkpoint_path)]
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert sentence in errors
    assert "Traceback" not in errors


def test_explain_writes_overlays_and_raw_maps(
    folder: Path, checkpoint_path: Path, tiny: Checkpoint, tmp_path: Path
) -> None:
    image, out = folder / "notumor" / "5.png", tmp_path / "maps"
    assert (
        main(
            [
                "explain",
                str(image),
                "--out",
                str(out),
                "--label",
                "glioma",
                "--checkpoint",
                str(checkpoint_path),
            ]
        )
        == 0
    )
    overlay = np.asarray(Image.open(out / "0000-5-glioma.png"))
    grey = np.asarray(Image.open(image))
    assert overlay.shape == (*grey.shape, 3)
    with np.load(out / "0000-5-glioma.npz") as stored:
        raw = OnnxPredictor(tiny).predict(tiny.preprocessing.apply(grey)[np.newaxis]).maps[0]
        assert np.array_equal(stored["maps"], raw)


def test_reading_does_not_wait_for_tensorflow(folder: Path, checkpoint_path: Path) -> None:
    program = (
        "import sys; from ml.cli import main; main(sys.argv[1:]); "
        "sys.exit(sorted({'keras', 'tensorflow', 'django'} & set(sys.modules)) or 0)"
    )
    arguments = ["predict", str(folder / "glioma" / "1.png"), "--checkpoint", str(checkpoint_path)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_export_gives_a_file_that_onnx_runtime_opens(
    checkpoint_path: Path, tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.onnx"
    assert main(["export", "--out", str(out), "--checkpoint", str(checkpoint_path)]) == 0
    assert (
        "signatures, and no novelty score of them: by itself it gives every image" in capsys.readouterr().out
    )
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["probabilities", "maps", "embeddings", "signatures"]


def test_export_gives_a_keras_file_of_keras_layers_alone(
    checkpoint_path: Path, tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import keras

    out = tmp_path / "model.h5"
    assert main(["export", "--out", str(out), "--checkpoint", str(checkpoint_path)]) == 0
    assert "does not tell novelty: by itself it gives every image a class" in capsys.readouterr().out
    assert list(tmp_path.glob("*.h5")) == [out]
    batch = np.random.default_rng(0).uniform(-1, 1, (3, 64, 64, 1)).astype(np.float32)
    probabilities, maps, embeddings = keras.saving.load_model(out).predict_on_batch(batch)
    expected = OnnxPredictor(tiny).predict(batch)
    assert probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    assert maps == pytest.approx(expected.maps, abs=1e-5)
    assert embeddings == pytest.approx(expected.embeddings, abs=1e-5)


def test_a_keras_file_is_never_loaded(
    checkpoint_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, beginning, kind in [
        ("model.h5", b"\x89HDF\r\n\x1a\n", "a Keras HDF5 file"),
        ("model.bin", b"\x80\x04\x95", "a pickle"),
        ("model.joblib", b"", "a joblib pickle"),
    ]:
        (tmp_path / name).write_bytes(beginning)
        for command in (["predict", str(tmp_path)], ["evaluate"]):
            assert main([*command, "--checkpoint", str(tmp_path / name)]) == 2
            said = capsys.readouterr().err
            assert said.startswith(f"{name} is {kind}, which is never loaded: such a file can carry code")
            assert "python -m ml train" in said


def test_predict_says_what_is_no_brain_mri(
    checkpoint_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = tmp_path / "noise.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), dtype=np.uint8)).save(noise)
    assert main(["predict", str(noise), "--json", "--checkpoint", str(checkpoint_path)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] == "not_assessable"
    assert answer["novelty"] > answer["threshold"]
    assert answer["probabilities"] is None
    assert main(["predict", str(noise), "--checkpoint", str(checkpoint_path)]) == 0
    assert capsys.readouterr().out.startswith("not assessable: unlike a brain MRI (novelty ")


def test_inspect_prints_json_and_writes_html(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(folder), "--json", "--html", str(tmp_path / "r.html")]) == 0
    survey = json.loads(capsys.readouterr().out)
    assert survey["classes"] == {"no split": dict.fromkeys(CLASSES, 12)}
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


def test_evaluate_and_compare_on_the_reference_part(
    checkpoint_path: Path, tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = tmp_path / "better.ckpt.zip"
    kernel = 4.0 * np.eye(24, 4, dtype=np.float32)
    better.write_bytes(replace_head(tiny, kernel, np.zeros(4)))
    assert main(["evaluate", "--json", "--checkpoint", str(better)]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] > 0.99
    assert main(["compare", str(better), "--checkpoint", str(checkpoint_path)]) == 0
    assert "too little to say" in capsys.readouterr().out
    assert main(["compare", str(checkpoint_path), "--checkpoint", str(better), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    gate = facts["gates"][0]
    assert gate["verdict"] == "fail"
    found = {one["name"]: one for one in gate["criteria"]}
    assert found["size"]["answer"] == "insufficient"
    assert found["balanced_accuracy"]["sentence"].startswith("Balanced accuracy falls from 1.000 to ")


def test_manifest_then_train_then_evaluate(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, recipe, out = tmp_path / "m.csv", tmp_path / "recipe.json", tmp_path / "new.ckpt.zip"
    assert main(["manifest", str(folder), "--out", str(listed), "--validation", "0.2", "--test", "0.25"]) == 0
    rows = list(csv.DictReader(io.StringIO(listed.read_text())))
    assert len(rows) == 48
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    where: dict[str, set[str]] = {}
    for row in rows:
        where.setdefault(row["group"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in where.values())
    recipe.write_text(
        '{"network": {"name": "small_cnn"}, "start": "scratch", "stages": [{"size": 64, "epochs": 2}], "batch_size": 8}'
    )
    arguments = ["train", "--manifest", str(listed), "--root", str(folder), "--out", str(out), "--init", "none",
                 "--recipe", str(recipe), "--work", str(tmp_path / "work"), "--seed", "3"]  # fmt: skip
    assert main(arguments) == 0
    checkpoint = read_checkpoint(out)
    assert checkpoint.metadata["manifest_sha256"] == read_manifest(listed).sha256
    assert checkpoint.metadata["seed"] == 3
    validated = sum(row["split"] == "validation" for row in rows)
    assert checkpoint.metadata["calibration"]["fitted_on"] == validated
    assert checkpoint.metadata["novelty"]["threshold_on"] == validated
    assert checkpoint.temperature != 1
    assert len(checkpoint.reference().labels) == sum(row["split"] == "test" for row in rows)
    capsys.readouterr()
    assert (
        main(
            ["evaluate", "--json", "--checkpoint", str(out), "--manifest", str(listed), "--root", str(folder)]
        )
        == 0
    )
    by_files = json.loads(capsys.readouterr().out)
    assert by_files["confusion"] == _by_reference(out, capsys)["confusion"]


def _by_reference(path: Path, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["evaluate", "--json", "--checkpoint", str(path)]) == 0
    return json.loads(capsys.readouterr().out)
