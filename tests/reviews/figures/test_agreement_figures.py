"""Agreement against statsmodels, scikit-learn and published worked examples."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from reviews.figures.agreement import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    kappa_of,
    observed_agreement,
    table,
)

# Cohen 1960, table 1, in counts of 200.
COHEN = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
# Gwet's cont3x3abstractors (Handbook of Inter-Rater Reliability, 4th ed., 2014): diagnoses by two abstractors.
ABSTRACTORS = [[13, 0, 0], [0, 20, 7], [0, 4, 56]]
# Gwet's cac.raw4raters (ibid.): twelve units, four raters, five answers, some missing.
_ = None
FOUR_RATERS = [
    [1, 1, _, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [_, 5, 5, 5], [_, _, 1, 1], [_, _, 3, _],
]  # fmt: skip
# Fleiss 1971, table 1: thirty patients, six psychiatrists, five diagnoses.
FLEISS = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0], [2, 0, 4, 0, 0],
    [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6], [1, 0, 0, 5, 0], [1, 1, 0, 4, 0],
    [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1], [0, 0, 5, 0, 1], [3, 0, 0, 1, 2], [5, 1, 0, 0, 0],
    [0, 2, 0, 4, 0], [1, 0, 2, 0, 3], [0, 0, 0, 0, 6], [0, 1, 0, 5, 0], [0, 2, 0, 1, 3], [2, 0, 0, 4, 0],
    [1, 0, 0, 4, 1], [0, 5, 0, 1, 0], [4, 0, 0, 0, 2], [0, 2, 0, 4, 0], [1, 0, 5, 0, 0], [0, 0, 0, 0, 6],
]  # fmt: skip


def ratings(units, answers):
    return np.array([[row.count(answer) for answer in range(1, answers + 1)] for row in units])


def pairs(counts):
    """The two answers of every image of a table."""
    cells = [(i, j) for i, row in enumerate(counts) for j, n in enumerate(row) for _ in range(n)]
    return np.array(cells).T


def test_cohens_own_example():
    found = cohen_kappa(COHEN)
    assert found.n == 200
    assert found.value == pytest.approx(0.492, abs=5e-4)


@pytest.mark.parametrize("counts", [COHEN, ABSTRACTORS, [[30, 5, 0], [2, 40, 0], [0, 0, 0]]])
def test_cohens_kappa_and_its_interval_are_those_of_statsmodels(counts):
    expected = inter_rater.cohens_kappa(np.array(counts))
    found = cohen_kappa(counts)
    first, second = pairs(counts)
    assert found.value == pytest.approx(expected.kappa)
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert (found.low, found.high) == pytest.approx((expected.kappa_low, expected.kappa_upp))
    assert (table(first, second, 3) == np.array(counts)).all()


def test_gwets_two_abstractors():
    """Published: kappa 0.7964094 (0.68, 0.913), pi 0.7962397, AC1 0.8493305."""
    kappa = cohen_kappa(ABSTRACTORS)
    assert kappa.value == pytest.approx(0.7964094, abs=1e-7)
    assert (kappa.low, kappa.high) == pytest.approx((0.68, 0.913), abs=2e-3)
    counts = np.array([np.bincount(pair, minlength=3) for pair in pairs(ABSTRACTORS).T])
    assert fleiss_kappa(counts).value == pytest.approx(0.7962397, abs=1e-7)
    assert gwet_ac1(counts).value == pytest.approx(0.8493305, abs=1e-7)


def test_gwets_four_raters_with_missing_answers():
    """Published: AC1 0.77544 (0.461, 1), Fleiss' kappa 0.76117 (0.424, 1), observed 0.81818."""
    counts = ratings(FOUR_RATERS, 5)
    ac1, kappa = gwet_ac1(counts), fleiss_kappa(counts)
    assert (ac1.value, ac1.low, ac1.high) == pytest.approx((0.77544, 0.46081, 1), abs=1e-5)
    assert (kappa.value, kappa.low, kappa.high) == pytest.approx((0.76117, 0.42438, 1), abs=1e-5)
    assert observed_agreement(counts).value == pytest.approx(0.81818, abs=1e-5)
    assert ac1.n == 11


def test_fleiss_psychiatrists():
    """Published: kappa 0.430, observed agreement 0.5556."""
    kappa = fleiss_kappa(FLEISS)
    assert kappa.value == pytest.approx(0.430, abs=5e-4)
    assert kappa.value == pytest.approx(inter_rater.fleiss_kappa(np.array(FLEISS)))
    assert observed_agreement(FLEISS).value == pytest.approx(0.5556, abs=5e-5)


