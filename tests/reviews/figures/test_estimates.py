"""Intervals against statsmodels, SciPy and Newcombe's worked example."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from reviews.figures.against import balanced_accuracy
from reviews.figures.estimates import combined, mean, median, share, wilson
from reviews.figures.normal import student

RANDOM = np.random.default_rng(11)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (5, 5), (3, 7), (81, 263), (15, 148), (99_000, 100_000)])
def test_wilson_is_that_of_statsmodels(hits, n):
    assert wilson(hits, n) == pytest.approx(proportion_confint(hits, n, method="wilson"), abs=1e-12)
    found = share([1] * hits + [0] * (n - hits))
    assert (found.low, found.high) == pytest.approx(wilson(hits, n))
    assert found.value == pytest.approx(hits / n)


def test_newcombes_difference_of_two_shares():
    """Newcombe 1998, table II, example (a), method 10: 56/70 - 48/80 is 0.2 (0.0524, 0.3339)."""
    parts = [share([1] * 56 + [0] * 14), share([1] * 48 + [0] * 32)]
    found = combined(parts, [1, -1])
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30, 1000])
def test_students_quantile_is_that_of_scipy(freedom):
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-3)


def test_a_mean_of_clusters_is_the_robust_regression_of_statsmodels():
    clusters = RANDOM.integers(0, 40, 300)
    values = RANDOM.normal(0, 1, 300) + RANDOM.normal(0, 1, 40)[clusters]
    fit = sm.OLS(values, np.ones(300)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True}, use_t=True
    )
    found = mean(values, clusters)
    # statsmodels multiplies the variance by (N - 1) / (N - 1) for one coefficient: nothing.
    assert found.value == pytest.approx(fit.params[0])
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-5)


def test_images_of_one_subject_count_for_less():
    clusters = np.repeat(np.arange(30), 10)
    alike = np.repeat(RANDOM.random(30) < 0.7, 10)
    found, naive, one_each = share(alike, clusters), share(alike), share(alike[::10])
    assert found.value == naive.value
    assert found.high - found.low > 2.5 * (naive.high - naive.low)
    assert (found.low, found.high) == pytest.approx((one_each.low, one_each.high), abs=0.01)


def test_a_share_of_clusters_covers_what_it_promises():
    inside = []
    for _ in range(400):
        chance = RANDOM.beta(8, 2, 40)
        clusters = np.repeat(np.arange(40), 6)
        found = share(RANDOM.random(240) < chance[clusters], clusters)
        inside.append(found.low <= 0.8 <= found.high)
    assert np.mean(inside) > 0.92


def test_all_right_is_no_certainty():
    found = share(np.ones(50), np.repeat(np.arange(5), 10))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(wilson(5, 5)[0])


def test_a_median_and_the_coverage_of_its_interval():
    found = median([5, 1, 4, 2, 3, 9, 7, 8, 6, 10])
    # Conover 1999: for n = 10 the second smallest and second largest, with a confidence of 97.9 %.
    assert (found.value, found.low, found.high) == (5.5, 2, 9)
    assert median([1, 2, 3, 4, 5]).low is None
    for n in (6, 17, 60, 1001):
        k = np.searchsorted(np.sort(np.arange(n)), median(np.arange(n)).low) + 1
        assert 1 - 2 * stats.binom.cdf(k - 1, n, 0.5) >= 0.949
        assert 1 - 2 * stats.binom.cdf(k, n, 0.5) < 0.951


def test_balanced_accuracy_is_that_of_scikit_learn():
    from sklearn.metrics import balanced_accuracy_score

    truth, said = RANDOM.integers(0, 4, 500), RANDOM.integers(0, 5, 500)
    found = balanced_accuracy(said, truth, np.arange(500))
    assert found.value == pytest.approx(balanced_accuracy_score(truth, said))
    assert found.low < found.value < found.high


def test_nothing_gives_nothing():
    assert share([]).value is mean([]).value is median([]).value is None
    assert combined([], []).value is None
    assert combined([share([]), share([1, 0])], [0.5, 0.5]).value is None
    assert mean([3, 3, 3]).low is None
