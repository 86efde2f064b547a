"""`evaluate` and `compare` on the command line."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.checkpoint import Checkpoint, read_checkpoint, replace_head
from ml.checkpoint.writing import golden_pixels
from ml.cli import evaluating, main
from ml.cli.parts import Answers, Part
from ml.comparison import TrainedOn
from ml.duplicates import pixel_sha256
from ml.labels import CLASSES


@pytest.fixture(scope="module")
def paths(tiny: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints with a better and a worse head, and one whose head has its classes in another order."""
    good = 1.2 * np.eye(24, 4, dtype=np.float32)
    noise = np.random.default_rng(0).normal(0, 0.3, (24, 4)).astype(np.float32)
    heads = {"good": good, "worse": good + noise, "other": good - noise, "permuted": good[:, [1, 0, 2, 3]]}
    folder, found = tmp_path_factory.mktemp("checkpoints"), {}
    for name, kernel in heads.items():
        found[name] = folder / f"{name}.ckpt.zip"
        found[name].write_bytes(replace_head(tiny, kernel, np.zeros(4), {"name": name}))
    return found


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A manifest of 40 images in two planes."""
    rows = []
    for number, pixels in enumerate(golden_pixels(40)):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        rows.append({"image": f"{number}.png", "label": CLASSES[number % 4], "split": "test",
                     "group": f"s{number // 2}", "plane": ("axial", "sagittal")[number // 20]})  # fmt: skip
    path = tmp_path / "m.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_evaluate_writes_page_and_json(
    paths: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, data = tmp_path / "e.html", tmp_path / "e.json"
    assert main(["evaluate", str(paths["good"]), "--html", str(page), "--json-file", str(data)]) == 0
    facts = json.loads(data.read_text())
    assert facts["checkpoints"][0]["sha256"] == read_checkpoint(paths["good"]).sha256
    assert facts["n"] == 120
    assert set(facts["curves"]) == set(CLASSES)
    assert facts["stamps"] == []
    assert f"{facts['accuracy']:.3f}" in page.read_text()
    assert f"{facts['accuracy']:.3f}" in capsys.readouterr().out


def test_an_ensemble_is_measured_as_one(paths: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    both = [str(paths["worse"]), str(paths["other"])]
    assert main(["evaluate", *both]) == 2
    assert "give --ensemble to average them" in capsys.readouterr().err
    assert main(["evaluate", *both, "--ensemble", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["model"] == "mean of worse, other"
    assert len(facts["checkpoints"]) == 2
    assert main(["compare", str(paths["good"]), ",".join(both), "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)
    assert compared["models"]["mean of worse, other"]["brier"] == facts["brier"]


def test_three_are_compared_with_the_first_as_incumbent(
    paths: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "c.html"
    names = [str(paths[name]) for name in ("worse", "good", "other")]
    assert main(["compare", *names, "--json", "--html", str(page)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [(gate["candidate"], gate["incumbent"]) for gate in facts["gates"]] == [
        ("good", "worse"),
        ("other", "worse"),
    ]
    assert [(p["a"], p["b"]) for p in facts["pairs"]] == [
        ("good", "other"),
        ("good", "worse"),
        ("other", "worse"),
    ]
    assert "3 models side by side" in page.read_text()


def test_classes_in_another_order_are_refused_in_a_sentence(
    paths: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(paths["permuted"])]) == 2
    said = capsys.readouterr()
    assert "would be 1.000 with classes in another order" in said.err
    assert said.out == ""


def test_different_reference_parts_are_not_compared(
    paths: dict[str, Path], shipped: Checkpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(paths["good"])]) == 2
    assert "The checkpoints carry different reference parts" in capsys.readouterr().err


def test_a_manifest_is_measured_whole_and_by_its_columns(
    paths: dict[str, Path], listed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(paths["good"]), "--manifest", str(listed), "--json"]
    assert main([*command, "--subgroup", "plane"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["n"] == 40
    assert facts["subjects"] == 20
    assert {name: one["n"] for name, one in facts["subgroups"]["plane"].items()} == {
        "axial": 20,
        "sagittal": 20,
    }
    assert facts["checkpoints"][0]["turned_away"] is not None
    assert main([*command, "--subgroup", "scanner"]) == 2
    assert "m.csv has no column 'scanner'; it has image, label" in capsys.readouterr().err
    assert main(["evaluate", str(paths["good"]), "--subgroup", "plane"]) == 2
    assert "give --manifest" in capsys.readouterr().err


def test_images_that_a_checkpoint_was_trained_on_are_refused_unless_allowed_by_name(
    paths: dict[str, Path], listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    known = pixel_sha256(np.asarray(Image.open(tmp_path / "3.png")))
    hashes = type(read_checkpoint(paths["good"]).training_hashes())((known,), np.zeros(0, np.uint64))
    monkeypatch.setattr(Checkpoint, "training_hashes", lambda self: hashes)
    command = ["compare", str(paths["good"]), str(paths["worse"]), "--manifest", str(listed)]
    assert main(command) == 2
    assert "good was trained on 1 of the 40 images" in capsys.readouterr().err
    page = tmp_path / "c.html"
    assert (
        main([*command, "--allow-trained-on", "--html", str(page), "--json-file", str(tmp_path / "c.json")])
        == 0
    )
    assert capsys.readouterr().out.startswith("!! worse was trained on 1 of the 40 images")
    assert page.read_text().count("good was trained on 1 of the 40 images") > 3
    assert len(json.loads((tmp_path / "c.json").read_text())["stamps"]) == 2


def test_a_leak_on_record_stamps_the_reference_part(
    paths: dict[str, Path], tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {"exact": 3, "near": 0, "mirrored": 0, "group": 0}
    leakage = {
        "allowed": ["exact"],
        "counts": kinds,
        "images": 120,
        "tainted": 3,
        "validation": dict.fromkeys(kinds, 0),
    }
    leaky = tmp_path / "leaky.ckpt.zip"
    leaky.write_bytes(replace_head(tiny, np.eye(24, 4), np.zeros(4), {"name": "leaky", "leakage": leakage}))
    assert main(["evaluate", str(leaky)]) == 0
    assert capsys.readouterr().out.startswith("!! ")


def test_few_look_alikes_are_told_and_not_refused(paths: dict[str, Path]) -> None:
    checkpoint = read_checkpoint(paths["good"])
    near = np.arange(300) == 5
    part = Part("m", np.zeros(300, np.int64), (), (
        Answers(np.zeros((300, 4)), TrainedOn(np.zeros(300, bool), near)),), manifest_sha256="ab")  # fmt: skip
    (caveat,) = evaluating._unchecked([checkpoint], part)
    assert caveat.endswith("copies of 1 more. So few look alike by chance.")
