import copy

import numpy as np
import pytest

from ml.metrics import ContradictionError, check_figures, contradictions, evaluate, evaluate_subgroups


def answers(count: int = 400, right: float = 0.9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that name about `right` of the images right, and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 4
    said = np.where(rng.random(count) < right, labels, (labels + rng.integers(1, 4, count)) % 4)
    return 0.8 * np.eye(4)[said] + 0.2 * rng.dirichlet(np.ones(4), count), labels


@pytest.fixture
def figures() -> dict:
    return evaluate(*answers(), bootstrap=50)


@pytest.mark.parametrize("right", [0.2, 0.25, 0.5, 0.9, 1.0])
def test_honest_figures_pass_however_good_the_model(right: float) -> None:
    for seed in range(5):
        assert contradictions(evaluate(*answers(right=right, seed=seed), bootstrap=0)) == []


def test_a_model_that_knows_nothing_passes() -> None:
    rng = np.random.default_rng(0)
    for count in (20, 400):
        assert (
            contradictions(evaluate(rng.dirichlet(np.ones(4), count), rng.integers(0, 4, count), bootstrap=0))
            == []
        )


@pytest.mark.parametrize("count", [1, 2, 3, 5, 20, 30])
def test_few_images_are_not_refused_for_being_few(count: int) -> None:
    rng = np.random.default_rng(count)
    for _ in range(60):
        labels = rng.integers(0, 4, count)
        shares = np.exp(rng.normal(0, 1, (count, 4)) + 2 * np.eye(4)[labels])
        scores = shares / shares.sum(axis=1, keepdims=True)
        assert contradictions(evaluate(scores, labels, bootstrap=0)) == []


def test_probabilities_that_are_none_are_refused() -> None:
    scores, labels = answers()
    broken = scores.copy()
    broken[7, 2] = np.nan
    with pytest.raises(
        ContradictionError, match="1 of 400 images have a probability that is not a finite number"
    ):
        evaluate(broken, labels)
    with pytest.raises(ContradictionError, match="probably logits"):
        evaluate(np.log(scores), labels)
    with pytest.raises(ContradictionError, match=r"image 0 sums to 2\.000"):
        evaluate(2 * scores, labels)
    evaluate(scores.round(2), labels, bootstrap=0)


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 1, 3, 2), (1, 2, 3, 0)])
def test_columns_in_another_order_are_refused(order: tuple[int, ...]) -> None:
    scores, labels = answers()
    with pytest.raises(ContradictionError, match="another order than the classes") as refused:
        evaluate(scores[:, order], labels)
    assert "but would be 0.875 with classes" in str(refused.value)


def test_one_class_misread_as_another_is_a_bad_model_not_another_order() -> None:
    labels = np.arange(400) % 4
    said = np.where((labels == 0) & (np.arange(400) % 10 < 9), 1, labels)
    assert evaluate(np.eye(4)[said], labels, bootstrap=0)["per_class"]["glioma"]["recall"] < 0.6


def test_a_subgroup_with_its_labels_swapped_is_named() -> None:
    scores, labels = answers()
    hospital = np.where(np.arange(400) < 200, "north", "south")
    swapped = np.where((hospital == "south") & (labels < 2), 1 - labels, labels)
    with pytest.raises(ContradictionError, match=r"In the subgroup 'south': .*another order"):
        evaluate_subgroups(scores, swapped, hospital.tolist(), bootstrap=0)


def test_accuracy_beside_an_auroc_of_chance_is_refused(figures: dict) -> None:
    with pytest.raises(
        ContradictionError, match=r"accuracy is 0.940, but the AUROC is 0.500.*not in the order"
    ):
        check_figures({"accuracy": 0.94, "macro_auroc": 0.5})
    with pytest.raises(ContradictionError, match="not in the order"):
        check_figures({"accuracy": 0.94, "auroc": 0.5})
    figures["per_class"]["glioma"]["auroc"] = 0.12
    with pytest.raises(ContradictionError, match=r"Glioma has a recall of .*AUROC of 0.120"):
        check_figures(figures)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("per_class", "meningioma", "recall"), 0.99, "recall of meningioma is stated as 0.990"),
        (("per_class", "pituitary", "precision"), None, None),
        (
            ("per_class", "glioma", "n"),
            3,
            "3 images of glioma are stated, but the confusion matrix counts 100",
        ),
        (("accuracy",), 0.97, "accuracy is stated as 0.970, but the confusion matrix makes it 0.8"),
        (("macro_f1",), 0.5, "macro F1 is stated|macro f1 is stated"),
        (("n",), 500, "500 images are stated, but the confusion matrix counts 400"),
        (("confusion",), [[1, 2], [3, 4]], "does not hold the counts of four classes"),
        (("brier",), 0.001, "the brier is at least 0.0"),
        (("log_loss",), 0.01, "the log loss is at least 0.0"),
        (("ece",), float("nan"), "ECE is nan, but it must be a finite number"),
        (("balanced_accuracy",), 1.2, "must be a finite number of at least 0 and at most 1"),
        (("intervals", "accuracy"), [0.9, 0.8], "ends at 0.8 below where it begins"),
    ],
)
def test_stored_figures_that_contradict_are_refused(
    figures: dict, path: tuple, value: object, sentence: str | None
) -> None:
    altered = copy.deepcopy(figures)
    place = altered
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    if sentence is None:
        assert contradictions(altered) == []
    else:
        with pytest.raises(ContradictionError, match=sentence):
            check_figures(altered)


def test_figures_rounded_to_three_places_pass(figures: dict) -> None:
    def rounded(value: object) -> object:
        if isinstance(value, dict):
            return {key: rounded(inner) for key, inner in value.items()}
        return round(value, 3) if isinstance(value, float) else value

    check_figures(rounded(figures))
    check_figures({"accuracy": 0.9})


def test_the_shipped_records_hold_together(shipped) -> None:
    check_figures(shipped.metadata["figures"])
