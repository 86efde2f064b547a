"""The closed loop's benchmark: what it spends labels on, what it learns from, what its intervals are."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from ml.checkpoint import Reference, read_checkpoint, replace_head
from ml.config import SHIPPED_CHECKPOINT, TrainRecipe
from ml.experiments import closed_loop as loop
from ml.experiments.folds import collect, make_plan
from ml.experiments.worlds import World, mislabelled
from ml.preprocessing import Preprocessing
from ml.training import retrain_head
from tests.ml.public_sets import write_public_sets


def _part(reference, chosen):
    return Reference(
        reference.embeddings[chosen],
        reference.labels[chosen],
        tuple(reference.groups[i] for i in chosen),
        tuple(reference.hashes[i] for i in chosen),
    )


@pytest.fixture(scope="module")
def shipped():
    return read_checkpoint(SHIPPED_CHECKPOINT.read_bytes())


@pytest.fixture(scope="module")
def world(shipped):
    """The shipped head, spoilt: it takes every meningioma for a glioma. Subjects are in the pool or locked."""
    reference = shipped.reference()
    subjects = sorted(set(reference.groups))
    spent = {subject for number, subject in enumerate(subjects) if number % 2}
    pooled = np.array([group in spent for group in reference.groups])
    kernel, bias = shipped.head()
    spoilt = bias.copy()
    spoilt[1] -= 50
    base = read_checkpoint(replace_head(shipped, kernel, spoilt))
    pool, locked = (_part(reference, np.flatnonzero(chosen)) for chosen in (pooled, ~pooled))
    return World("no meningioma", base, pool, None, {"locked": locked})


def test_labels_teach_what_was_missing_and_every_order_is_measured_from_the_same_start(world):
    result = loop.closed_loop(world, [1], rounds=1, size=60)
    assert result["spent"] == [0, 60]
    curves = {
        name: np.array(parts["locked"]["meningioma_recall"]) for name, parts in result["curves"].items()
    }
    assert set(curves) == {"random", "entropy", "margin"}
    for values in curves.values():
        assert values.shape == (1, 2)
        assert values[0, 0] == 0
        assert values[0, 1] > 0.5


def test_a_round_is_the_platforms_own_retraining(world):
    chosen = np.arange(40)
    model = loop.InForce(**vars(world.base), kernel=world.base.head()[0], bias=world.base.head()[1])
    ours = loop._taught_more(model, world.pool, chosen)
    theirs = retrain_head(
        world.base,
        world.pool.embeddings[chosen],
        world.pool.labels[chosen],
        groups=world.pool.groups[:40],
        hashes=world.pool.hashes[:40],
    )
    np.testing.assert_array_equal(ours.kernel, theirs.kernel)
    np.testing.assert_array_equal(ours.bias, theirs.bias)
    assert world.base.replay().hashes == ours.replay().hashes


def test_informative_orders_ask_for_what_the_model_is_unsure_of():
    scores = np.array([[0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1], [0.5, 0.49, 0.005, 0.005]])
    rng = np.random.default_rng(0)
    assert loop.by_entropy(scores, None, rng).tolist() == [1, 2, 0]
    assert loop.by_margin(scores, None, rng).tolist() == [2, 1, 0]
    assert loop.by_doubt(scores, np.array([0, 0, 1]), rng).tolist() == [1, 2, 0]
    assert sorted(loop.at_random(scores, None, rng).tolist()) == [0, 1, 2]


def test_doubt_needs_labels_that_were_taught(world):
    assert loop.DOUBT not in loop.orders_for(world)
    assert loop.DOUBT in loop.orders_for(replace(world, taught=world.pool.labels))
    with pytest.raises(ValueError, match="no label can be doubted"):
        loop.by_doubt(np.full((2, 4), 0.25), None, np.random.default_rng(0))


def test_intervals_over_seeds_are_students():
    values = np.array([0.9, 0.92, 0.95, 0.91])
    theirs = ttest_1samp(values, 0).confidence_interval()
    ours = loop.over_seeds(values)
    assert ours["mean"] == pytest.approx(values.mean())
    assert ours["interval"] == pytest.approx([theirs.low, theirs.high])
    assert loop.over_seeds(values[:1])["interval"] is None


def test_a_summary_pairs_the_seeds():
    curves = {
        "random": {"all": {"accuracy": [[0.5, 0.6], [0.7, 0.8]]}},
        "entropy": {"all": {"accuracy": [[0.5, 0.65], [0.7, 0.85]]}},
    }
    row = loop.summarise({"curves": curves, "spent": [0, 100]}, "all")[1]
    assert row["entropy above random"]["mean"] == pytest.approx(0.05)
    assert row["entropy above random"]["interval"] == pytest.approx([0.05, 0.05])
    assert row["entropy"]["interval"][1] > 1


def test_wrong_labels_are_told_of_what_is_learned_from_alone_and_of_whole_sets_of_copies(tmp_path):
    collected = collect(write_public_sets(tmp_path / "public"), tmp_path, "fold-5", Preprocessing(size=64))
    plan = make_plan("fold-5", collected, TrainRecipe())
    wrong = mislabelled(collected, plan, 0.5)
    changed = {i for i in range(len(collected.images)) if collected.labels[i] != wrong.labels[i]}
    learned = {*plan.train.tolist(), *plan.validation.tolist()}
    assert changed < learned
    assert 0.2 < len(changed) / len(learned) < 0.8
    for near in {collected.images[i].near for i in learned} - {""}:
        assert len({i in changed for i in learned if collected.images[i].near == near}) == 1
    assert mislabelled(collected, plan, 0.5).images == wrong.images
