"""From a folder to a checkpoint: what is refused, what is left out, what the checkpoint says of it; folds."""

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.cli import main
from ml.experiments.listed import load_listed
from ml.experiments.own_folds import fold_numbers, subject_groups
from ml.inspection.leakage import LeakError
from ml.labels import CLASSES
from ml.manifest import Manifest, ManifestError, Row, read_manifest, write_manifest
from ml.preprocessing import Preprocessing
from tests.pictures import picture

EACH = 6
RECIPE = {
    "network": {"name": "small_cnn", "size": 64}, "start": "scratch", "frozen_blocks": 0, "attention": 0.0,
    "stages": [{"size": 32, "epochs": 1}], "batch_size": 8, "validation_share": 0.2,
}  # fmt: skip


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for index, label in enumerate(CLASSES):
        for number in range(EACH):
            save(folder / label / f"{number}.png", picture(seed=100 * index + number, size=72))
    return folder


def rows(root: Path) -> list[Row]:
    parts = ["train"] * 3 + ["validation"] + ["test"] * 2
    return [
        Row(f"{label}/{number}.png", label, parts[number], f"{label}-{number}")
        for label in CLASSES
        for number in range(EACH)
    ]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(RECIPE))
    return path


def command(root: Path, listed: Path, recipe: Path, out: Path, *more: str) -> list[str]:
    return ["train", "--manifest", str(listed), "--root", str(root), "--recipe", str(recipe), "--out", str(out),
            "--init", "none", "--work", str(out.parent / "work"), *more]  # fmt: skip


def leaking(root: Path, tmp_path: Path) -> Path:
    """One test image of a class is a mirrored copy of one to learn from."""
    save(root / "extra" / "mirrored.png", np.ascontiguousarray(picture(seed=0, size=72)[:, ::-1]))
    path = tmp_path / "leaking.csv"
    write_manifest([*rows(root), Row("extra/mirrored.png", "glioma", "test", "other")], path)
    return path


