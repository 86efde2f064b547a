"""Training a network: a head on frozen features first, then the whole of it, slowly."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ml.config import TrainRecipe, recipe_to_dict
from ml.datasets import AugmentedImages, draw_epoch, resize_levels
from ml.labels import CLASSES
from ml.networks import Network, Weights, build_network, freeze_blocks, load_imagenet
from ml.preprocessing import Levels, scale
from ml.training.head import fit_head

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Images to learn from: levels uint8 (N, S, S), labels int64 (N,), near-duplicate keys (N)."""

    levels: Levels
    labels: npt.NDArray[np.int64]
    near: tuple[str, ...]


@dataclass
class TrainState:
    """What a stopped training needs to go on: weights and history after the last finished epoch."""

    epoch: int = 0
    best_loss: float = float("inf")
    waited: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def train_network(
    recipe: TrainRecipe,
    train: Examples,
    validation: Examples,
    *,
    seed: int,
    state: Path,
    imagenet: Path | str | None = "imagenet",
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[Weights, list[dict[str, float]]]:
    """Trains and returns the best weights, in the order of `Network.trainable`, with the history.

    Args:
        state: a folder that belongs to this training; a stopped one goes on from its last epoch.
        imagenet: where the first weights come from (`ml.networks.load_imagenet`); None starts from scratch.
        progress: called after each epoch with its figures and the seconds that remain.
    """
    return _Training(recipe, train, validation, seed, state, progress or _log_progress).run(imagenet)


class _Training:
    def __init__(
        self,
        recipe: TrainRecipe,
        train: Examples,
        validation: Examples,
        seed: int,
        folder: Path,
        progress: Callable[[dict[str, Any]], None],
    ) -> None:
        keras.utils.set_random_seed(seed)
        self.recipe, self.train, self.validation, self.seed = recipe, train, validation, seed
        self.folder, self.progress, self.state = folder, progress, TrainState()
        self.network: Network = build_network(recipe.network, dropout=recipe.dropout)
        self.sizes = [stage.size for stage in recipe.stages for _ in range(stage.epochs)]
        self.weights = class_weights(train.labels, recipe.class_balance)
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, imagenet: Path | str | None) -> tuple[Weights, list[dict[str, float]]]:
        self._compile()
        if not self._resume():
            if imagenet is not None:
                load_imagenet(self.network, imagenet)
            self._fit_first_head()
        while self.state.epoch < len(self.sizes) and not self._stopped():
            self._run_epoch()
        with np.load(self.folder / "best.npz", allow_pickle=False) as best:
            return [best[f"w{i}"] for i in range(len(self.network.trainable.weights))], self.state.history

    def _compile(self) -> None:
        recipe = self.recipe
        if recipe.frozen_blocks:
            freeze_blocks(self.network, recipe.frozen_blocks)
        drawn = len(draw_epoch(self.train.near, np.random.default_rng(0)))
        steps = -(-drawn // recipe.batch_size) * recipe.epochs
        warm = max(1, round(recipe.warm_up * steps))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warm, warmup_target=recipe.learning_rate, warmup_steps=warm
        )
        optimizer = keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay, clipnorm=1.0)
        optimizer.exclude_from_weight_decay(var_names=["bias"])
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=recipe.label_smoothing)
        self.network.trainable.compile(optimizer, loss, jit_compile=False)
        optimizer.build(self.network.trainable.trainable_variables)

    def _fit_first_head(self) -> None:
        started = time.monotonic()
        size = self.recipe.stages[0].size
        chosen = np.sort(draw_epoch(self.train.near, np.random.default_rng(self.seed)))
        images = scale(resize_levels(self.train.levels[chosen], size))
        features = self.network.features.predict(images, batch_size=64, verbose=0).mean(axis=(1, 2))
        fit = fit_head(
            features, self.train.labels[chosen], self.weights[chosen], penalty=self.recipe.head_penalty
        )
        self.network.head.set_weights([fit.kernel, fit.bias])
        log.info("first head fitted on %d frozen features in %.0f s", len(chosen), time.monotonic() - started)

    def _run_epoch(self) -> None:
        started, epoch, recipe = time.monotonic(), self.state.epoch, self.recipe
        batches = AugmentedImages(
            self.train.levels, self.train.labels, self.weights, self.train.near,
            size=self.sizes[epoch], batch_size=recipe.batch_size, how=recipe.augmentation,
            seed=self.seed, epoch=epoch,
        )  # fmt: skip
        fitted = self.network.trainable.fit(
            batches, epochs=epoch + 1, initial_epoch=epoch, shuffle=False, verbose=0
        )
        figures = {"epoch": float(epoch + 1), "size": float(self.sizes[epoch])}
        figures |= {"loss": float(fitted.history["loss"][0]), **self._validate(self.sizes[epoch])}
        self.state.epoch += 1
        self.state.seconds += time.monotonic() - started
        self._judge(figures["validation_loss"])
        self.state.history.append(figures)
        self._save("last.npz")
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
        if not self._in_last_stage(self.state.epoch - 1):
            return
        if loss < self.state.best_loss:
            self.state.best_loss, self.state.waited = loss, 0
            self._save("best.npz")
        else:
            self.state.waited += 1

    def _in_last_stage(self, epoch: int) -> bool:
        return epoch >= len(self.sizes) - self.recipe.stages[-1].epochs

    def _stopped(self) -> bool:
        return self.state.waited > self.recipe.patience

    def _remaining(self) -> float:
        done = sum(size**2 for size in self.sizes[: self.state.epoch])
        left = sum(size**2 for size in self.sizes[self.state.epoch :])
        return self.state.seconds * left / done

    def _save(self, name: str) -> None:
        arrays = {f"w{i}": np.asarray(w) for i, w in enumerate(self.network.trainable.get_weights())}
        if name == "last.npz":
            variables = self.network.trainable.optimizer.variables
            arrays |= {f"o{i}": np.asarray(variable) for i, variable in enumerate(variables)}
            arrays["state"] = np.array(json.dumps({**vars(self.state), **self._key()}))
        unfinished = self.folder / f"part-{name}"
        np.savez(unfinished, **arrays)  # type: ignore[arg-type]
        unfinished.replace(self.folder / name)

    def _key(self) -> dict[str, Any]:
        return {"recipe": recipe_to_dict(self.recipe), "seed": self.seed, "images": len(self.train.labels)}

    def _resume(self) -> bool:
        if not (self.folder / "last.npz").exists():
            return False
        model = self.network.trainable
        with np.load(self.folder / "last.npz", allow_pickle=False) as last:
            values = json.loads(str(last["state"]))
            if {name: values.pop(name) for name in self._key()} != self._key():
                log.info("the state in %s is of another training: starting anew", self.folder.name)
                return False
            self.state = TrainState(**values)
            model.set_weights([last[f"w{i}"] for i in range(len(model.weights))])
            for i, variable in enumerate(model.optimizer.variables):
                variable.assign(last[f"o{i}"])
        log.info("going on after epoch %d of %d", self.state.epoch, len(self.sizes))
        return True


def class_weights(labels: npt.NDArray[np.int64], balance: float) -> npt.NDArray[np.float32]:
    """Returns a weight for each image, mean 1; `balance` 1 gives all classes the same mass, 0 none."""
    counts = np.maximum(np.bincount(labels, minlength=len(CLASSES)), 1)
    weights = (1.0 / counts) ** balance
    each = weights[labels]
    return (each / each.mean()).astype(np.float32)


def _log_progress(figures: dict[str, Any]) -> None:
    log.info(
        "epoch %d/%d at %d px: loss %.3f, validation loss %.3f, accuracy %.3f; %.0f s remain",
        figures["epoch"], figures["epochs"], figures["size"], figures["loss"],
        figures["validation_loss"], figures["validation_accuracy"], figures["remaining_s"],
    )  # fmt: skip
