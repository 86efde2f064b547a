import numpy as np
import pytest
from scipy.stats import binom

from ml.checkpoint import TrainingHashes
from ml.comparison import ComparisonError, compare, ensemble, holm, mcnemar, trained_on

COUNT = 400


def reader(wrong: np.ndarray) -> np.ndarray:
    """Probabilities of a model that names the images `wrong` as the next class."""
    labels = np.arange(COUNT) % 4
    said = np.where(np.isin(np.arange(COUNT), wrong), (labels + 1) % 4, labels)
    return 0.9 * np.eye(4)[said] + 0.025


LABELS = np.arange(COUNT) % 4


def test_the_same_model_differs_by_nothing() -> None:
    model = reader(np.arange(0, COUNT, 10))
    (pair,) = compare({"a": model, "b": model}, LABELS, bootstrap=200)["pairs"]
    assert pair["accuracy"] == {"difference": 0.0, "interval": [0.0, 0.0]}
    assert pair["mcnemar"] == {"only_a": 0, "only_b": 0, "p": 1.0, "p_holm": 1.0}


def test_a_difference_and_its_interval_are_paired() -> None:
    shared, more = np.arange(0, COUNT, 4), np.arange(1, COUNT, 20)
    found = compare({"a": reader(shared), "b": reader(np.r_[shared, more])}, LABELS, seed=1)
    (pair,) = found["pairs"]
    assert pair["accuracy"]["difference"] == pytest.approx(len(more) / COUNT)
    low, high = pair["accuracy"]["interval"]
    share = len(more) / COUNT
    expected = 1.96 * np.sqrt(share * (1 - share) / COUNT)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.15)
    alone = np.diff(found["models"]["b"]["intervals"]["accuracy"])[0]
    assert high - low < alone / 1.8
    assert pair["recall_meningioma"]["difference"] == pytest.approx(len(more) / 100)


def test_subjects_are_resampled_whole() -> None:
    more = np.arange(COUNT // 10)
    groups = [f"subject-{i // 40}" for i in range(COUNT)]
    models = {"a": reader(np.array([], int)), "b": reader(more)}
    (by_image,) = compare(models, LABELS)["pairs"]
    (by_subject,) = compare(models, LABELS, groups)["pairs"]
    assert by_subject["accuracy"]["interval"][0] == 0.0
    assert by_image["accuracy"]["interval"][0] > 0.05


def test_mcnemar_is_the_exact_binomial_test() -> None:
    right_a = np.array([True] * 15 + [False] * 5 + [True] * 80)
    right_b = np.array([False] * 15 + [True] * 5 + [True] * 80)
    found = mcnemar(right_a, right_b)
    assert (found["only_a"], found["only_b"]) == (15, 5)
    assert found["p"] == pytest.approx(2 * binom.cdf(5, 20, 0.5))


def test_holm_corrects_as_published() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_several_pairs_are_corrected_together() -> None:
    models = {name: reader(np.arange(start, COUNT, 9)) for start, name in enumerate("abc")}
    pairs = compare(models, LABELS, bootstrap=100)["pairs"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [p["mcnemar"]["p_holm"] for p in pairs] == holm([p["mcnemar"]["p"] for p in pairs])


def test_an_ensemble_is_the_mean() -> None:
    one, other = reader(np.arange(9)), reader(np.arange(20, 30))
    assert np.array_equal(ensemble([one, other]), (one + other) / 2)
    with pytest.raises(ComparisonError, match="different images"):
        ensemble([one, other[:10]])
    with pytest.raises(ComparisonError, match="at least one member"):
        ensemble([])


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ComparisonError, match="at least two models"):
        compare({"a": reader(np.arange(3))}, LABELS)
    with pytest.raises(ComparisonError, match="different images"):
        compare({"a": reader(np.arange(3)), "b": reader(np.arange(3))[:9]}, LABELS)
    with pytest.raises(ComparisonError, match="of one subject, which cannot say how sure"):
        compare({"a": reader(np.arange(3)), "b": reader(np.arange(9))}, LABELS, ["alone"] * COUNT)


def test_known_images_are_found_by_pixels_and_as_copies() -> None:
    known = TrainingHashes(("aa", "bb"), np.array([0b1111, 1 << 40], np.uint64))
    far = 0xF0F0F0F0F0F0F0F0
    found = trained_on(known, ["aa", "cc", "dd", "ee"], [far, 0b0011, far, 0], [far, far, 1 << 40, far])
    assert found.exact.tolist() == [True, False, False, False]
    assert found.copies.tolist() == [False, True, True, True]
    assert found.spoils
    assert (
        found.sentence("M") == "M was trained on 1 of the 4 images, and on what looks like copies of 3 more."
    )
    clean = trained_on(known, ["cc"], [far], [far])
    assert not clean.spoils
    assert clean.sentence("M") == ""


def test_one_look_alike_in_two_hundred_does_not_spoil_a_part() -> None:
    known = TrainingHashes(("aa",), np.array([0], np.uint64))
    far = 0xF0F0F0F0F0F0F0F0
    names = [str(i) for i in range(200)]
    assert not trained_on(known, names, [0] + [far] * 199).spoils
    assert trained_on(known, names, [0] * 3 + [far] * 197).spoils
