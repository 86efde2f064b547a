"""What a stopped training needs to go on as if it had not been stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from ml.networks import Network, Weights
from ml.storing import write_arrays

LAST: Final = "last.npz"
BEST: Final = "best.npz"


@dataclass
class TrainState:
    """How far a training is, after its last finished epoch."""

    epoch: int = 0
    best_loss: float = float("inf")
    waited: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def save_weights(path: Path, network: Network) -> None:
    """Writes the network's weights, in the order they are stored in a checkpoint."""
    write_arrays(
        path, {f"w{i}": np.asarray(value) for i, value in enumerate(network.trainable.get_weights())}
    )


def read_weights(path: Path) -> Weights:
    """Returns weights written by `save_weights` or as part of a state."""
    with np.load(path, allow_pickle=False) as stored:
        return [stored[f"w{i}"] for i in range(sum(name.startswith("w") for name in stored.files))]


def save_state(
    path: Path, state: TrainState, key: dict[str, Any], network: Network, model: keras.Model
) -> None:
    """Writes weights, optimiser (running averages included), the state of random layers, and the epoch."""
    arrays = {f"w{i}": np.asarray(value) for i, value in enumerate(network.trainable.get_weights())}
    arrays |= {f"o{i}": np.asarray(value) for i, value in enumerate(model.optimizer.variables)}
    arrays |= {f"r{i}": np.asarray(value) for i, value in enumerate(_random(model))}
    write_arrays(path, {**arrays, "state": np.array(json.dumps({**vars(state), "key": key}))})


def restore_state(path: Path, key: dict[str, Any], network: Network, model: keras.Model) -> TrainState | None:
    """Puts back what `save_state` wrote; None, with nothing changed, when it is of another training."""
    with np.load(path, allow_pickle=False) as last:
        values = json.loads(str(last["state"]))
        if values.pop("key") != key:
            return None
        network.trainable.set_weights([last[f"w{i}"] for i in range(len(network.trainable.weights))])
        for letter, variables in (("o", model.optimizer.variables), ("r", _random(model))):
            for i, variable in enumerate(variables):
                variable.assign(last[f"{letter}{i}"])
    return TrainState(**values)


def _random(model: keras.Model) -> list[Any]:
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]
