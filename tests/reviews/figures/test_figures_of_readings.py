"""Every figure of a simulated reading room against scikit-learn and statsmodels on the same data."""

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, cohen_kappa_score, recall_score
from sklearn.metrics.pairwise import rbf_kernel
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from reviews.figures import against, between, drift, model
from reviews.figures.data import ANSWERS, ASSISTED, BLINDED, KNOWN, REPEAT, UNAIDED
from reviews.figures.whole import LEAST_IMAGES, all_figures, own_figures
from tests.reviews.figures.rooms import PATHS, make_images, make_readings

IMAGES = make_images(300)
READINGS = make_readings(IMAGES)


def pick(rows, **wanted):
    """The value of the one row like this."""
    found = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    assert len(found) == 1, found
    return found[0]["value"]


def test_agreement_between_readers_is_that_of_statsmodels():
    rows = between.between_readers(READINGS, IMAGES)
    for said, answers in (("first_read", READINGS.first), ("verdict", READINGS.verdict)):
        counts, _ = aggregate_raters(answers.reshape(3, 300).T, n_cat=5)
        assert pick(rows, said=said, measure="fleiss") == pytest.approx(fleiss_kappa(counts))
    assert {row["readers"] for row in rows} == {3}
    pairs = between.pairs_of_readers(READINGS, IMAGES)
    expected = cohen_kappa_score(READINGS.first[:300], READINGS.first[300:600])
    assert pick(pairs, said="first_read", reader=1, other=2) == pytest.approx(expected)
    assert len(pairs) == 6


def test_an_image_that_one_read_is_in_no_agreement():
    alone = READINGS.where((READINGS.reader == 1) | (READINGS.image < 100))
    assert {row["n"] for row in between.between_readers(alone, IMAGES)} == {100}


def test_agreement_with_the_machine_before_and_after_the_reveal():
    rows = between.with_machine(READINGS, IMAGES)
    machine = IMAGES.machine[READINGS.image]
    for when, answers in (("before", READINGS.first), ("after", READINGS.verdict)):
        assert pick(rows, when=when, measure="kappa") == pytest.approx(cohen_kappa_score(answers, machine))
        assert pick(rows, when=when, measure="agreement") == pytest.approx(accuracy_score(machine, answers))
    unaided = make_readings(IMAGES, mode=np.full(900, UNAIDED), revealed=np.zeros(900, bool))
    assert {row["when"] for row in between.with_machine(unaided, IMAGES)} == {"never"}
    own = own_figures(IMAGES, unaided, 1)
    assert own["with_machine"] == own["automation_bias"] == own["change"] == []


def test_accuracy_with_the_machine_and_without_it():
    rows = against.with_without(READINGS, IMAGES)
    truth = IMAGES.truth[READINGS.image]
    for condition, said in (("without", READINGS.first), ("after", READINGS.verdict)):
        where = {"condition": condition, "truth": "settled"}
        assert pick(rows, **where, measure="accuracy") == pytest.approx(accuracy_score(truth, said))
        balanced = balanced_accuracy_score(truth, said)
        assert pick(rows, **where, measure="balanced_accuracy") == pytest.approx(balanced)
        assert pick(rows, **where, measure="kappa") == pytest.approx(cohen_kappa_score(truth, said))
    before = accuracy_score(truth, READINGS.first)
    after = accuracy_score(truth, READINGS.verdict)
    assert pick(against.change(READINGS, IMAGES), truth="settled") == pytest.approx(after - before)
    assert not [row for row in rows if row["condition"] == "assisted"]
    assisted = make_readings(IMAGES, mode=np.full(900, ASSISTED), first=np.full(900, -1))
    assert {row["condition"] for row in against.with_without(assisted, IMAGES)} == {"assisted"}


def test_a_label_of_one_reader_measures_nobody_and_others_decisions_stand_apart():
    path = np.repeat(
        [PATHS.index(word) for word in ("one reader", "agreed", "adjudicated", "known case")], 75
    )
    images = make_images(300, path=path)
    rows = against.with_without(make_readings(images), images)
    assert {(row["truth"], row["n"]) for row in rows} == {("settled", 675), ("independent", 450)}
    no_truth = make_images(300, truth=np.full(300, -1))
    assert against.with_without(make_readings(no_truth), no_truth) == []


def test_what_readers_made_of_the_answer_counted_by_hand():
    # first, machine, verdict, truth
    cases = [
        *[(0, 1, 1, 0)] * 3,  # right, the machine wrong, misled
        *[(0, 1, 0, 0)] * 5,  # right, the machine wrong, kept
        *[(2, 0, 0, 0)] * 7,  # wrong, the machine right, helped
        *[(2, 0, 2, 0)] * 2,  # wrong, the machine right, ignored
        *[(2, 0, 3, 0)] * 1,  # wrong, the machine right, another wrong one
        *[(1, 1, 1, 1)] * 9,  # right both
    ]
    first, machine, verdict, truth = np.array(cases).T
    images = make_images(len(cases), truth=truth, machine=machine)
    readings = make_readings(images, 1, first=first, verdict=verdict)
    found = {row["event"]: (row["count"], row["n"]) for row in against.automation_bias(readings, images)}
    assert found == {
        "right_to_wrong": (3, 8), "kept_right": (5, 8), "wrong_to_right": (7, 10), "ignored_right": (3, 10),
        "moved": (10, 18),
    }  # fmt: skip


