import numpy as np
import pytest

from ml.metrics import auroc
from ml.novelty import NoveltyError, fit_novelty


def signatures(means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    return np.concatenate((means, means**2 + deviations**2), axis=1)


def ordinary(rng: np.random.Generator, count: int) -> np.ndarray:
    """Of 20 channels that four causes move together."""
    causes = rng.normal(size=(count, 4))
    means = causes @ np.random.default_rng(1).normal(size=(4, 20)) + 0.1 * rng.normal(size=(count, 20))
    return signatures(means, np.exp(0.1 * rng.normal(size=(count, 20))))


def test_what_breaks_the_channels_bond_is_novel_and_held_out_images_are_not() -> None:
    rng = np.random.default_rng(0)
    novelty = fit_novelty(ordinary(rng, 800), ordinary(rng, 200))
    usual = novelty.scores(ordinary(rng, 1000))
    # Every channel within its usual range, but each for itself.
    mixed = ordinary(rng, 1000)
    for column in range(20):
        rows = rng.permutation(1000)
        mixed[:, [column, column + 20]] = mixed[rows][:, [column, column + 20]]
    strange = novelty.scores(mixed)
    assert auroc(np.concatenate((usual, strange)), np.arange(2000) >= 1000) > 0.999
    assert 0.7 < np.median(usual) < 1.1
    assert (usual > novelty.threshold).mean() < 0.01
    assert (strange > novelty.threshold).mean() > 0.99


def test_channels_that_flatten_are_novel_though_their_means_are_usual() -> None:
    rng = np.random.default_rng(0)
    novelty = fit_novelty(ordinary(rng, 800), ordinary(rng, 200))
    flat = ordinary(rng, 50)
    flat[:, 20:] = flat[:, :20] ** 2
    assert (novelty.scores(flat) > novelty.threshold).all()


def test_held_out_images_alone_set_the_threshold() -> None:
    rng = np.random.default_rng(0)
    train, held_out = ordinary(rng, 400), ordinary(rng, 100)
    novelty = fit_novelty(train, held_out)
    assert novelty.threshold == pytest.approx(1.25 * np.quantile(novelty.scores(held_out), 0.99), abs=1e-4)


def test_what_cannot_be_fitted_or_scored_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(NoveltyError, match="two signatures or more of each, got 1, 9"):
        fit_novelty(ordinary(rng, 1), ordinary(rng, 9))
    with pytest.raises(NoveltyError, match=r"shape \(N, 40\), got \(3, 24\)"):
        fit_novelty(ordinary(rng, 9), ordinary(rng, 9)).scores(np.zeros((3, 24)))
