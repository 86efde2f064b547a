"""The experiments, on drawn stand-ins for the public sets and a network of a few hundred weights."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.card import read_records, render_card
from ml.checkpoint import read_checkpoint
from ml.config import NetworkSpec, Stage, TrainRecipe
from ml.experiments import folds, runs
from ml.experiments.folds import collect, make_plan
from ml.experiments.keys import code_fingerprint, data_fingerprint, training_key
from ml.experiments.measuring import measure_run, share_of
from ml.experiments.reproduce import make_job, one_run, reproduce
from ml.experiments.runs import Reading, finished, read, train
from ml.experiments.shipping import ship_checkpoint
from ml.experiments.sources import (
    CASES,
    MEASURES,
    SOURCES,
    leave_sources_out,
    measure_case,
    plan_case,
)
from ml.experiments.summary import (
    Done,
    compare_networks,
    draw_side_by_side,
    repeated,
    without_copies,
)
from ml.labels import CLASSES, InputError
from ml.preprocessing import Preprocessing
from tests.ml.public_sets import write_public_sets

SIZE = 64
RECIPE = TrainRecipe(
    network=NetworkSpec(name="small_cnn", size=SIZE), start="scratch", frozen_blocks=0,
    stages=(Stage(size=SIZE, epochs=1),), batch_size=16, validation_share=0.2, learning_rate=0.01,
)  # fmt: skip


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_public_sets(tmp_path_factory.mktemp("public"))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "tiny.json"
    path.write_text(RECIPE.model_dump_json())
    return path


@pytest.fixture(scope="module")
def record(public: Path, work: Path, recipe_file: Path) -> dict:
    runs = ("fold-5", "fold-1")
    return reproduce(public, work, [str(recipe_file)], runs, records=work / "records")["tiny.folds"]


def test_the_parts_of_a_fold_are_apart(public: Path, work: Path) -> None:
    collected = collect(public, work, "fold-2", Preprocessing(size=SIZE))
    plan = make_plan("fold-2", collected, RECIPE)
    images = collected.images
    assert {images[i].fold for i in plan.test} == {2}
    assert 2 not in {images[i].fold for i in (*plan.train, *plan.validation)}
    groups = [set(collected.groups(part)) for part in (plan.train, plan.validation, plan.test)]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]
    assert {"brisc_notumor"} < {images[i].source for i in plan.train}


def test_an_attention_loss_never_sees_a_held_out_mask(public: Path, work: Path) -> None:
    collected = collect(public, work, "fold-2", Preprocessing(size=SIZE))
    plan = make_plan("fold-2", collected, RECIPE)
    learned = collected.examples(plan.train)
    assert learned.masks is not None
    tumours = np.array([CLASSES[label] != "notumor" for label in learned.labels])
    assert np.array_equal(learned.masks.any(axis=(1, 2)), tumours)
    assert not set(plan.test) & set(plan.train)


def test_a_record_holds_every_run_and_the_folds_together(record: dict, work: Path) -> None:
    assert set(record["runs"]) == {"fold-5", "fold-1"}
    run = record["runs"]["fold-5"]
    assert run["figures"]["n"] == run["sizes"]["test"] == 24
    assert run["temperature"] > 0
    assert run["uncalibrated"]["ece"] >= 0
    assert run["seconds"] > 0
    assert run["pointing"]["tumours"] == 18
    assert set(run["novelty"]["ood"]) == {"flat.png", "noise.png"}
    assert record["folds"]["novelty"]["strangers"] == 2
    assert record["folds"]["pointing"]["tumours"] == 36
    accuracies = [record["runs"][name]["figures"]["accuracy"] for name in ("fold-5", "fold-1")]
    assert record["folds"]["count"] == 2
    assert record["folds"]["mean"]["accuracy"] == pytest.approx(np.mean(accuracies))
    assert record["folds"]["worst"]["accuracy"] == min(accuracies)
    assert record["folds"]["untouched"]["accuracy"] == accuracies[1]
    assert record["folds"]["pooled"]["figures"]["n"] == 48
    assert set(record["folds"]["pooled"]["origins"]) == {
        "healthy heads", "tumours from elsewhere", "tumours traced to figshare"
    }  # fmt: skip
    assert json.loads((work / "records" / "tiny.folds.json").read_text()) == json.loads(json.dumps(record))
    leaks = json.loads((work / "records" / "data.json").read_text())["own_splits"]
    for found in leaks.values():
        assert 0 <= found["exact"] <= found["near"] <= found["mirrored"] <= found["test"]


def test_a_repetition_is_measured_in_points(public: Path, work: Path, record: dict) -> None:
    first = one_run(public, work, "tiny", RECIPE, "fold-5")
    test = first.readings["test"]
    turned = test.logits.copy()
    turned[:6] = -turned[:6]
    readings = first.readings | {"test": replace(test, logits=turned)}
    second = Done(first.job, first.record, readings, measure_run(first.job, readings))
    found = repeated(first, second)
    assert found["same_answer"] == pytest.approx(1 - 6 / 24)
    assert found["points"] == pytest.approx(100 * abs(found["accuracy"] - found["again"]))
    assert without_copies(first)["n"] == 24


def test_networks_are_compared_on_the_same_images(public: Path, work: Path, record: dict) -> None:
    done = [one_run(public, work, "tiny", RECIPE, name) for name in ("fold-1", "fold-5")]
    found = compare_networks({"one": done, "other": done})
    assert found is not None
    assert found["folds"] == ["fold-1", "fold-5"]
    assert found["models"]["one"]["n"] == 48
    assert found["pairs"][0]["accuracy"]["difference"] == 0
    partly = compare_networks({"one": done, "other": done[1:]})
    assert partly is not None
    assert (partly["folds"], partly["models"]["one"]["n"]) == (["fold-5"], 24)
    assert compare_networks({"one": done[:1], "other": done[1:]}) is None
    assert draw_side_by_side(done[1], done[1]).startswith(b"\x89PNG")


def test_what_ships_is_measured_on_the_archive_and_described_by_the_card(
    public: Path, work: Path, record: dict, recipe_file: Path
) -> None:
    target = work / "records" / "tiny-v1.ckpt.zip"
    stated = ship_checkpoint(public, work, target, str(recipe_file))
    checkpoint = read_checkpoint(target)
    assert stated["sha256"] == checkpoint.sha256
    assert stated["measured"]["held_out"]["n"] == 24
    assert stated["measured"]["sanity"]["images"] > 0
    assert stated["leakage"]["tainted"] == 0
    held = record["runs"]["fold-5"]["figures"]
    assert stated["measured"]["held_out"]["accuracy"] == pytest.approx(held["accuracy"])
    assert stated["calibration"]["temperature"] == pytest.approx(
        record["runs"]["fold-5"]["temperature"], rel=1e-3
    )
    card = render_card(read_records(target.parent, [target.name]))
    assert f"Accuracy **{held['accuracy']:.3f}**" in card
    with pytest.raises(InputError, match="ends in"):
        ship_checkpoint(public, work, work / "tiny.h5", str(recipe_file))


def test_readings_are_of_the_network_that_was_trained(public: Path, work: Path, record: dict) -> None:
    job = make_job(public, work, "tiny", RECIPE, "fold-5")
    trained = train(job, work)
    readings = read(job, trained, work)
    assert set(readings) == {"sample", "validation", "test", "ood"}
    assert len(readings["ood"].logits) == 2
    test = readings["test"]
    accuracy = (test.logits.argmax(axis=1) == job.collected.labels[test.index]).mean()
    assert accuracy == pytest.approx(record["runs"]["fold-5"]["figures"]["accuracy"])
    assert test.maps.mean(axis=(1, 2)) == pytest.approx(test.logits - test.logits.mean(), abs=50)


def test_a_finished_run_is_taken_only_for_the_same_recipe_data_and_code(
    public: Path, work: Path, record: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(public, work, "tiny", RECIPE, "fold-5")
    kept = job.folder(work) / "training.json"
    written = kept.stat().st_mtime_ns
    before = train(job, work).record["key"]
    assert kept.stat().st_mtime_ns == written
    altered = json.loads(kept.read_text())
    altered["key"]["code"] = "of long ago"
    kept.write_text(json.dumps(altered))
    assert train(job, work, older_code=True).record["key"]["code"] == "of long ago"
    monkeypatch.setattr(runs, "train_network", _refuse)
    with pytest.raises(Anew):
        train(job, work)
    kept.write_text(json.dumps(altered | {"key": before}))


def test_a_record_never_lies_beside_weights_of_another_training(
    public: Path, work: Path, record: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second training is killed between its weights and its record."""
    job = make_job(public, work, "tiny", RECIPE, "fold-5")
    shutil.copytree(job.folder(work), job.folder(tmp_path))
    first = train(job, tmp_path)
    again = replace(job, seed=job.seed + 1)
    monkeypatch.setattr(runs, "write_whole", _refuse)
    with pytest.raises(Anew):
        train(again, tmp_path)
    with np.load(job.folder(tmp_path) / "weights.npz") as stored:
        assert not np.array_equal(stored["w0"], first.weights[0])
    assert finished(job, tmp_path, older_code=True) is None


