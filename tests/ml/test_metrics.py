import numpy as np
import pytest
from sklearn import metrics as sk

from ml.labels import CLASSES
from ml.metrics import MetricsError, auroc, evaluate, expected_calibration_error


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


def test_intervals_are_reproducible() -> None:
    scores, labels = scored()
    assert evaluate(scores, labels, seed=5) == evaluate(scores, labels, seed=5)


@pytest.mark.parametrize(
    ("scores", "labels"), [(np.zeros((2, 3)), [0, 1]), (np.zeros((0, 4)), []), (np.zeros((2, 4)), [1])]
)
def test_arrays_that_do_not_fit_are_refused(scores: np.ndarray, labels: list[int]) -> None:
    with pytest.raises(MetricsError, match="probabilities for N labels"):
        evaluate(scores, labels)
