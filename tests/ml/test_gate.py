"""The gate on figures that are made: what passes, what fails and why, and where it says that it cannot tell."""

import numpy as np
import pytest

from ml.gate import BOUNDS, DEFAULT_CRITERIA, CriteriaError, Criterion, judge, measure, read_criteria
from ml.gate.differences import clustered_mcnemar, differences, tango_interval
from ml.labels import InputError


def answers(
    wrong: dict[int, range], each: int = 300, confidence: float = 0.97
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that names the images in `wrong[class]` as the next class, and the labels."""
    labels = np.repeat(np.arange(4), each)
    predicted = labels.copy()
    for label, places in wrong.items():
        predicted[np.flatnonzero(labels == label)[list(places)]] = (label + 1) % 4
    return np.where(np.eye(4)[predicted] == 1, confidence, (1 - confidence) / 3), labels


def subjects(count: int, each: int = 5) -> list[str]:
    return [f"s{number // each}" for number in range(count)]


def found(judgement, name: str) -> Criterion:
    (one,) = [one for one in judgement.criteria if one.name == name]
    return one


def test_an_equal_candidate_passes() -> None:
    scores, labels = answers({1: range(12), 0: range(8)})
    result = judge(scores, scores, labels, subjects(len(labels)))
    assert result.verdict == "pass"
    assert result.reasons == ()
    assert found(result, "accuracy").figures["difference"] == 0


def test_one_that_errs_as_often_elsewhere_passes_too() -> None:
    ours, labels = answers({1: range(6), 0: range(4)})
    theirs, _ = answers({1: range(3, 9), 0: range(2, 6)})
    assert judge(ours, theirs, labels, subjects(len(labels))).verdict == "pass"


def test_a_lost_class_fails_by_its_name_even_when_the_whole_improves() -> None:
    ours, labels = answers({1: range(30)})
    theirs, _ = answers({0: range(20), 2: range(20), 3: range(20), 1: range(5)})
    result = judge(ours, theirs, labels, subjects(len(labels)))
    assert result.verdict == "fail"
    assert [one.name for one in result.criteria if one.answer == "fail"] == ["recall_meningioma"]
    assert result.reasons[0].startswith("Recall of meningioma falls from 0.983 to 0.900: a sure loss (−1")
    assert found(result, "accuracy").figures["difference"] > 0


def test_a_worse_whole_fails() -> None:
    ours, labels = answers(dict.fromkeys(range(4), range(15)))
    theirs, _ = answers({})
    result = judge(ours, theirs, labels, subjects(len(labels)))
    assert {one.name for one in result.criteria if one.answer == "fail"} >= {"accuracy", "mcnemar"}


def test_a_tiny_part_is_insufficient_even_for_an_equal_candidate() -> None:
    scores, labels = answers({}, each=10)
    result = judge(scores, scores, labels)
    assert result.verdict == "insufficient"
    assert found(result, "size").sentence.startswith(
        "The locked part is too small: 40 images of 40 subjects; wanted 200"
    )
    assert found(result, "accuracy").answer == "insufficient"
    assert found(result, "recall_glioma").sentence.startswith(
        "Of glioma there are 10 locked images of 10 subjects"
    )


def test_nothing_locked_is_insufficient() -> None:
    result = judge(np.zeros((0, 4)), np.zeros((0, 4)), np.zeros(0, int))
    assert result.verdict == "insufficient"


def test_few_subjects_of_a_class_are_insufficient_for_that_class_alone() -> None:
    scores, labels = answers({})
    groups = [f"s{number // 5}" if labels[number] else f"g{number // 60}" for number in range(len(labels))]
    result = judge(scores, scores, labels, groups)
    assert [one.name for one in result.criteria if one.answer != "pass"] == ["recall_glioma"]
    assert "300 locked images of 5 subjects" in found(result, "recall_glioma").sentence


def test_many_images_of_few_subjects_do_not_make_a_difference_sure() -> None:
    """The same counts: spread over subjects they are a sure loss, in one subject they are that subject's."""
    ours, labels = answers({1: range(15)})
    theirs, _ = answers({})
    spread = differences(ours, theirs, labels)["recall_meningioma"]["interval"]
    gathered = differences(ours, theirs, labels, subjects(len(labels), 15))["recall_meningioma"]["interval"]
    assert spread[1] < 0 == round(gathered[1], 3)
    assert gathered[0] < spread[0]


def test_calibration_that_is_lost_fails() -> None:
    ours, labels = answers({1: range(12)}, confidence=0.8)
    theirs, _ = answers({1: range(12)}, confidence=0.985)
    result = judge(ours, theirs, labels)
    assert [one.name for one in result.criteria if one.answer == "fail"] == ["calibration"]


def test_a_part_that_is_lost_is_not_made_up_for_by_another() -> None:
    ours, labels = answers({2: range(60, 90)}, each=1000)
    theirs, _ = answers({0: range(40), 1: range(40)}, each=1000)
    parts = ["own" if 2050 <= number < 2300 else "reference" for number in range(len(labels))]
    result = judge(ours, theirs, labels, parts=parts)
    assert "parts" in {one.name for one in result.criteria if one.answer == "fail"}
    assert "Accuracy on own falls from 1.000 to 0.880, a sure loss." in found(result, "parts").sentence


def test_figures_of_different_images_are_refused() -> None:
    scores, labels = answers({})
    with pytest.raises(InputError, match="different images"):
        judge(scores, scores[:-4], labels)


def test_figures_that_contradict_fail_by_that_name() -> None:
    scores, labels = answers({})
    permuted = scores[:, [1, 0, 2, 3]]
    result = judge(permuted, scores, labels)
    assert found(result, "figures").answer == "fail"
    assert "The candidate's figures contradict themselves." in found(result, "figures").sentence
    assert measure(permuted, labels)["contradiction"].startswith("The accuracy is 0.500, but would be 1.000")
    broken = judge(np.full_like(scores, np.nan), scores, labels)
    assert (broken.verdict, [one.name for one in broken.criteria]) == ("fail", ["figures"])


@pytest.mark.parametrize("audit", ["fail", "insufficient", "not_asked"])
def test_an_audit_decides_like_any_other_criterion(audit: str) -> None:
    scores, labels = answers({})
    result = judge(scores, scores, labels, audits=[Criterion("leaks", audit, "Said elsewhere.")])
    assert result.verdict == ("pass" if audit == "not_asked" else audit)


def test_score_intervals_are_tango_s() -> None:
    """Where the two disagree nowhere, the ends are z² / (n + z²); turned round, they change sign."""
    assert tango_interval(0, 0, 329)[0] == pytest.approx(-(1.959964**2) / (329 + 1.959964**2))
    low, high = tango_interval(12, 2, 100)
    assert tango_interval(2, 12, 100) == pytest.approx((-high, -low))
    assert low < 0.1 < high


def test_clustered_test_of_single_images_is_mcnemar_s_without_correction() -> None:
    right = np.repeat([True, False, True, False], [5, 15, 100, 0])
    other = np.repeat([False, True, True, False], [5, 15, 100, 0])
    # (15 - 5)² / (15 + 5) = 5, of which chi-square with one degree of freedom leaves 0.0253.
    assert clustered_mcnemar(right, other, np.arange(120)) == pytest.approx(0.02535, abs=1e-4)


def test_rules_are_read_whole_or_refused_with_every_fault() -> None:
    assert list(read_criteria({})) == [bound.key for bound in BOUNDS]
    assert read_criteria(DEFAULT_CRITERIA, complete=True) == DEFAULT_CRITERIA
    with pytest.raises(CriteriaError) as refused:
        read_criteria({"accuracy_margin": 2, "least_images": 50.5, "acuracy_margin": 0.1, "ece_margin": True})
    said = str(refused.value)
    assert "acuracy_margin is not the name of a bound." in said
    assert "accuracy_margin must be a number from 0 to 0.2, got 2." in said
    assert "least_images must be a whole number" in said
    assert "ece_margin must be a number" in said
    with pytest.raises(CriteriaError, match="mcnemar_alpha is missing"):
        read_criteria({"accuracy_margin": 0.01}, complete=True)
