import numpy as np
import pytest

from ml.gate import judge
from ml.labels import InputError
from ml.metrics import evaluate


def figures(wrong: dict[int, int], each: int = 50) -> dict:
    """Figures of a model that gets `wrong[class]` images of a class wrong."""
    labels = np.repeat(np.arange(4), each)
    predicted = labels.copy()
    for label, count in wrong.items():
        predicted[np.flatnonzero(labels == label)[:count]] = (label + 1) % 4
    return evaluate(np.eye(4)[predicted], labels, bootstrap=0)


def test_equal_or_better_passes() -> None:
    assert judge(figures({1: 5}), figures({1: 5})).answer == "passed"
    assert judge(figures({1: 2}), figures({1: 5})).answer == "passed"


def test_a_lost_class_is_refused_even_when_the_whole_improves() -> None:
    result = judge(figures({0: 4, 1: 0}), figures({0: 2, 1: 10}))
    assert result.answer == "refused"
    assert result.reasons == ("Recall of glioma falls from 0.960 to 0.920.",)


def test_a_worse_whole_is_refused() -> None:
    result = judge(figures(dict.fromkeys(range(4), 1)), figures({}))
    assert result.answer == "refused"
    assert result.reasons[0] == "Balanced accuracy falls from 1.000 to 0.980."


def test_too_few_images_are_insufficient() -> None:
    result = judge(figures({}, each=5), figures({}, each=5))
    assert result.answer == "insufficient"
    assert "20 images, glioma has 5" in result.reasons[0]


def test_different_images_are_refused() -> None:
    with pytest.raises(InputError, match="different images"):
        judge(figures({}, each=50), figures({}, each=40))


def test_figures_that_contradict_never_pass() -> None:
    honest, candidate = figures({1: 5}), figures({1: 2})
    candidate["accuracy"] = 0.999
    result = judge(candidate, honest)
    assert result.answer == "refused"
    assert result.reasons[0].startswith(
        "The candidate's figures contradict themselves. The accuracy is stated as 0.999"
    )
    incumbent = figures({1: 5})
    incumbent["per_class"]["glioma"]["auroc"] = 0.1
    assert "The incumbent's figures contradict themselves." in judge(honest, incumbent).reasons[0]
