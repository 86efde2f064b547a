from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.config import Augmentation, NetworkSpec, Stage, TrainRecipe
from ml.datasets import AugmentedImages, augment, draw_epoch, load_pixels, resize_levels
from ml.networks import build_network
from ml.preprocessing import Preprocessing, scale
from ml.training import Examples, train_network
from ml.training.fine_tune import class_weights

SMALL = NetworkSpec(name="small_cnn", size=64, dropout=0.0)
RECIPE = TrainRecipe(
    network=SMALL, start="scratch", stages=(Stage(size=32, epochs=2), Stage(size=64, epochs=6)), batch_size=16,
    learning_rate=0.01, label_smoothing=0.0, patience=2,
    augmentation=Augmentation(mirror=0, rotation=5, shift=0.02),
)  # fmt: skip


def changed(**values: Any) -> TrainRecipe:
    return TrainRecipe(**{**vars(RECIPE), **values})


SHORT = changed(stages=(Stage(size=32, epochs=1), Stage(size=64, epochs=2)))


def examples(count: int, seed: int) -> Examples:
    """A bright square in one of four corners: the class is where it lies and how wide it is."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 40, (count, 64, 64)).astype(np.uint8)
    labels = np.arange(count) % 4
    for image, label in zip(levels, labels, strict=True):
        image[8 : 16 + 10 * label, 20 : 28 + 10 * label] = 200
    return Examples(levels, labels, ("",) * count)


def test_learns_what_can_be_learned_and_keeps_the_best(tmp_path: Path) -> None:
    told: list[dict] = []
    weights, history = train_network(
        RECIPE, examples(160, 0), examples(40, 1), seed=1, state=tmp_path, progress=told.append
    )
    network = build_network(SMALL, size=64)
    network.trainable.set_weights(weights)
    fresh = examples(80, 2)
    logits = network.trainable.predict(scale(fresh.levels), verbose=0)
    assert (logits.argmax(axis=1) == fresh.labels).mean() > 0.9
    assert history[-1]["loss"] < history[0]["loss"]
    assert [point["size"] for point in history][:3] == [32, 32, 64]
    assert told[0]["remaining_s"] > told[-1]["remaining_s"] >= 0
    last_stage = history[2:]
    best = min(point["validation_loss"] for point in last_stage)
    held = examples(40, 1)
    again = network.trainable.predict(scale(held.levels), verbose=0).astype(np.float64)
    losses = np.log(np.exp(again).sum(axis=1)) - again[np.arange(40), held.labels]
    assert losses.mean() == pytest.approx(best, abs=1e-5)


class Stopped(Exception):
    pass


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    def stop(figures: dict) -> None:
        if figures["epoch"] == 2:
            raise Stopped

    data = examples(64, 0), examples(16, 1)
    with pytest.raises(Stopped):
        train_network(SHORT, *data, seed=1, state=tmp_path / "a", progress=stop)
    epochs: list[float] = []
    weights, history = train_network(
        SHORT,
        *data,
        seed=1,
        state=tmp_path / "a",
        progress=lambda f: epochs.append(f["epoch"]),
    )
    assert epochs == [3]
    assert [point["epoch"] for point in history] == list(range(1, len(history) + 1))
    whole, straight = train_network(SHORT, *data, seed=1, state=tmp_path / "b")
    assert len(straight) == len(history)
    for ours, theirs in zip(weights, whole, strict=True):
        assert np.allclose(ours, theirs, atol=1e-4)


def test_another_recipe_starts_anew(tmp_path: Path) -> None:
    data = examples(32, 0), examples(16, 1)
    short = changed(stages=(Stage(size=32, epochs=1),))
    train_network(short, *data, seed=1, state=tmp_path)
    _, history = train_network(short, *data, seed=2, state=tmp_path)
    assert [point["epoch"] for point in history] == [1]


def test_early_stopping(tmp_path: Path) -> None:
    """Labels without meaning: the validation loss cannot fall for long."""
    rng = np.random.default_rng(0)
    noise = examples(64, 0)
    shuffled = Examples(noise.levels, rng.integers(0, 4, 64), noise.near)
    recipe = changed(stages=(Stage(size=32, epochs=40),), learning_rate=0.02, patience=1)
    _, history = train_network(recipe, shuffled, examples(16, 1), seed=1, state=tmp_path)
    losses = [point["validation_loss"] for point in history]
    assert len(history) < 40
    assert min(losses[:-2]) <= min(losses[-2:])


def test_batches_are_reproducible_and_differ_by_epoch() -> None:
    data = examples(20, 0)

    def batch(epoch: int) -> np.ndarray:
        images = AugmentedImages(
            data.levels, data.labels, np.ones(20, np.float32), data.near,
            size=48, batch_size=8, how=Augmentation(), seed=1, epoch=epoch,
        )  # fmt: skip
        assert len(images) == 3
        pixels, hot, weights = images[2]
        assert pixels.shape == (4, 48, 48, 1)
        assert hot.shape == (4, 4)
        assert weights.shape == (4,)
        return pixels

    assert np.array_equal(batch(0), batch(0))
    assert not np.array_equal(batch(0), batch(1))


def test_one_of_each_set_of_copies_is_drawn() -> None:
    near = ("a", "a", "a", "", "", "b", "b")
    drawn = [draw_epoch(near, np.random.default_rng(seed)) for seed in range(30)]
    assert all(len(indices) == 4 and {3, 4} <= set(indices) for indices in drawn)
    assert {int(i) for indices in drawn for i in indices} == set(range(7))


def test_augmentation_of_nothing_changes_nothing() -> None:
    still = Augmentation(**dict.fromkeys(Augmentation.model_fields, 0.0))
    image = examples(1, 0).levels[0]
    assert np.array_equal(augment(image, 64, np.random.default_rng(0), still), image)
    moved = augment(image, 64, np.random.default_rng(0), Augmentation())
    assert moved.dtype == np.uint8
    assert not np.array_equal(moved, image)


def test_class_weights_balance() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    full, none = class_weights(labels, 1.0), class_weights(labels, 0.0)
    assert full[labels == 0].sum() == pytest.approx(full[labels == 1].sum())
    assert full.mean() == pytest.approx(1)
    assert (none == 1).all()


def test_pixels_are_cached_and_the_cache_notices_a_changed_file(tmp_path: Path) -> None:
    import cv2

    path, cache = tmp_path / "a.png", tmp_path / "cache"
    cv2.imwrite(str(path), examples(1, 0).levels[0])
    first = load_pixels([path], Preprocessing(size=64), cache)
    again = load_pixels([path], Preprocessing(size=64), cache)
    assert np.array_equal(first.levels, again.levels)
    assert first.sha256.tolist() == again.sha256.tolist()
    assert len(list(cache.iterdir())) == 1
    cv2.imwrite(str(path), examples(2, 5).levels[1])
    assert load_pixels([path], Preprocessing(size=64), cache).sha256.tolist() != first.sha256.tolist()
    assert resize_levels(first.levels, 32).shape == (1, 32, 32)
