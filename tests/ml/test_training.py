from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ml.config import Augmentation, NetworkSpec, Stage, TrainRecipe
from ml.networks import build_network, load_imagenet
from ml.preprocessing import scale
from ml.training import Examples, TrainingError, train_network
from ml.training.fine_tune import class_weights
from ml.training.objective import attention_loss, compile_training, learning_rate, share_outside
from tests.ml.test_networks import arbitrary_batch_norm

SMALL = NetworkSpec(name="small_cnn", size=64, dropout=0.0)
RECIPE = TrainRecipe(
    network=SMALL, start="scratch", stages=(Stage(size=32, epochs=2), Stage(size=64, epochs=6)), batch_size=16,
    learning_rate=0.01, label_smoothing=0.0, patience=2,
    augmentation=Augmentation(mirror=0, rotation=5, shift=0.02),
)  # fmt: skip


def changed(**values: Any) -> TrainRecipe:
    return TrainRecipe(**{**vars(RECIPE), **values})


SHORT = changed(
    network=NetworkSpec(name="small_cnn", size=64, dropout=0.3), averaging=0.5,
    stages=(Stage(size=32, epochs=1), Stage(size=64, epochs=2)),
)  # fmt: skip


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


def test_a_diverged_training_says_so_and_gives_no_weights(tmp_path: Path) -> None:
    """In a folder, too, where another training has left its best weights."""
    data = examples(32, 0), examples(16, 1)
    train_network(changed(stages=(Stage(size=32, epochs=1),)), *data, seed=1, state=tmp_path)
    wild = changed(stages=(Stage(size=32, epochs=3),), learning_rate=1.0)
    fit = keras.Model.fit

    def explode(model: keras.Model, *args: Any, **options: Any) -> Any:
        fitted = fit(model, *args, **options)
        # Not an earlier layer's: some builds make ReLU6 of no number 0.
        model.trainable_variables[-1].assign(model.trainable_variables[-1] * float("nan"))
        return fitted

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(keras.Model, "fit", explode)
        with pytest.raises(TrainingError, match=r"diverged: after epoch 1 of 3 .* lower learning_rate"):
            train_network(wild, *data, seed=1, state=tmp_path)


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


def test_class_weights_balance() -> None:
    labels = np.array([0] * 30 + [1] * 10)
    full, none = class_weights(labels, 1.0), class_weights(labels, 0.0)
    assert full[labels == 0].sum() == pytest.approx(full[labels == 1].sum())
    assert full.mean() == pytest.approx(1)
    assert (none == 1).all()


def blobs(count: int, seed: int) -> Examples:
    """A square anywhere, as bright as its class; the mask is the square, and every fourth image has none."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 40, (count, 64, 64)).astype(np.uint8)
    labels, masks = np.arange(count) % 4, np.zeros((count, 64, 64), np.uint8)
    for number, (image, mask, label) in enumerate(zip(levels, masks, labels, strict=True)):
        y, x = rng.integers(4, 44, 2)
        image[y : y + 16, x : x + 16] = 80 + 40 * label
        if number % 16 != 15:
            mask[y : y + 16, x : x + 16] = 255
    return Examples(levels, labels, ("",) * count, masks)


def test_the_attention_loss_moves_the_map_onto_the_mask(tmp_path: Path) -> None:
    spec = NetworkSpec(name="small_cnn", size=64, dropout=0.0, fine_map=True)
    shares = {}
    for weight in (0.0, 1.0):
        recipe = changed(network=spec, stages=(Stage(size=64, epochs=4),), attention=weight)
        weights, history = train_network(
            recipe, blobs(128, 0), blobs(16, 1), seed=1, state=tmp_path / str(weight)
        )
        network = build_network(spec, size=64)
        network.trainable.set_weights(weights)
        fresh = blobs(40, 2)
        maps = network.reader.predict_on_batch(scale(fresh.levels))["maps"]
        inside = []
        for raw, label, mask in zip(maps, fresh.labels, fresh.masks, strict=True):
            if mask.any():
                spread = np.exp(raw[..., label] - raw[..., label].max())
                inside.append(spread[mask[2::4, 2::4] > 0].sum() / spread.sum())
        shares[weight] = np.mean(inside)
        assert ("attention_loss" in history[0]) == (weight > 0)
    assert history[-1]["attention_loss"] < history[0]["attention_loss"]
    assert shares[1.0] > 1.5 * shares[0.0]
    assert shares[1.0] > 0.5


def test_attention_loss_is_the_cross_entropy_of_places() -> None:
    rng = np.random.default_rng(0)
    maps, targets = rng.normal(size=(3, 5, 5, 4)).astype(np.float32), np.zeros((3, 5, 5, 4), np.float32)
    targets[0, 2, 3, 1] = 1.0
    targets[1, 0, :2, 2] = 0.5
    losses = np.asarray(attention_loss(targets, maps))
    by_hand = [
        np.log(np.exp(maps[0, ..., 1]).sum()) - maps[0, 2, 3, 1],
        np.log(np.exp(maps[1, ..., 2]).sum()) - maps[1, 0, :2, 2].mean(),
        0.0,
    ]
    assert np.allclose(losses, by_hand, atol=1e-5)


def test_share_outside_sees_a_constant_and_no_scale() -> None:
    maps, targets = np.zeros((3, 5, 5, 4), np.float32), np.zeros((3, 5, 5, 4), np.float32)
    targets[:2, 2, 2, 1] = 1.0
    maps[:, 2, 2, 1], maps[:, 3, 3, 1], maps[:, 0, 0, 1], maps[:, 0, 0, 2] = 3.0, 1.0, 4.0, 50.0
    maps[1] *= 7
    outside = np.asarray(share_outside(targets, maps))
    assert np.allclose(outside, [0.5, 0.5, 0.0], atol=1e-5)
    wider = np.asarray(share_outside(targets, maps + 1))
    assert (wider[:2] > outside[:2]).all()
    away = maps - 10
    assert np.allclose(np.asarray(share_outside(targets, away))[0], 0)


def test_the_average_is_kept_and_training_goes_on_from_the_last_weights(tmp_path: Path) -> None:
    data = examples(64, 0), examples(16, 1)
    plain = changed(stages=(Stage(size=32, epochs=3),))
    averaged = changed(stages=(Stage(size=32, epochs=3),), averaging=0.9)
    last, history = train_network(plain, *data, seed=1, state=tmp_path / "a")
    average, same = train_network(averaged, *data, seed=1, state=tmp_path / "b")
    for ours, theirs in zip(history, same, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-3)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(last, average, strict=True))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a narrow MobileNetV2, as Keras would fetch them."""
    path = tmp_path_factory.mktemp("given") / "given.weights.h5"
    own = keras.applications.MobileNetV2(weights=None, alpha=0.35, include_top=False, input_shape=(64, 64, 3))
    arbitrary_batch_norm(own, np.random.default_rng(0))
    own.save_weights(path)
    return path