def test_confidence_against_being_right_and_seconds():
    rows = against.confidence(READINGS, IMAGES)
    right = READINGS.first == IMAGES.truth[READINGS.image]
    for level in (1, 2, 3):
        expected = right[READINGS.first_confidence == level].mean()
        assert pick(rows, condition="without", confidence=level) == pytest.approx(expected)
    times = against.seconds(READINGS)
    assert pick(times, condition="without") == pytest.approx(np.median(READINGS.first_seconds))
    unmeasured = make_readings(IMAGES, first_seconds=np.full(900, np.nan), seconds=np.full(900, np.nan))
    assert against.seconds(unmeasured) == []


def test_hidden_repeats_and_known_cases():
    purpose, repeats = np.zeros(900, int), np.full(900, -1)
    purpose[20:40], repeats[20:40] = REPEAT, np.arange(20)
    purpose[100:160] = KNOWN
    readings = make_readings(IMAGES, purpose=purpose, repeats=repeats)
    again = between.with_themselves(readings, readings, IMAGES)
    earlier, later = readings.verdict[:20], readings.verdict[20:40]
    assert pick(again, measure="kappa") == pytest.approx(cohen_kappa_score(earlier, later))
    assert pick(again, measure="agreement") == pytest.approx(accuracy_score(earlier, later))
    mine = own_figures(IMAGES, readings, 1)
    assert mine["with_themselves"] == again
    truth = IMAGES.truth[readings.image[100:160]]
    assert pick(mine["known_cases"], label="all") == pytest.approx(
        accuracy_score(truth, readings.first[100:160])
    )
    # Neither is in what is said of all, and a repeat is nowhere else at all.
    assert {row["n"] for row in between.with_machine(readings, IMAGES)} == {820}
    assert against.with_without(readings, IMAGES)[0]["n"] == 880


def test_the_version_in_force_is_measured_on_the_unbiased_share_alone():
    random = np.random.default_rng(5)
    unbiased, in_force = random.random(300) < 0.5, random.random(300) < 0.8
    images = make_images(300, unbiased=unbiased, in_force=in_force)
    counted = unbiased & in_force
    rows = model.model_accuracy(images, images.closed)
    truth, said = images.truth[counted], images.machine[counted]
    assert {row["n"] for row in rows if row["label"] == "all"} == {counted.sum()}
    assert pick(rows, measure="accuracy") == pytest.approx(accuracy_score(truth, said))
    assert pick(rows, measure="balanced_accuracy") == pytest.approx(balanced_accuracy_score(truth, said))
    recalls = recall_score(truth, said, average=None, labels=range(4))
    for name, recall in zip(ANSWERS, recalls, strict=False):
        assert pick(rows, measure="recall", label=name) == pytest.approx(recall)
    assert model.truth_paths(images, images.closed) == [{"path": "agreed", "n": counted.sum(), "value": 1.0}]


def test_calibration_against_scikit_learn():
    from sklearn.calibration import calibration_curve

    images = make_images(2000, per_subject=4)
    stated, right = images.probabilities.max(axis=1), images.machine == images.truth
    observed, mean = calibration_curve(right, stated, n_bins=10)
    rows = model.calibration(images, images.closed)
    assert [row["value"] for row in rows] == pytest.approx(observed.tolist())
    assert [row["confidence"] for row in rows] == pytest.approx(mean.tolist())
    (error,) = model.calibration_error(images, images.closed)
    weights = [row["n"] / 2000 for row in rows]
    assert error["value"] == pytest.approx(np.average(np.abs(observed - mean), weights=weights))
    assert 0 <= error["low"] <= error["value"] <= error["high"]
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows)


def test_no_class_counts_as_an_answer_but_states_no_probability():
    images = make_images(100)
    machine, truth, stated = images.machine.copy(), images.truth.copy(), images.probabilities.copy()
    machine[:10], stated[:10], truth[:5] = 4, np.nan, 4
    images = make_images(100, machine=machine, truth=truth, probabilities=stated)
    assert pick(model.model_accuracy(images, images.closed), measure="recall", label="not_assessable") == 1
    assert sum(row["n"] for row in model.calibration(images, images.closed)) == 90


def test_the_stability_index_of_a_worked_example():
    """Shares 0.2 0.3 0.5 against 0.3 0.3 0.4: 0.1 ln 1.5 + 0.1 ln 1.25 = 0.0629."""
    assert drift.stability_index([20, 30, 50], [30, 30, 40]) == pytest.approx(0.0629, abs=5e-5)
    from scipy.stats import entropy

    p, q = np.array([0.1, 0.2, 0.7]), np.array([0.3, 0.3, 0.4])
    assert drift.stability_index(p, q) == pytest.approx(entropy(p, q) + entropy(q, p))
    assert drift.stability_index([5, 5], [10, 10]) == 0
    assert np.isfinite(drift.stability_index([5, 0], [0, 5]))


