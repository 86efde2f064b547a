import numpy as np
import pytest

from ml.metrics import auroc
from ml.novelty import NoveltyError, fit_novelty


def test_what_leaves_the_subspace_scores_higher() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(5, 40))
    ordinary = rng.normal(size=(600, 5)) @ plane + 0.1 * rng.normal(size=(600, 40))
    strange = rng.normal(size=(100, 40)) * 2
    novelty = fit_novelty(ordinary[:500])
    assert len(novelty.directions) == 5
    scores = np.concatenate((novelty.scores(ordinary[500:]), novelty.scores(strange)))
    assert auroc(scores, np.arange(200) >= 100) > 0.99
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_the_mean_itself_is_ordinary() -> None:
    novelty = fit_novelty(np.random.default_rng(0).normal(size=(50, 8)))
    assert novelty.scores(novelty.mean[np.newaxis]).tolist() == [0]


def test_one_embedding_is_too_few() -> None:
    with pytest.raises(NoveltyError, match="two embeddings"):
        fit_novelty(np.zeros((1, 4)))