def test_a_leaking_manifest_is_refused_in_one_sentence(
    root: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = leaking(root, tmp_path)
    assert main(command(root, listed, recipe, tmp_path / "x.zip")) == 2
    error = capsys.readouterr().err
    assert "1 of 9 test images are mirrored near-duplicates of one in train or validation" in error
    assert "extra/mirrored.png and glioma/0.png (train)" in error
    assert "--allow-leak mirrored" in error
    assert main(command(root, listed, recipe, tmp_path / "x.zip", "--allow-leak", "exact,near")) == 2
    assert main(command(root, listed, recipe, tmp_path / "x.zip", "--allow-leak", "everything")) == 2
    assert "everything: no kind of leak" in capsys.readouterr().err
    assert not (tmp_path / "x.zip").exists()


def test_a_leak_let_pass_by_name_stands_beside_every_figure(
    root: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ml.checkpoint import read_checkpoint

    out = tmp_path / "leaky.ckpt.zip"
    arguments = command(root, leaking(root, tmp_path), recipe, out, "--allow-leak", "near,mirrored")
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "!! Measured on a part that leaks: 1 of 9 test images" in said.out
    assert "epoch 1/1  32 px  loss" in said.err
    kept = read_checkpoint(out).metadata
    assert kept["leakage"]["allowed"] == ["mirrored"]
    assert kept["leakage"]["counts"] == {"exact": 0, "near": 0, "mirrored": 1, "group": 0}
    assert kept["images"] == {"train": 12, "validation": 4, "test": 9, "left_out": {}}
    assert len(kept["training"]["history"]) == 1


def test_contradicting_labels_are_refused_or_left_out(root: Path, tmp_path: Path) -> None:
    save(root / "extra" / "again.png", picture(seed=0, size=72))
    manifest = Manifest((*rows(root), Row("extra/again.png", "pituitary", "train", "g")), "0" * 64)
    with pytest.raises(LeakError, match=r"glioma/0.png \(glioma\) and extra/again.png \(pituitary\)"):
        load_listed(manifest, root, tmp_path, Preprocessing(size=64))
    listed = load_listed(manifest, root, tmp_path, Preprocessing(size=64), drop_conflicts=True)
    assert listed.excluded == {"same pixels, two labels": ["glioma/0.png", "extra/again.png"]}
    assert listed.usable.sum() == 4 * EACH - 1
    assert listed.leakage([row.split for row in manifest.rows])["tainted"] == 0


def test_a_changed_image_is_not_the_one_that_was_listed(root: Path, tmp_path: Path) -> None:
    listed = [replace(rows(root)[0], sha256="ab" * 32), *rows(root)[1:]]
    with pytest.raises(ManifestError, match=r"1 images are not those .*: glioma/0.png"):
        load_listed(Manifest(tuple(listed), ""), root, tmp_path, Preprocessing(size=64))


def test_masks_of_a_manifest_reach_the_training(root: Path, tmp_path: Path) -> None:
    drawn = np.zeros((72, 72), np.uint8)
    drawn[30:40, 30:40] = 255
    save(root / "masks" / "0.png", drawn)
    listed = [replace(rows(root)[0], mask="masks/0.png"), *rows(root)[1:]]
    found = load_listed(Manifest(tuple(listed), ""), root, tmp_path, Preprocessing(size=64))
    examples = found.collected.examples(np.array([0, 1]))
    assert examples.masks is not None
    assert [bool(mask.any()) for mask in examples.masks] == [True, False]


def test_folds_never_cut_a_subject_or_its_copies(root: Path, tmp_path: Path) -> None:
    save(root / "extra" / "turned.png", np.ascontiguousarray(picture(seed=101, size=72)[:, ::-1]))
    listed = [replace(row, group="s1" if row.image in ("glioma/1.png", "glioma/2.png") else row.group)
              for row in rows(root)]  # fmt: skip
    listed.append(Row("extra/turned.png", "meningioma", "test", "elsewhere"))
    found = load_listed(Manifest(tuple(listed), ""), root, tmp_path, Preprocessing(size=64))
    groups = subject_groups(found)
    names = [row.image for row in listed]
    assert groups[names.index("glioma/1.png")] == groups[names.index("glioma/2.png")]
    assert groups[names.index("meningioma/1.png")] == groups[names.index("extra/turned.png")]
    folds = fold_numbers(found, groups, 3, seed=0)
    assert all(
        len({fold for fold, of in zip(folds, groups, strict=True) if of == group}) == 1 for group in groups
    )
    counts = Counter((row.label, int(fold)) for row, fold in zip(listed, folds, strict=True))
    assert all(counts[label, fold] >= 1 for label in CLASSES for fold in (1, 2, 3))
    with pytest.raises(ManifestError, match="9 folds cannot be made: glioma has 5 groups; give 2 to 5"):
        fold_numbers(found, groups, 9, seed=0)


def test_folds_are_trained_pooled_and_kept(
    root: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ml.checkpoint import read_checkpoint

    listed, out = tmp_path / "m.csv", tmp_path / "folds"
    write_manifest(rows(root), listed)
    assert main(command(root, listed, recipe, out, "--folds", "2")) == 0
    said = capsys.readouterr()
    assert said.err.count("fold 1/2  epoch 1/1") == said.err.count("fold 2/2  epoch 1/1") == 1
    assert "never saw its subject or a copy of it" in (out / "folds.html").read_text()
    summary = json.loads((out / "folds.json").read_text())
    assert summary["pooled"]["n"] == sum(fold["n"] for fold in summary["folds"]) == 4 * EACH
    right = sum(np.trace(np.array(fold["confusion"])) for fold in summary["folds"])
    assert summary["pooled"]["accuracy"] == pytest.approx(right / (4 * EACH))
    held = [set(read_checkpoint(out / f"fold-{number}.ckpt.zip").reference().hashes) for number in (1, 2)]
    assert held[0].isdisjoint(held[1])
    assert len(held[0] | held[1]) == 4 * EACH
    first = (out / "fold-1.ckpt.zip").read_bytes()
    assert main(command(root, listed, recipe, out, "--folds", "2")) == 0
    assert "epoch" not in capsys.readouterr().err
    assert (out / "fold-1.ckpt.zip").read_bytes() == first


def test_the_manifest_command_keeps_copies_together_and_says_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "images", tmp_path / "m.csv"
    for index, label in enumerate(CLASSES):
        for number in range(10):
            image = picture(seed=50 * index + number, size=64)
            save(folder / label / f"{number}.png", image)
            save(folder / label / f"{number}-mirrored.png", np.ascontiguousarray(image[:, ::-1]))
    save(folder / "glioma" / "disputed.png", picture(seed=999, size=64))
    save(folder / "notumor" / "disputed.png", picture(seed=999, size=64))
    save(folder / "elsewhere.png", picture(seed=998, size=64))
    (folder / "glioma" / "broken.png").write_text("no image")
    assert main(["manifest", str(folder), "--out", str(out), "--validation", "0.2", "--test", "0.3"]) == 0
    listed = read_manifest(out).rows
    assert len(listed) == 80
    counts = Counter((row.split, row.label) for row in listed)
    assert all(counts["test", label] == 6 and counts["validation", label] == 4 for label in CLASSES)
    split = {row.image: row.split for row in listed}
    assert all(
        split[f"{label}/{n}.png"] == split[f"{label}/{n}-mirrored.png"]
        for label in CLASSES
        for n in range(10)
    )
    said = capsys.readouterr().out
    assert "6 (30%)" in said
    for line in ("unreadable               1      glioma/broken.png",
                 "same pixels, two labels  2      glioma/disputed.png, notumor/disputed.png",
                 "without a label          1      elsewhere.png"):  # fmt: skip
        assert line in said
    assert "Leaks between the parts\n  none" in said


def test_kept_splits_are_listed_with_what_they_leak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("train", "test"):
        for index, label in enumerate(CLASSES):
            same = 0 if label == "glioma" else 10 if part == "train" else 20
            save(tmp_path / "d" / part / label / "0.png", picture(seed=index + same, size=64))
    out = tmp_path / "m.csv"
    assert main(["manifest", str(tmp_path / "d"), "--out", str(out), "--keep-splits"]) == 0
    assert "exact, into test  1       of 4" in capsys.readouterr().out
    with out.open() as file:
        assert {row["split"] for row in csv.DictReader(file)} == {"train", "test"}
    for shares in (("--validation", "0.6", "--test", "0.5"), ("--test", "-0.1")):
        assert main(["manifest", str(tmp_path / "d"), "--out", str(out), *shares]) == 2
        assert "together below 1" in capsys.readouterr().err