class Anew(Exception):
    pass


def _refuse(*args: object, **options: object) -> None:
    raise Anew


def test_keys_tell_data_recipes_and_code_apart(public: Path, work: Path) -> None:
    collected = collect(public, work, "fold-2", Preprocessing(size=SIZE))
    plan, other = (make_plan(name, collected, RECIPE) for name in ("fold-2", "fold-3"))
    assert data_fingerprint(plan, collected) != data_fingerprint(other, collected)
    unmasked = folds.Collected(collected.images, collected.pixels)
    assert data_fingerprint(plan, unmasked) != data_fingerprint(plan, collected)
    key = training_key(plan, collected, 1, None)
    longer = RECIPE.model_copy(update={"batch_size": 8})
    changed = training_key(make_plan("fold-2", collected, longer), collected, 2, None)
    assert {name for name in key if key[name] != changed[name]} == {"recipe", "seed"}
    assert code_fingerprint("ml.training.fine_tune") != code_fingerprint("ml.preprocessing")


def test_roboflows_split_is_its_own(public: Path, work: Path) -> None:
    collected = collect(public, work, "roboflow", Preprocessing(size=SIZE))
    plan = make_plan("roboflow", collected, RECIPE)
    assert {collected.images[i].split for i in plan.test} == {"test"}
    assert len(plan.train) + len(plan.validation) + len(plan.test) == len(collected.images)


