import numpy as np
import pytest
from sklearn import metrics as sk

from ml.labels import CLASSES
from ml.metrics import (
    MetricsError,
    auroc,
    evaluate,
    evaluate_subgroups,
    expected_calibration_error,
    measure_curves,
)
from ml.metrics.ranking import weighted_areas


def scored(count: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, count)
    logits = rng.normal(0, 1, (count, 4)) + 1.2 * np.eye(4)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return scores.round(2), labels


def test_figures_equal_scikit_learn() -> None:
    scores, labels = scored()
    figures, predicted = evaluate(scores, labels), scores.argmax(axis=1)
    assert figures["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert figures["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, predicted))
    assert figures["confusion"] == sk.confusion_matrix(labels, predicted).tolist()
    precision, recall, f1, support = sk.precision_recall_fscore_support(labels, predicted)
    for i, name in enumerate(CLASSES):
        row = figures["per_class"][name]
        assert (row["precision"], row["recall"], row["f1"], row["n"]) == pytest.approx(
            (precision[i], recall[i], f1[i], support[i])
        )
        assert row["specificity"] == pytest.approx(sk.recall_score(labels != i, predicted != i))
        assert row["auroc"] == pytest.approx(sk.roc_auc_score(labels == i, scores[:, i]))
        assert row["average_precision"] == pytest.approx(
            sk.average_precision_score(labels == i, scores[:, i])
        )
    assert figures["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    areas = [row["auroc"] for row in figures["per_class"].values()]
    assert figures["macro_auroc"] == pytest.approx(np.mean(areas))
    assert figures["log_loss"] == pytest.approx(-np.log(scores[np.arange(len(labels)), labels]).mean())


def test_macro_f1_leaves_out_a_class_that_nobody_has_or_names_like_scikit_learn() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 1, 0])
    figures = evaluate(np.eye(4)[predicted], labels, bootstrap=0)
    assert figures["macro_f1"] == pytest.approx(sk.f1_score(labels, predicted, average="macro"))
    assert figures["per_class"]["pituitary"]["f1"] is None


def test_among_tumours_only_the_three_compete() -> None:
    scores = np.array(
        [[0.3, 0.1, 0.6, 0.0], [0.1, 0.2, 0.6, 0.1], [0.0, 0.1, 0.9, 0.0], [0.2, 0.5, 0.2, 0.1]]
    )
    figures = evaluate(scores, [0, 3, 2, 1], bootstrap=0)
    assert figures["accuracy"] == 0.5
    assert figures["tumour_only_accuracy"] == pytest.approx(2 / 3)
    assert evaluate(scores[2:3], [2], bootstrap=0)["tumour_only_accuracy"] is None


def test_brier_is_the_mean_squared_distance() -> None:
    scores, labels = scored()
    by_class = [np.mean((scores[:, i] - (labels == i)) ** 2) for i in range(4)]
    assert evaluate(scores, labels, bootstrap=0)["brier"] == pytest.approx(sum(by_class))


def test_calibration_error_of_known_cases() -> None:
    sure = np.eye(4)[[0, 1, 2, 3]]
    assert expected_calibration_error(sure, np.array([0, 1, 2, 3])) == 0
    assert expected_calibration_error(sure, np.array([1, 2, 3, 0])) == 1
    half = np.tile([0.5, 0.5, 0, 0], (10, 1))
    assert expected_calibration_error(half, np.array([0] * 5 + [1] * 5)) == pytest.approx(0)


def test_absent_class_is_not_defined_rather_than_zero() -> None:
    scores, labels = scored(40)
    kept = labels != 1
    figures = evaluate(scores[kept], labels[kept])
    assert figures["per_class"]["meningioma"]["recall"] is None
    assert figures["per_class"]["meningioma"]["auroc"] is None
    assert "recall_meningioma" not in figures["intervals"]
    assert auroc(np.array([0.1, 0.2]), np.array([True, True])) is None


def test_interval_covers_the_value_and_widens_when_subjects_repeat() -> None:
    scores, labels = scored()
    alone = evaluate(scores, labels, seed=1)
    low, high = alone["intervals"]["accuracy"]
    assert low < alone["accuracy"] < high
    copies = np.repeat(np.arange(len(labels)), 8)
    grouped = evaluate(scores[copies], labels[copies], [str(i) for i in copies], seed=1)
    naive = evaluate(scores[copies], labels[copies], seed=1)
    width = np.diff(grouped["intervals"]["accuracy"])[0]
    assert width == pytest.approx(high - low, rel=0.15)
    assert width > 2 * np.diff(naive["intervals"]["accuracy"])[0]


