"""Wrong labels that were planted are found, on embeddings of real images that the network never learned from."""

import time

import numpy as np
import pytest

from ml.checkpoint import read_checkpoint
from ml.config import SHIPPED_CHECKPOINT
from ml.label_errors import FOLDS, _folds, confident_learning, cross_validated, find_label_errors
from ml.labels import CLASSES, InputError


@pytest.fixture(scope="module")
def held_out():
    """Embeddings, labels and subjects of the fold that the shipped network was not trained on."""
    part = read_checkpoint(SHIPPED_CHECKPOINT).reference()
    return (
        np.asarray(part.embeddings, np.float64),
        np.asarray(part.labels, np.int64),
        [str(g) for g in part.groups],
    )


def planted(labels, share, seed):
    random = np.random.default_rng(seed)
    wrong = random.random(len(labels)) < share
    given = labels.copy()
    given[wrong] = (labels[wrong] + random.integers(1, len(CLASSES), wrong.sum())) % len(CLASSES)
    return given, wrong


@pytest.mark.parametrize(("share", "precision", "recall"), [(0.05, 0.65, 0.7), (0.15, 0.8, 0.7)])
def test_planted_wrong_labels_are_found(held_out, share, precision, recall):
    embeddings, labels, groups = held_out
    given, wrong = planted(labels, share, seed=1)
    found = find_label_errors(embeddings, given, groups)
    hits = (found.likely & wrong).sum()
    assert hits / found.likely.sum() > precision
    assert hits / wrong.sum() > recall
    # The first hundred that an engineer would send back, against one in `share` at random.
    first = found.ranked()[: min(100, int(wrong.sum()))]
    assert wrong[first].mean() > precision
    assert (found.suggested[found.likely & wrong] == labels[found.likely & wrong]).mean() > 0.8


def test_right_labels_are_mostly_left_alone(held_out):
    embeddings, labels, groups = held_out
    assert find_label_errors(embeddings, labels, groups).likely.mean() < 0.06


def test_no_head_sees_what_it_is_asked_about(held_out):
    _, labels, groups = held_out
    fold = _folds(labels, groups, seed=0)
    assert all(len(set(fold[np.array(groups) == group])) == 1 for group in set(groups))
    assert {tuple(np.bincount(labels[fold == number], minlength=4) > 0) for number in range(FOLDS)} == {
        (True,) * 4
    }
    # An image that says nothing but its own label: a head that had seen it would be sure of it.
    noise = np.random.default_rng(3).normal(size=(400, 64))
    said = np.random.default_rng(4).integers(0, 4, 400)
    probabilities = cross_validated(noise, said, [str(number) for number in range(400)])
    assert (probabilities.argmax(axis=1) == said).mean() < 0.4


def test_the_same_input_gives_the_same_ranking(held_out):
    embeddings, labels, groups = held_out
    one, other = (find_label_errors(embeddings[::3], labels[::3], groups[::3]) for _ in range(2))
    assert (one.ranked() == other.ranked()).all()


def test_confident_learning_as_the_paper_has_it():
    """By hand: the threshold of a class is the mean probability of what bears its label (equation 2)."""
    p = np.array([[0.9, 0.1, 0, 0], [0.7, 0.3, 0, 0], [0.1, 0.9, 0, 0], [0.8, 0.2, 0, 0], [0.4, 0.6, 0, 0]])
    given = np.array([0, 0, 1, 1, 1])
    found = confident_learning(p, given)  # thresholds: 0.8 and 0.567
    assert found.likely.tolist() == [False, False, False, True, False]
    assert found.suggested.tolist() == [0, 0, 1, 0, 1]
    assert found.ranked()[0] == 3
    assert found.score[3] == pytest.approx((0.8 - 0.2 + 1) / 2)
    # Counted: 1 of class 0; of class 1 two on the diagonal and one off it; scaled to 2 and 3 labels.
    assert found.joint[:2, :2].tolist() == [[2.0, 0.0], [1.0, 2.0]]


def test_five_thousand_labels_take_seconds(held_out):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(5000, 1280))
    labels = random.integers(0, 4, 5000)
    begun = time.process_time()
    find_label_errors(embeddings, labels, [str(number) for number in range(5000)])
    assert time.process_time() - begun < 30


@pytest.mark.parametrize(
    ("labels", "groups", "says"),
    [
        ([0, 0, 1, 1], ["a", "b", "c", "c"], "meningioma has too few"),
        ([0, 0, 0, 0], list("abcd"), "two classes"),
    ],
)
def test_too_little_is_said_so(labels, groups, says):
    with pytest.raises(InputError, match=says):
        find_label_errors(np.ones((4, 3)), labels, groups)
