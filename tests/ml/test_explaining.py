"""`python -m ml explain`."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.checkpoint import Checkpoint
from ml.cli import explaining, main
from ml.explanation import compare_methods, localisation_figures
from ml.inference import OnnxPredictor
from ml.labels import CLASSES

HEAD = cv2.circle(np.zeros((96, 96), np.uint8), (48, 48), 44, 1, -1)


@pytest.fixture
def checkpoint_path(tiny_bytes: bytes, tmp_path: Path) -> str:
    path = tmp_path / "tiny.ckpt.zip"
    path.write_bytes(tiny_bytes)
    return str(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Textured heads with a bright disc, one of each class, and their masks."""
    rng = np.random.default_rng(7)
    for number, label in enumerate(CLASSES):
        for kind in ("images", "masks"):
            (tmp_path / kind / label).mkdir(parents=True)
        texture = cv2.resize(
            rng.integers(60, 150, (9, 9), dtype=np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC
        )
        mask = cv2.circle(np.zeros((96, 96), np.uint8), (30 + 10 * number, 40), 9, 255, -1)
        Image.fromarray(np.where(mask > 0, 240, texture * HEAD).astype(np.uint8)).save(
            tmp_path / "images" / label / "a.png"
        )
        Image.fromarray(mask).save(tmp_path / "masks" / label / "a.png")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_two_methods_explain_one_class_rather_than_another(
    folder: Path, checkpoint_path: str, tiny: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    image, out = folder / "images" / "meningioma" / "a.png", folder / "out"
    said = run(
        capsys, str(image), "--out", str(out), "--class", "meningioma", "--against", "glioma", "--method", "both",
        "--patch", "16", "--stride", "8", "--json", "--checkpoint", checkpoint_path,
    )  # fmt: skip
    facts = json.loads(said)
    assert (facts["class"], facts["against"]) == ("meningioma", "glioma")
    assert set(facts["overlays"]) == {"gradcam", "occlusion"}
    for path in facts["overlays"].values():
        assert np.asarray(Image.open(path)).shape == (96, 96, 3)
    assert -1 <= facts["agreement"]["spearman"] <= 1
    assert facts["agreement"]["places"] > 1000
    with np.load(out / "0000-a-meningioma-against-glioma.npz") as stored:
        assert stored["occlusion"].shape == (64, 64)
        levels = tiny.preprocessing.levels(np.asarray(Image.open(image)))
        answer = OnnxPredictor(tiny).predict(
            (levels[np.newaxis, ..., np.newaxis] / 127.5 - 1).astype(np.float32)
        )
        assert stored["maps"] == pytest.approx(answer.maps[0], abs=1e-5)


def test_what_is_no_brain_mri_has_no_class_to_explain(
    folder: Path, checkpoint_path: str, tiny: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = folder / "strange.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 2, (96, 96), dtype=np.uint8) * 255).save(strange)
    batch = tiny.preprocessing.apply(np.asarray(Image.open(strange)))[np.newaxis]
    assert OnnxPredictor(tiny).predict(batch).not_assessable.all()
    arguments = (str(strange), "--out", str(folder / "out"), "--checkpoint", checkpoint_path)
    facts = json.loads(run(capsys, *arguments, "--json"))
    assert (facts["label"], facts["class"], facts["overlays"]) == ("not_assessable", None, {})
    assert facts["novelty"] > 0
    assert not list((folder / "out").iterdir())
    assert "not_assessable (novelty" in run(capsys, *arguments)
    named = json.loads(run(capsys, *arguments, "--class", "glioma", "--json"))
    assert (named["label"], named["class"]) == ("not_assessable", "glioma")
    assert Path(named["overlays"]["gradcam"]).exists()


def test_maps_are_measured_against_masks(
    folder: Path, checkpoint_path: str, tiny: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = folder / "m.csv"
    rows = [f"images/{label}/a.png,{label},test,s{i},masks/{label}/a.png" for i, label in enumerate(CLASSES)]
    listed.write_text("\n".join(["image,label,split,group,mask", *rows]) + "\n")
    arguments = ("--manifest", str(listed), "--checkpoint", checkpoint_path)
    by_column = json.loads(run(capsys, *arguments, "--json"))
    assert (by_column["tumours"], by_column["without_mask"], by_column["mask_contradicted"]) == (3, 0, 0)
    assert by_column["n"] + by_column["named_wrongly"] == 3
    assert "3 tumours: 0 without a mask that fits" in run(capsys, *arguments)

    listed.write_text(listed.read_text().replace("images/", "").replace(",mask\n", ",other\n"))
    by_folder = (*arguments, "--root", str(folder / "images"), "--json", "--method", "both")
    assert main(["explain", *by_folder]) == 2
    assert "No image of this part has a mask that fits it" in capsys.readouterr().err
    found = json.loads(run(capsys, *by_folder, "--masks", str(folder / "masks")))
    assert found["inside"] == by_column["inside"]
    assert found["methods"]["n"] == by_column["n"]


def test_a_part_without_a_tumour_named_rightly_is_told_too() -> None:
    nothing = {"levels": np.zeros((0, 32, 32), np.uint8), "maps": np.zeros((0, 4, 4, 4), np.float32),
               "labels": np.zeros(0, np.int64), "masks": np.zeros((0, 32, 32), bool)}  # fmt: skip
    figures = localisation_figures(**nothing, probabilities=np.zeros((0, 4), np.float32))
    figures["methods"] = compare_methods(**nothing, logits=lambda batch: batch)
    said = explaining._localisation_text(figures)
    assert "0 measured" in said
    assert said.count("undefined") == 9


def test_the_sanity_check_runs_on_images(
    folder: Path, checkpoint_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(capsys, str(folder / "images"), "--sanity", "--json", "--checkpoint", checkpoint_path)
    check = json.loads(said)
    assert check["passed"]
    assert check["images"] == 4
    assert check["steps"][0]["layer"] == "head"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name images or folders to explain, or a --manifest to measure on."),
        (["."], "Name a folder for the overlays with --out."),
    ],
)
def test_what_is_missing_is_named(
    arguments: list[str], sentence: str, checkpoint_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *arguments, "--checkpoint", checkpoint_path]) == 2
    assert sentence in capsys.readouterr().err