def test_head_alone_on_features_that_are_kept(given: Path, tmp_path: Path) -> None:
    recipe = TrainRecipe(network=NetworkSpec(size=64, width=0.35), stages=())
    data = examples(48, 0), examples(16, 1)
    told: list[dict] = []
    features = tmp_path / "features"
    weights, history = train_network(
        recipe, *data, seed=1, state=tmp_path / "a", imagenet=given, features=features
    )
    (kept,) = features.glob("frozen-*.npy")
    np.save(kept, np.load(kept) * 0)
    other = TrainRecipe(network=recipe.network, stages=(), head_penalty=0.01)
    blind, _ = train_network(
        other, *data, seed=1, state=tmp_path / "b", imagenet=given, features=features, progress=told.append
    )
    network = build_network(recipe.network, size=64)
    load_imagenet(network, given)
    untouched = network.features.get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(weights, untouched, strict=False))
    assert np.abs(weights[-2]).max() > 0.01
    assert np.abs(blind[-2]).max() == 0
    assert [point["epoch"] for point in history] == [point["epoch"] for point in told] == [0]
    assert history[0]["loss"] < told[0]["loss"] == pytest.approx(np.log(4), abs=1e-3)
    with pytest.raises(TrainingError, match="features of given weights"):
        train_network(recipe, *data, seed=1, state=tmp_path, imagenet=None)


def test_only_chosen_layers_leave_the_given_weights(given: Path, tmp_path: Path) -> None:
    spec = NetworkSpec(size=32, width=0.35)
    recipe = TrainRecipe(network=spec, stages=(Stage(size=32, epochs=1),), tuned_layers=2, batch_size=16)
    weights, _ = train_network(
        recipe, examples(32, 0), examples(16, 1), seed=1, state=tmp_path, imagenet=given
    )
    network = build_network(spec)
    load_imagenet(network, given)
    names = [variable.path.split("/")[-2] for variable in network.trainable.weights]
    before = network.trainable.get_weights()
    changed_layers = {
        name for name, a, b in zip(names, before, weights, strict=True) if not np.array_equal(a, b)
    }
    assert changed_layers == {"last", "head"}


def rates(**values: Any) -> list[float]:
    rate = learning_rate(changed(learning_rate=1e-3, **values), 100)
    return [float(rate(step)) for step in range(100)]


def test_schedules() -> None:
    cosine, constant, step = rates(), rates(schedule="constant"), rates(schedule="step")
    assert cosine[0] == constant[0] == 0
    assert max(cosine) == max(constant) == step[0] == pytest.approx(1e-3)
    assert cosine[50] == pytest.approx(5.4e-4, rel=0.05)
    assert cosine[99] < 1e-5
    assert constant[99] == pytest.approx(1e-3)
    assert step[40] == pytest.approx(1e-4)
    assert step[99] == pytest.approx(1e-5)


def test_focal_loss_weighs_the_well_named_less(tmp_path: Path) -> None:
    losses = {}
    for gamma in (0.0, 2.0):
        network = build_network(SMALL)
        model = compile_training(network, changed(focal_gamma=gamma), 10, attention=False)
        logits = np.array([[4.0, 0, 0, 0], [0, 4.0, 0, 0]], np.float32)
        hot = np.eye(4, dtype=np.float32)[[0, 0]]
        losses[gamma] = [float(model.loss(hot[i : i + 1], logits[i : i + 1])) for i in (0, 1)]
    sure = np.exp(4) / (np.exp(4) + 3)
    assert losses[2.0][0] == pytest.approx(losses[0.0][0] * (1 - sure) ** 2, rel=1e-3)
    assert losses[2.0][1] == pytest.approx(losses[0.0][1], rel=0.05)


def test_examples_that_do_not_fit_are_refused() -> None:
    data = examples(4, 0)
    with pytest.raises(TrainingError, match="got 4 images, 3 labels, 4 keys"):
        Examples(data.levels, data.labels[:3], data.near)
    with pytest.raises(TrainingError, match=r"Masks \(2, 64, 64\) do not fit images"):
        Examples(data.levels, data.labels, data.near, data.levels[:2])
