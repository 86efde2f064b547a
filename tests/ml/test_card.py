"""The card: figures from records, and nothing that a record does not say."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.calibration import probabilities
from ml.card import CardError, read_records, render_card
from ml.card.claim import CLAIM_ITEMS
from ml.comparison import compare
from ml.config import SHIPPED_CHECKPOINT, SHIPPED_CHECKPOINTS, TrainRecipe, recipe_to_dict
from ml.labels import CLASSES
from ml.metrics import ContradictionError, evaluate, evaluate_subgroups
from ml.preprocessing import Preprocessing

ARCHIVE = b"an archive"
POINTING = {
    "n": 55, "inside": 0.7654, "within_8px": 0.9321, "energy": 0.2, "outside_head": 0.05, "mask_share": 0.04,
    "intervals": {"inside": [0.7, 0.8], "within_8px": [0.9, 0.95]},
}  # fmt: skip
SHARE = {"n": 120, "share": 0.0123, "interval": [0.0, 0.03]}


def answers(seed: int, count: int = 120) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Answers that are mostly right, of four images a subject."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    logits = rng.normal(0, 1, (count, 4)) + 3 * np.eye(4)[labels]
    return probabilities(logits), labels, [f"subject-{i // 4}" for i in range(count)]


def run(seed: int) -> dict[str, Any]:
    scores, labels, groups = answers(seed)
    return {
        "figures": evaluate(scores, labels, groups, bootstrap=20),
        "uncalibrated": {"ece": 0.2468, "brier": 0.1, "log_loss": 0.3},
        "temperature": 1.1,
        "pointing": POINTING,
    }


def folds_record(seed: int) -> dict[str, Any]:
    runs = {f"fold-{fold}": run(seed + fold) for fold in range(1, 6)}
    accuracies = [found["figures"]["accuracy"] for found in runs.values()]
    names = ["macro_f1", "tumour_only_accuracy", "ece", "ece_uncalibrated", *(f"recall_{c}" for c in CLASSES)]
    scores, labels, groups = answers(seed)
    pooled = run(seed) | {
        "planes": evaluate_subgroups(scores, labels, ["axial"] * len(labels), groups, bootstrap=20),
        "origins": evaluate_subgroups(scores, labels, ["healthy heads"] * len(labels), groups, bootstrap=20),
    }
    return {
        "runs": runs,
        "tuned_on": ["fold-2", "roboflow"],
        "folds": {
            "untouched": {"accuracy": 0.8766, **dict.fromkeys(names, 0.9)},
            "mean": {"accuracy": float(np.mean(accuracies)), **dict.fromkeys(names, 0.9)},
            "worst": {"accuracy": min(accuracies), **dict.fromkeys(names, 0.8)},
            "pooled": pooled,
            "pointing": POINTING,
            "novelty": {
                "held_out": 0.01,
                "held_out_worst": 0.02,
                "strangers": 17,
                "let_pass": {"fold-1": ["cat.jpg"]},
            },
        },
    }


def facts(name: str) -> dict[str, Any]:
    scores, labels, groups = answers(0)
    methods = {"within_8px": 0.8, "inside": 0.6, "energy": 0.2}
    return {
        "name": name,
        "sha256": hashlib.sha256(ARCHIVE).hexdigest(),
        "bytes": 12_345_678,
        "seed": 7,
        "recipe": recipe_to_dict(TrainRecipe()),
        "network": TrainRecipe().network.model_dump(mode="json"),
        "input": {"height": 224, "width": 224, "channels": 1},
        "preprocessing": Preprocessing().to_dict(),
        "calibration": {"temperature": 1.25},
        "novelty": {"threshold": 1.9, "method": "mahalanobis"},
        "manifest_sha256": "ab" * 32,
        "code_version": "cd" * 32,
        "leakage": {"tainted": 0, "images": 240},
        "training": {
            "recipe_name": "tiny", "run": "fold-5", "sizes": {"train": 5000, "validation": 400, "test": 240},
            "left_out": {"looks like CT": 12}, "seconds": 615.0,
        },
        "measured": {
            "held_out": evaluate(scores, labels, groups, bootstrap=20),
            "novelty": {"held_out": SHARE, "looks_like_ct": SHARE},
            "sanity": {"passed": True, "largest": 0.31},
            "methods": {"n": 24, "spearman": 0.5, "gradcam": methods, "occlusion": methods},
        },
    }  # fmt: skip


def one_set() -> dict[str, Any]:
    return {
        "images": 7019, "classes": dict.fromkeys(CLASSES, 1700), "groups": 500, "tumours": 5023, "traced": 4750,
        "masks": 4815, "doubted_masks": 130, "disputed": 18, "looks_like_ct": 130, "planes": {"axial": 10},
        "splits": {"test": 1311},
    }  # fmt: skip


@pytest.fixture
def folder(records: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(records, tmp_path / "records"))


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records")

    def write(name: str, record: dict[str, Any]) -> None:
        (folder / name).write_text(json.dumps(record))

    for name in ("first-v1", "second-v1"):
        (folder / f"{name}.ckpt.zip").write_bytes(ARCHIVE)
        write(f"{name}.json", facts(name))
    write("tiny.folds.json", folds_record(3))
    leaks = {"test": 1311, "exact": 216, "near": 721, "mirrored": 1081}
    write("data.json", {
        "sets": dict.fromkeys(("nickparvar", "brisc_notumor", "roboflow2443"), one_set()),
        "folds": {str(fold): dict.fromkeys(CLASSES, 300) for fold in range(1, 6)},
        "own_splits": {"nickparvar": leaks},
    })  # fmt: skip
    readers = {name: answers(seed)[0] for name, seed in (("mobilenet", 1), ("cnn", 2))}
    write(
        "comparison.json",
        compare(readers, answers(1)[1], answers(1)[2], bootstrap=20) | {"folds": ["fold-5"]},
    )
    part = {"healthy": SHARE, "tumours_found": SHARE, "recall": {"meningioma": SHARE}}
    case = {"source": "collected", "measure": "no-crop", "taken_away": "cropping to the head", "gap": 0.0815}
    write("tiny.sources.json", {
        "recipe_name": "tiny", "size": 160, "epochs": 5, "cases": [case | {"other": part, "same": part}]
    })  # fmt: skip
    return folder


FILES = ["first-v1.ckpt.zip", "second-v1.ckpt.zip"]


def test_the_card_says_what_the_records_say(folder: Path) -> None:
    card = render_card(read_records(folder, FILES))
    held = json.loads((folder / "first-v1.json").read_text())["measured"]["held_out"]
    assert f"Accuracy **{held['accuracy']:.3f}**" in card
    assert "12.3 MB" in card
    assert "| nickparvar | 1,311 | 216 | 721 | 1,081 |" in card
    assert "| cropping to the head | 0.012 (0.000–0.030, n = 120) |" in card
    assert "0.247 → " in card
    assert "let pass by fold:\nfold-1 1 (cat.jpg)" in card
    runs = json.loads((folder / "tiny.folds.json").read_text())["runs"].values()
    worst = min(found["figures"]["accuracy"] for found in runs)
    assert f"| **worst** | | **{worst:.3f}** |" in card
    assert "McNemar" in card
    assert "chosen by figures of fold-2, roboflow**" in card
    assert "| mean of the folds that decided nothing | | 0.877 |" in card
    assert "maps.png" not in card


def test_a_changed_record_changes_the_card(folder: Path) -> None:
    before = render_card(read_records(folder, FILES))
    record = json.loads((folder / "tiny.folds.json").read_text())
    record["folds"]["pointing"]["inside"] = 0.1111
    (folder / "tiny.folds.json").write_text(json.dumps(record))
    after = render_card(read_records(folder, FILES))
    assert before != after
    assert "0.111 (0.700–0.800)" in after


def test_what_was_not_measured_is_said(folder: Path) -> None:
    (folder / "tiny.sources.json").unlink()
    (folder / "comparison.json").unlink()
    (folder / "maps.png").write_bytes(b"")
    card = render_card(read_records(folder, FILES))
    assert "Not measured yet: `python -m ml reproduce sources" in card
    assert "McNemar:" not in card
    assert "(../ml/checkpoints/maps.png)" in card


def test_a_record_of_another_archive_is_refused(folder: Path) -> None:
    (folder / FILES[0]).write_bytes(b"another archive")
    with pytest.raises(CardError, match="is of another archive"):
        read_records(folder, FILES)


def test_a_missing_record_names_the_command_that_writes_it(folder: Path) -> None:
    (folder / "data.json").unlink()
    with pytest.raises(CardError, match=r"data\.json cannot be read .* reproduce --data DIR"):
        read_records(folder, FILES)


def test_a_record_without_its_recipe_is_refused(folder: Path) -> None:
    record = json.loads((folder / "first-v1.json").read_text())
    del record["training"]["recipe_name"]
    (folder / "first-v1.json").write_text(json.dumps(record))
    with pytest.raises(CardError, match="names no recipe"):
        read_records(folder, FILES)


def test_figures_that_contradict_each_other_are_refused(folder: Path) -> None:
    record = json.loads((folder / "first-v1.json").read_text())
    record["measured"]["held_out"]["accuracy"] = 0.1
    (folder / "first-v1.json").write_text(json.dumps(record))
    with pytest.raises(ContradictionError, match="accuracy is stated as"):
        read_records(folder, FILES)


@pytest.mark.parametrize("path", [
    ("tiny.folds.json", "runs", "fold-3", "figures"), ("tiny.folds.json", "folds", "pooled", "figures"),
    ("comparison.json", "models", "cnn"),
])  # fmt: skip
def test_every_record_that_is_printed_is_checked(folder: Path, path: tuple[str, ...]) -> None:
    file, *keys = path
    record = place = json.loads((folder / file).read_text())
    for key in keys:
        place = place[key]
    place["macro_f1"] = 0.1
    (folder / file).write_text(json.dumps(record))
    with pytest.raises(ContradictionError, match="macro f1 is stated as"):
        read_records(folder, FILES)


@pytest.mark.parametrize("path", [
    ("first-v1.json", "measured"), ("tiny.folds.json", "folds"), ("data.json", "own_splits"),
    ("tiny.folds.json", "folds", "novelty"),
])  # fmt: skip
def test_a_record_that_lacks_something_is_refused_in_a_sentence(folder: Path, path: tuple[str, ...]) -> None:
    file, *keys, last = path
    record = place = json.loads((folder / file).read_text())
    for key in keys:
        place = place[key]
    del place[last]
    (folder / file).write_text(json.dumps(record))
    with pytest.raises(CardError, match=r"lacks something that the card states .*reproduce --data DIR"):
        render_card(read_records(folder, FILES))


def test_the_limits_name_what_is_known_to_go_wrong(folder: Path) -> None:
    record = json.loads((folder / "tiny.folds.json").read_text())
    record["folds"]["mean"]["recall_glioma"] = 0.4567
    (folder / "tiny.folds.json").write_text(json.dumps(record))
    card = render_card(read_records(folder, FILES))
    limits = card[card.index("## Limits") : card.index("## Reproducing it")]
    assert "weakest class is glioma (mean recall 0.457" in limits
    for known in (
        "Other hospitals' scanners",
        "CT heads in a brain window mostly get a class",
        "Suprasellar meningiomas",
    ):
        assert known in limits
    named = record["runs"]["fold-2"]["figures"]["confusion"][1][3]
    assert f"calls {named} pituitary tumours" in limits


def test_the_card_links_to_pages_that_exist(folder: Path) -> None:
    docs = Path(__file__).parents[2] / "docs"
    links = re.findall(r"\]\(([^)]+\.md)\)", render_card(read_records(folder, FILES)))
    assert links
    assert all((docs / link).exists() for link in links), links


def test_every_item_of_the_checklist_is_answered_by_a_section_that_exists(folder: Path) -> None:
    card = render_card(read_records(folder, FILES))
    headings = {line.lstrip("# ").strip() for line in card.splitlines() if line.startswith("#")}
    assert [number for number, _, _ in CLAIM_ITEMS] == list(range(1, 45))
    for _, _, where in CLAIM_ITEMS:
        for section in where.split(" (")[0].split(", "):
            assert section == "title" or section in headings, section


def test_the_committed_card_is_what_its_records_say() -> None:
    """Change a record or the template, then `python -m ml card --out docs/model-card.md`."""
    records = read_records(SHIPPED_CHECKPOINT.parent, [path.name for path in SHIPPED_CHECKPOINTS])
    card = Path(__file__).resolve().parents[2] / "docs" / "model-card.md"
    assert card.read_text(encoding="utf-8") == render_card(records)
