"""Training a network: a head on frozen features first where weights are given, then as much of it as learns."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ml.config import TrainRecipe, recipe_to_dict
from ml.datasets import AugmentedImages, draw_epoch, resize_levels
from ml.networks import (
    Network,
    Weights,
    build_network,
    fix_batch_norm,
    freeze_blocks,
    load_imagenet,
    tune_last,
)
from ml.preprocessing import scale
from ml.training.averaging import RunningAverage
from ml.training.errors import TrainingError
from ml.training.examples import Examples, class_weights
from ml.training.frozen import frozen_embeddings
from ml.training.head import fit_head
from ml.training.objective import compile_training, learning_rate
from ml.training.state import (
    BEST,
    LAST,
    TrainState,
    read_weights,
    restore_state,
    save_state,
    save_weights,
)

log = logging.getLogger(__name__)

Progress = Callable[[dict[str, Any]], None]


def train_network(
    recipe: TrainRecipe,
    train: Examples,
    validation: Examples,
    *,
    seed: int,
    state: Path,
    imagenet: Path | str | None = "imagenet",
    start: Weights | None = None,
    features: Path | None = None,
    progress: Progress | None = None,
    tick: Callable[[], None] | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Trains and returns the best weights, in the order of `Network.trainable`, with the history.

    The best are those of the epoch of the last stage with the smallest validation loss.

    Args:
        train: with masks, its attention loss takes part with the recipe's weight.
        state: a folder that belongs to this training; a stopped one goes on from its last epoch.
        imagenet: where first weights come from (`ml.networks.load_imagenet`); None starts from scratch,
            whatever the recipe says.
        start: weights of the whole network to go on from, in the order of `Network.trainable`, instead of those; the
            head is then the one that they bring.
        features: a folder in which what the given weights make of the images is kept for other heads on the
            same; by default that of the state.
        progress: called after each epoch with its figures and the seconds that remain.
        tick: called after each batch; what it raises stops the training.

    Returns:
        Weights, and one dict for each epoch: `epoch`, `size`, `loss`, `accuracy` (of augmented images),
        `attention_loss` with masks, `validation_loss`, `validation_accuracy`, `learning_rate`, `seconds`. A head
        alone has one, of epoch 0, without `accuracy` and `learning_rate`.

    Raises:
        TrainingError: for a training that diverged, or a head alone without given weights.
        NetworkError: for first weights that cannot be had or do not fit.
    """
    given = None if recipe.start == "scratch" or start is not None else imagenet
    told = progress or _log_progress
    training = _Training(recipe, train, validation, seed, state, given, features or state, told)
    training.start, training.tick = start, tick
    return training.run()