def test_one_subject_gives_no_interval() -> None:
    scores, labels = scored(40)
    assert "intervals" not in evaluate(scores, labels, ["alone"] * 40)
    assert "intervals" in evaluate(scores, labels, ["one"] * 39 + ["other"])


def test_intervals_are_reproducible() -> None:
    scores, labels = scored()
    assert evaluate(scores, labels, seed=5) == evaluate(scores, labels, seed=5)


@pytest.mark.parametrize(
    ("scores", "labels"), [(np.zeros((2, 3)), [0, 1]), (np.zeros((0, 4)), []), (np.zeros((2, 4)), [1])]
)
def test_arrays_that_do_not_fit_are_refused(scores: np.ndarray, labels: list[int]) -> None:
    with pytest.raises(MetricsError, match="probabilities for N labels"):
        evaluate(scores, labels)


@pytest.mark.parametrize("seed", range(3))
def test_areas_of_a_resample_equal_scikit_learn_on_the_resampled_images(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, positive = rng.integers(0, 8, 60) / 8, rng.random(60) < 0.3
    drawn = rng.multinomial(60, np.full(60, 1 / 60), size=4)
    areas, averages = weighted_areas(scores, positive, drawn.astype(float))
    for row, area, average in zip(drawn, areas, averages, strict=True):
        taken = np.repeat(np.arange(60), row)
        assert area == pytest.approx(sk.roc_auc_score(positive[taken], scores[taken]))
        assert average == pytest.approx(sk.average_precision_score(positive[taken], scores[taken]))


def test_every_headline_figure_has_an_interval_that_holds_it() -> None:
    scores, labels = scored()
    figures = evaluate(scores, labels, seed=2)
    for name, (low, high) in figures["intervals"].items():
        whole = figures.get(name)
        stem, _, label = name.rpartition("_")
        value = whole if whole is not None else figures["per_class"][label][stem]
        assert low <= value <= high, name
    wanted = {
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "tumour_only_accuracy",
        "macro_auroc",
        "ece",
        "brier",
        "log_loss",
    }
    assert wanted <= set(figures["intervals"])


def test_calibration_error_by_chance_is_what_a_calibrated_model_shows() -> None:
    scores, _ = scored(500, seed=4)
    scores /= scores.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(0)
    drawn = [[rng.choice(4, p=row) for row in scores] for _ in range(20)]
    found = np.mean([expected_calibration_error(scores, np.array(labels)) for labels in drawn])
    assert evaluate(scores, drawn[0], bootstrap=0)["ece_by_chance"] == pytest.approx(found, rel=0.15)


def test_reliability_bins_add_up_to_the_calibration_error() -> None:
    scores, labels = scored()
    figures = evaluate(scores, labels, bootstrap=0)
    filled = [row for row in figures["reliability"] if row["n"]]
    assert len(figures["reliability"]) == 15
    assert sum(row["n"] for row in filled) == len(labels)
    gap = sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in filled) / len(labels)
    assert figures["ece"] == pytest.approx(gap)


def test_curves_lie_on_those_of_scikit_learn() -> None:
    scores, labels = scored(800)
    curve = measure_curves(scores, labels)["meningioma"]
    fpr, tpr, _ = sk.roc_curve(labels == 1, scores[:, 1], drop_intermediate=False)
    assert set(zip(curve["roc"]["fpr"], curve["roc"]["tpr"], strict=True)) <= set(zip(fpr, tpr, strict=True))
    assert len(curve["roc"]["fpr"]) <= 200
    assert (curve["roc"]["fpr"][-1], curve["pr"]["recall"][-1]) == (1, 1)
    at = curve["f1"]["threshold"].index(0.5)
    assert curve["f1"]["f1"][at] == pytest.approx(sk.f1_score(labels == 1, scores[:, 1] >= 0.5))
    assert curve["best"]["f1"] == max(curve["f1"]["f1"])


def test_subgroups_are_measured_alone() -> None:
    scores, labels = scored()
    planes = ["axial", "coronal", "", "axial"] * 100
    found = evaluate_subgroups(scores, labels, planes, bootstrap=50)
    assert list(found) == ["axial", "coronal", "not stated"]
    chosen = [i for i, plane in enumerate(planes) if plane == "axial"]
    assert found["axial"] == evaluate(scores[chosen], labels[chosen], bootstrap=50)
    with pytest.raises(MetricsError, match="1 values do not fit 400 labels"):
        evaluate_subgroups(scores, labels, ["axial"])