def test_two_readers_of_each_image_give_fleiss_kappa_of_statsmodels():
    random = np.random.default_rng(3)
    counts = np.array([np.bincount(random.integers(0, 4, 3), minlength=5) for _ in range(200)])
    assert fleiss_kappa(counts).value == pytest.approx(inter_rater.fleiss_kappa(counts))


def test_the_interval_of_gwet_covers_what_it_promises():
    """Of 400 samples from a known population, about 95 % have it in their interval."""
    random = np.random.default_rng(0)
    answers = [_simulated(random, 60) for _ in range(400)]
    truth = gwet_ac1(_simulated(random, 200_000)).value
    inside = [found.low <= truth <= found.high for found in map(gwet_ac1, answers)]
    assert 0.92 < np.mean(inside) < 0.985


def _simulated(random, images):
    truth = random.choice(5, images, p=[0.4, 0.3, 0.2, 0.08, 0.02])
    said = np.where(random.random((3, images)) < 0.85, truth, random.integers(0, 5, (3, images)))
    return np.array([np.bincount(column, minlength=5) for column in said.T])


def test_kappa_of_images_that_are_subjects_of_their_own_has_the_interval_of_statsmodels():
    first, second = pairs(ABSTRACTORS)
    expected = inter_rater.cohens_kappa(np.array(ABSTRACTORS))
    found = kappa_of(first, second, 3, np.arange(100))
    assert (found.low, found.high) == pytest.approx((expected.kappa_low, expected.kappa_upp))


def test_kappa_of_subjects_with_several_images_has_the_interval_of_a_jackknife():
    """Left out one subject at a time, scikit-learn's kappa varies as the interval says; naively it looks surer."""
    first, second, subject = _alike(np.random.default_rng(7), 80)
    left = np.array([cohen_kappa_score(first[subject != one], second[subject != one]) for one in range(80)])
    spread = np.sqrt(79 / 80 * ((left - left.mean()) ** 2).sum())
    found, naive = kappa_of(first, second, 5, subject), cohen_kappa(table(first, second, 5))
    assert found.value == pytest.approx(cohen_kappa_score(first, second))
    assert found.high - found.low == pytest.approx(2 * stats.t.ppf(0.975, 79) * spread, rel=0.03)
    assert found.high - found.low > 1.5 * (naive.high - naive.low)


def test_kappa_of_subjects_covers_what_it_promises():
    random = np.random.default_rng(1)
    truth = kappa_of(*_alike(random, 40_000)[:2], 5, np.arange(240_000)).value
    drawn = [_alike(random, 50) for _ in range(300)]
    found = [kappa_of(first, second, 5, subject) for first, second, subject in drawn]
    assert 0.91 < np.mean([one.low <= truth <= one.high for one in found]) < 0.985


@pytest.mark.parametrize("measure", [observed_agreement, fleiss_kappa, gwet_ac1])
def test_copies_of_an_image_make_agreement_no_surer(measure):
    """The same subject's image five times over says no more than once."""
    once, copied = measure(FLEISS), measure(np.repeat(FLEISS, 5, axis=0), np.repeat(np.arange(30), 5))
    assert (copied.value, copied.low, copied.high) == pytest.approx((once.value, once.low, once.high))
    naive = measure(np.repeat(FLEISS, 5, axis=0))
    assert naive.high - naive.low < 0.5 * (copied.high - copied.low)


def _alike(random, subjects):
    """What two readers say of six images of each subject, which are mostly alike."""
    subject = np.repeat(np.arange(subjects), 6)
    truth = random.integers(0, 4, subjects)[subject]
    confused = (random.random(subjects) < 0.3)[subject]
    first = np.where(random.random(len(subject)) < 0.95, truth, random.integers(0, 5, len(subject)))
    second = np.where(confused, (truth + 1) % 4, first)
    return first, second, subject


def test_what_cannot_be_known_is_none():
    assert kappa_of([0, 0], [0, 0], 5, [1, 1]).value is None
    assert kappa_of([0, 1], [0, 1], 5, [1, 1]).low is None
    same = cohen_kappa([[7, 0], [0, 0]])
    assert (same.n, same.value, same.low) == (7, None, None)
    assert cohen_kappa([[0, 0], [0, 0]]).n == 0
    assert fleiss_kappa([[1, 0], [0, 1]]).value is None
    assert fleiss_kappa([[2, 0], [3, 0]]).value is None
    perfect = cohen_kappa([[5, 0], [0, 5]])
    assert (perfect.value, perfect.low) == (1.0, None)