def test_tenths_of_numbers_and_the_usual_value():
    random = np.random.default_rng(4)
    first, later = drift.binned(random.normal(0, 1, 501), random.normal(0, 1, 5000))
    assert len(first) == 11
    assert drift.stability_index(first, later) < 0.1
    usual = np.array([512.0] * 80 + [256.0] * 20)
    assert sorted(drift.binned(usual, usual)[0].tolist(), reverse=True)[:2] == [80, 20]
    missing = drift.binned(np.array([1.0, 2.0, np.nan]), np.array([np.nan] * 4))
    assert [part[-1] for part in missing] == [1, 4]


def test_the_discrepancy_is_gretton_unbiased_estimate():
    random = np.random.default_rng(2)
    first, second = random.normal(0, 1, (40, 8)), random.normal(0.8, 1, (30, 8))
    both = np.vstack((first, second))
    squares = ((both[:, None] - both[None]) ** 2).sum(axis=2)
    gamma = 1 / np.median(squares[np.triu_indices(70, 1)])
    inside = [rbf_kernel(one, gamma=gamma) for one in (first, second)]
    expected = sum((k.sum() - len(k)) / (len(k) * (len(k) - 1)) for k in inside)
    expected -= 2 * rbf_kernel(first, second, gamma=gamma).mean()
    value, p = drift.discrepancy(first, second)
    assert value == pytest.approx(expected)
    assert p < 0.01
    same, chance = drift.discrepancy(random.normal(0, 1, (60, 8)), random.normal(0, 1, (60, 8)))
    assert abs(same) < 0.02
    assert chance > 0.05


def test_drift_is_seen_in_the_period_in_which_it_begins():
    width = np.full(400, 512.0)
    width[300:] = 256
    images = make_images(400, inputs={"width": width, "centre": np.full(400, np.nan)})
    found = drift.periods(images)
    assert len(found.reference) == 200
    assert np.concatenate([places for _, _, places in found.later]).min() == 200
    rows = drift.input_drift(images, found)
    assert {row["measure"] for row in rows} == {"width"}
    assert [row["value"] > 0.25 for row in rows] == [row["to_day"] > 46 for row in rows]
    mix = drift.class_mix(images, found)
    for source in ("machine", "final"):
        first = [row["value"] for row in mix if row["source"] == source and row["period"] == 0]
        assert sum(first) == pytest.approx(1)
    assert drift.periods(make_images(30)) is None


def test_the_whole_is_plain_json_without_nan():
    content = all_figures(IMAGES, READINGS, lambda found: [])
    assert json.loads(json.dumps(content, allow_nan=False))["form"] == 1
    assert set(content["readers"]) == {1, 2, 3}
    nothing = make_images(0)
    assert json.dumps(all_figures(nothing, make_readings(nothing, 0)), allow_nan=False)


def test_readers_get_nothing_that_rests_on_an_open_image():
    """Whatever the machine says of images that are still to be read, what is for readers stays the same."""
    closed = np.arange(300) < 200
    machine = IMAGES.machine.copy()
    machine[200:] = (machine[200:] + 1) % 4
    worlds = [make_images(300, closed=closed), make_images(300, closed=closed, machine=machine)]
    contents = [all_figures(world, READINGS) for world in worlds]
    assert contents[0]["closed"] == contents[1]["closed"]
    assert contents[0]["closed"]["model_accuracy"]
    assert contents[0]["everything"] != contents[1]["everything"]


def test_readers_get_nothing_of_the_machine_on_what_was_read_unaided():
    """All that it says there differs, and pooled with what was read blind the figures stay the same."""
    unaided = np.arange(300) < 200
    machine = np.where(unaided, (IMAGES.machine + 1) % 4, IMAGES.machine)
    told = [make_images(300), make_images(300, machine=machine)]
    mode = np.where(unaided[READINGS.image], UNAIDED, BLINDED)
    contents = [
        all_figures(world, make_readings(IMAGES, mode=mode, revealed=mode == BLINDED)) for world in told
    ]
    assert contents[0]["closed"] == contents[1]["closed"]
    assert {row["n"] for row in contents[0]["closed"]["model_accuracy"] if row["label"] == "all"} == {100}
    assert contents[0]["readers"] == contents[1]["readers"]
    assert contents[0]["everything"] != contents[1]["everything"]


def test_few_images_and_few_readers_are_withheld():
    few = make_images(LEAST_IMAGES - 1)
    content = all_figures(few, make_readings(few))
    assert not any(
        rows for name, rows in content["closed"].items() if name in ("between_readers", "model_accuracy")
    )
    two = all_figures(IMAGES, make_readings(IMAGES, 2))
    assert two["everything"]["automation_bias"] == two["everything"]["by_reader"] == []
    assert two["closed"]["with_without"] == two["closed"]["seconds"] == []
    assert two["closed"]["between_readers"]