class _Training:
    def __init__(
        self,
        recipe: TrainRecipe,
        train: Examples,
        validation: Examples,
        seed: int,
        folder: Path,
        imagenet: Path | str | None,
        features: Path,
        progress: Progress,
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.recipe, self.train, self.validation, self.seed = recipe, train, validation, seed
        self.folder, self.progress, self.state = folder, progress, TrainState()
        self.imagenet, self.features = imagenet, features
        self.network: Network = build_network(recipe.network)
        self.sizes = [stage.size for stage in recipe.stages for _ in range(stage.epochs)]
        self.weights = class_weights(train.labels, recipe.class_balance)
        if train.weights is not None:
            self.weights = (self.weights * train.weights / train.weights.mean()).astype(np.float32)
        self.start: Weights | None = None
        self.tick: Callable[[], None] | None = None
        self.masks = train.masks if recipe.attention > 0 else None
        folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> tuple[Weights, list[dict[str, float]]]:
        if not self.sizes:
            return self._fit_head_alone()
        self._choose_layers()
        drawn = len(draw_epoch(self.train.near, np.random.default_rng(0)))
        self.steps = -(-drawn // self.recipe.batch_size)
        self.model = compile_training(
            self.network, self.recipe, self.steps * len(self.sizes), attention=self.masks is not None
        )
        if not self._resume():
            self._start()
        while self.state.epoch < len(self.sizes) and not self._stopped():
            self._run_epoch()
        return read_weights(self.folder / BEST), self.state.history

    def _fit_head_alone(self) -> tuple[Weights, list[dict[str, float]]]:
        if self.imagenet is None:
            raise TrainingError(
                "A head alone is fitted on the features of given weights, and none were given."
            )
        started, size = time.monotonic(), self.recipe.network.size
        figures = {"epoch": 0.0, "size": float(size), "loss": self._start(), **self._validate(size)}
        figures["seconds"] = time.monotonic() - started
        self.progress({**figures, "epochs": 0, "remaining_s": 0.0})
        return self.network.trainable.get_weights(), [figures]

    def _choose_layers(self) -> None:
        recipe = self.recipe
        if self.imagenet is None and self.start is None:
            return
        freeze_blocks(self.network, recipe.frozen_blocks)
        if recipe.tuned_layers is not None:
            tune_last(self.network, recipe.tuned_layers)
        if recipe.batch_norm == "inference":
            fix_batch_norm(self.network)

    def _start(self) -> float:
        """Fills in given weights and fits the first head, whose loss it returns; without ImageNet's there is none."""
        if self.start is not None:
            self.network.trainable.set_weights(self.start)
        if self.imagenet is None:
            return float("nan")
        load_imagenet(self.network, self.imagenet)
        started, recipe = time.monotonic(), self.recipe
        size = recipe.stages[0].size if recipe.stages else recipe.network.size
        chosen = np.sort(draw_epoch(self.train.near, np.random.default_rng(self.seed)))
        features = frozen_embeddings(self.network, self.train.levels[chosen], size, self.features)
        fit = fit_head(features, self.train.labels[chosen], self.weights[chosen], penalty=recipe.head_penalty)
        self.network.head.set_weights([fit.kernel, fit.bias])
        log.info("first head fitted on %d frozen features in %.0f s", len(chosen), time.monotonic() - started)
        return fit.losses[-1]

    def _run_epoch(self) -> None:
        started, epoch, recipe = time.monotonic(), self.state.epoch, self.recipe
        size = self.sizes[epoch]
        batches = AugmentedImages(
            self.train.levels, self.train.labels, self.weights, self.train.near,
            size=size, batch_size=recipe.batch_size, how=recipe.augmentation, seed=self.seed, epoch=epoch,
            masks=self.masks, map_side=self.network.map_side(size),
        )  # fmt: skip
        average = RunningAverage()
        fitted = self.model.fit(
            batches, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0,
            callbacks=[average] if self.tick is None else [average, _Ticking(self.tick)],
        ).history  # fmt: skip
        average.detach()
        figures = {"epoch": float(epoch + 1), "size": float(size), **_train_figures(fitted)}
        figures |= self._validate(size)
        if not np.isfinite(figures["validation_loss"]):
            raise TrainingError(
                f"The training diverged: after epoch {epoch + 1} of {len(self.sizes)} its validation loss is no "
                "finite number. Give the recipe a lower learning_rate or a longer warm_up, and train again."
            )
        figures["learning_rate"] = self._rate(epoch + 1)
        self.state.epoch += 1
        self._judge(figures["validation_loss"])
        average.put_back()
        figures["seconds"] = time.monotonic() - started
        self.state.seconds += figures["seconds"]
        self.state.history.append(figures)
        save_state(self.folder / LAST, self.state, self._key(), self.network, self.model)
        self.progress({**figures, "epochs": len(self.sizes), "remaining_s": self._remaining()})

    def _validate(self, size: int) -> dict[str, float]:
        images = scale(resize_levels(self.validation.levels, size))
        logits = self.network.trainable.predict(images, batch_size=64, verbose=0).astype(np.float64)
        labels = self.validation.labels
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
        right = logits.argmax(axis=1) == labels
        return {"validation_loss": float(losses.mean()), "validation_accuracy": float(right.mean())}

    def _judge(self, loss: float) -> None:
        if self.state.epoch <= len(self.sizes) - self.recipe.stages[-1].epochs:
            return
        if loss < self.state.best_loss:
            self.state.best_loss, self.state.waited = loss, 0
            save_weights(self.folder / BEST, self.network)
        else:
            self.state.waited += 1

    def _stopped(self) -> bool:
        return self.state.waited > self.recipe.patience

    def _rate(self, epochs: int) -> float:
        total = self.steps * len(self.sizes)
        return float(learning_rate(self.recipe, total)(min(self.steps * epochs, total - 1)))

    def _remaining(self) -> float:
        done = sum(size**2 for size in self.sizes[: self.state.epoch])
        left = sum(size**2 for size in self.sizes[self.state.epoch :])
        return self.state.seconds * left / done

    def _key(self) -> dict[str, Any]:
        count = len(self.train.labels)
        masked = 0 if self.masks is None else int(self.masks.any(axis=(1, 2)).sum())
        key = {
            "recipe": recipe_to_dict(self.recipe),
            "seed": self.seed,
            "images": count,
            "masks": masked,
            "scratch": self.imagenet is None,
        }
        return key if self.start is None else {**key, "start": _fingerprint(self.start)}

    def _resume(self) -> bool:
        if not (self.folder / LAST).exists():
            return False
        state = restore_state(self.folder / LAST, self._key(), self.network, self.model)
        if state is None:
            log.info("the state in %s is of another training: starting anew", self.folder.name)
            return False
        self.state = state
        log.info("going on after epoch %d of %d", state.epoch, len(self.sizes))
        return True


class _Ticking(keras.callbacks.Callback):  # type: ignore[misc]  # Keras tells no types
    def __init__(self, tick: Callable[[], None]) -> None:
        super().__init__()
        self._tick = tick

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._tick()


def _fingerprint(weights: Weights) -> str:
    digest = hashlib.sha256()
    for values in weights:
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


def _train_figures(fitted: dict[str, list[float]]) -> dict[str, float]:
    figures = {"loss": float(fitted["loss"][0])}
    figures["accuracy"] = float(fitted.get("logits_accuracy", fitted.get("accuracy", [float("nan")]))[0])
    if "maps_loss" in fitted:
        figures["attention_loss"] = float(fitted["maps_loss"][0])
    return figures


def _log_progress(figures: dict[str, Any]) -> None:
    log.info(
        "epoch %d/%d at %d px: loss %.3f, validation loss %.3f, accuracy %.3f; %.0f s remain",
        figures["epoch"], figures["epochs"], figures["size"], figures["loss"],
        figures["validation_loss"], figures["validation_accuracy"], figures["remaining_s"],
    )  # fmt: skip