def test_unknown_runs_are_refused(public: Path, work: Path, recipe_file: Path) -> None:
    with pytest.raises(InputError, match="fold-9: not a run; expected some of fold-5"):
        reproduce(public, work, [str(recipe_file)], ["fold-9"])


def test_a_source_left_out(public: Path, work: Path) -> None:
    found = leave_sources_out(
        public, work, "tiny", RECIPE, (("collected", "no-attention"),), size=SIZE, epochs=1
    )
    (case,) = found["cases"]
    assert (case["source"], case["measure"]) == ("collected", "no-attention")
    assert case["other"]["healthy"]["n"] == 30
    assert {name: row["n"] for name, row in case["other"]["recall"].items()} == {
        "glioma": 5, "meningioma": 5, "notumor": 30, "pituitary": 5
    }  # fmt: skip
    assert case["same"]["recall"]["glioma"]["n"] == 5
    assert case["classes"] == []
    assert case["gap"] is None


def test_nothing_of_a_source_that_is_left_out_is_learned_from(public: Path, work: Path) -> None:
    collected = collect(public, work, "fold-1", Preprocessing(size=SIZE))
    for source, measure in CASES:
        plan = plan_case(source, measure, collected, RECIPE)
        learned = [collected.images[i] for i in (*plan.train, *plan.validation)]
        assert not any(SOURCES[source].holds(image) for image in learned)
        assert 5 not in {image.fold for image in learned}
        brisc = any(SOURCES["brisc"].holds(image) for image in learned)
        assert brisc == (source != "brisc" and measure != "one-healthy-source")


def test_the_gap_is_the_recall_lost_elsewhere(public: Path, work: Path) -> None:
    collected = collect(public, work, "fold-1", Preprocessing(size=SIZE))
    index = np.arange(len(collected.images))
    images = collected.images
    elsewhere = np.array([SOURCES["collected"].holds(image) for image in images])
    said = np.where(elsewhere & (index % 2 == 0), (collected.labels + 1) % 4, collected.labels)
    logits = np.eye(4, dtype=np.float32)[said]
    figures = measure_case("collected", collected, Reading(index, logits, logits, logits, logits), fewest=30)
    wrong = elsewhere & (index % 2 == 0) & (collected.labels == CLASSES.index("notumor"))
    assert figures["classes"] == ["notumor"]
    assert figures["gap"] == pytest.approx(wrong.sum() / 30)
    assert figures["same"]["healthy"]["share"] == 1


def test_cases_name_what_there_is() -> None:
    assert all(source in SOURCES and measure in MEASURES for source, measure in CASES)
    assert len(set(CASES)) == len(CASES)


def test_shares_resample_whole_groups() -> None:
    hits = np.repeat([1, 0, 1, 0, 1, 1], 50)
    groups = [str(i) for i in np.repeat(np.arange(6), 50)]
    whole, alone = share_of(hits, groups), share_of(hits, [str(i) for i in range(300)])
    assert whole["share"] == alone["share"] == pytest.approx(4 / 6)
    assert whole["interval"][1] - whole["interval"][0] > 2 * (alone["interval"][1] - alone["interval"][0])
    assert share_of([], [])["share"] is None
