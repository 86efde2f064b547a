import numpy as np
import pytest

from ml.calibration import probabilities
from ml.checkpoint import Checkpoint, TrainingHashes, read_checkpoint, replace_head
from ml.config import HeadRecipe
from ml.evaluation import evaluate_head
from ml.training import TrainingError, fit_head, retrain_head


@pytest.fixture(scope="module")
def fitted(tiny: Checkpoint) -> Checkpoint:
    """The tiny checkpoint with a head that knows its replay sample."""
    replay = tiny.replay()
    fit = fit_head(replay.embeddings, replay.labels, np.ones(len(replay.labels)), penalty=1e-3)
    return read_checkpoint(replace_head(tiny, fit.kernel, fit.bias))


def corrections(count: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Images of a kind not seen before: the head in force takes them for glioma, the readers say meningioma."""
    rng = np.random.default_rng(9)
    centre = np.zeros(24)
    centre[0], centre[10] = 2.0, 3.0
    return (centre + rng.normal(0, 0.3, (count, 24))).astype(np.float32), np.ones(count, np.int64)


def test_ten_corrections_count_and_nothing_is_forgotten(fitted: Checkpoint) -> None:
    embeddings, labels = corrections()
    result = retrain_head(fitted, embeddings, labels, seed=1)
    assert result.figures["corrections"] == {"n": 10, "candidate_right": 10, "incumbent_right": 0}
    unseen, truth = corrections(200)
    assert ((unseen @ result.kernel + result.bias).argmax(axis=1) == truth).mean() > 0.95
    candidate, incumbent = result.figures["candidate"], result.figures["incumbent"]
    assert incumbent["accuracy"] > 0.98
    assert candidate["accuracy"] >= incumbent["accuracy"] - 0.01
    assert candidate == evaluate_head(
        (result.kernel, result.bias), fitted.reference(), temperature=1.5, seed=1
    )


def test_history_falls_and_progress_tells_it(fitted: Checkpoint) -> None:
    told: list[dict] = []
    result = retrain_head(fitted, *corrections(), progress=told.append)
    losses = [point["loss"] for point in result.history]
    assert len(losses) > 3
    assert losses[-1] < losses[0]
    assert [point["loss"] for point in told] == losses
    assert told[0]["step"] == 1
    assert told[0]["steps"] == HeadRecipe().iterations


def test_same_seed_same_head(fitted: Checkpoint) -> None:
    first, second = (retrain_head(fitted, *corrections(), seed=4) for _ in range(2))
    assert first.kernel.tobytes() == second.kernel.tobytes()
    assert first.figures == second.figures


def test_confirmations_change_next_to_nothing(fitted: Checkpoint) -> None:
    replay = fitted.replay()
    result = retrain_head(fitted, replay.embeddings[:10], replay.labels[:10])
    scores = [
        replay.embeddings @ kernel + bias for kernel, bias in (fitted.head(), (result.kernel, result.bias))
    ]
    assert (scores[0].argmax(axis=1) == scores[1].argmax(axis=1)).mean() > 0.99


def test_weights_and_groups_decide_who_is_heard(fitted: Checkpoint) -> None:
    embeddings, ones = corrections(20)
    labels = np.where(np.arange(20) < 10, ones, 3)
    heard = np.where(np.arange(20) < 10, 1.0, 0.0)
    only_first = retrain_head(fitted, embeddings, labels, sample_weight=heard)
    assert ((embeddings @ only_first.kernel + only_first.bias).argmax(axis=1) == 1).all()
    fresh, _ = corrections(400)
    says_three, held_tight = [], HeadRecipe(penalty=1e-3)
    for lone in (slice(0, 10), slice(10, 20)):
        groups = [f"s{i}" for i in range(20)]
        groups[lone] = ["one subject"] * 10
        result = retrain_head(fitted, embeddings, labels, groups=groups, recipe=held_tight)
        says_three.append(((fresh @ result.kernel + result.bias).argmax(axis=1) == 3).mean())
    assert says_three[0] > says_three[1] + 0.2


@pytest.mark.parametrize(
    ("embeddings", "labels", "options", "message"),
    [
        (np.zeros((0, 24)), [], {}, "no reviewed image"),
        (np.zeros((2, 23)), [0, 1], {}, r"shape \(2, 24\)"),
        (np.full((1, 24), np.inf), [0], {}, "not finite"),
        (np.zeros((1, 24)), [4], {}, r"0\.\.3"),
        (np.zeros((2, 24)), [0, 1], {"groups": ["a"]}, "1 groups do not fit 2"),
        (np.zeros((2, 24)), [0, 1], {"sample_weight": [0, 0]}, "not all of them 0"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    tiny: Checkpoint, embeddings: np.ndarray, labels: list[int], options: dict, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        retrain_head(tiny, embeddings, labels, **options)


def test_what_readers_labelled_anew_is_not_replayed_with_its_old_label(fitted: Checkpoint) -> None:
    replay = fitted.replay()
    embeddings, corrected = replay.embeddings[:10], (replay.labels[:10] + 1) % 4
    with_both = retrain_head(fitted, embeddings, corrected, bootstrap=0)
    alone = retrain_head(fitted, embeddings, corrected, hashes=replay.hashes[:10], bootstrap=0)
    assert with_both.figures["replayed"] == len(replay.labels)
    assert alone.figures["replayed"] == len(replay.labels) - 10
    assert alone.learned_from == replay.hashes[:10]
    assert (
        alone.figures["corrections"]["candidate_right"] >= with_both.figures["corrections"]["candidate_right"]
    )


def test_an_image_without_weight_is_not_told_as_learned_from(fitted: Checkpoint) -> None:
    names = [f"{number:064x}" for number in range(900, 910)]
    weights = [0.0] + [1.0] * 9
    result = retrain_head(fitted, *corrections(), hashes=names, sample_weight=weights, bootstrap=0)
    assert result.learned_from == tuple(names[1:])
    with pytest.raises(TrainingError, match="9 hashes do not fit 10 labels"):
        retrain_head(fitted, *corrections(), hashes=names[1:])


def test_a_validation_part_is_measured_after_each_step_and_decides_nothing(fitted: Checkpoint) -> None:
    told: list[dict] = []
    plain = retrain_head(fitted, *corrections(), bootstrap=0)
    result = retrain_head(
        fitted, *corrections(), validation=corrections(30), bootstrap=0, progress=told.append
    )
    assert result.kernel.tobytes() == plain.kernel.tobytes()
    assert told[-1]["validation_loss"] < told[0]["validation_loss"]
    assert told[-1]["validation_accuracy"] == 1.0


def test_what_a_head_was_made_with_joins_the_hashes_of_the_training_images(fitted: Checkpoint) -> None:
    known = fitted.training_hashes()
    more = TrainingHashes((known.sha256[0], "f" * 64), np.array([1, 2], np.uint64))
    kernel, bias = fitted.head()
    hashes = read_checkpoint(replace_head(fitted, kernel, bias, taught=more)).training_hashes()
    assert hashes.sha256 == (*known.sha256, "f" * 64)
    assert hashes.phash.tolist() == [*known.phash.tolist(), 2]


def test_the_new_head_is_as_sure_of_what_was_learned_as_the_one_in_force(fitted: Checkpoint) -> None:
    replay = fitted.replay()
    result = retrain_head(fitted, *corrections(), bootstrap=0)
    sure = [
        probabilities(replay.embeddings @ kernel + bias, fitted.temperature).max(axis=1).mean()
        for kernel, bias in (fitted.head(), (result.kernel, result.bias))
    ]
    assert sure[1] == pytest.approx(sure[0], abs=1e-3)
    assert 0 < result.figures["scaled"] < 1
