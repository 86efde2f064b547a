"""What readers' labels are worth: a model that goes wrong, corrected round by round, measured on locked images.

The head is retrained as the platform does it (`ml.training.retrain_head`): from all labels so far, from the head of
the round before, with the checkpoint's replay sample beside them. Only the readers are simulated: they say the true
label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import probabilities
from ml.checkpoint import Checkpoint, Reference
from ml.experiments.worlds import World
from ml.metrics import evaluate
from ml.training import retrain_head

ROUND: Final = 100
ROUNDS: Final = 10
POOL_SHARE: Final = 0.7
"""Of the pool, drawn anew for each seed: what comes in by chance."""

FIGURES: Final = ("accuracy", "balanced_accuracy", "macro_f1", "meningioma_recall")

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Order = Callable[[Floats, npt.NDArray[np.int64] | None, np.random.Generator], Indices]


@dataclass(frozen=True)
class InForce(Checkpoint):
    """A checkpoint with another head, without writing its archive: a round needs no more."""

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    def head(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns the head of the round before."""
        return self.kernel, self.bias


def at_random(scores: Floats, _taught: npt.NDArray[np.int64] | None, rng: np.random.Generator) -> Indices:
    """Orders images by chance."""
    return rng.permutation(len(scores))


def by_entropy(scores: Floats, _taught: npt.NDArray[np.int64] | None, _rng: np.random.Generator) -> Indices:
    """Orders images by the entropy of their probabilities (N, 4), highest first, as `entropy` of a protocol does."""
    return np.argsort((scores * np.log(np.clip(scores, 1e-12, 1))).sum(axis=1), kind="stable")


def by_margin(scores: Floats, _taught: npt.NDArray[np.int64] | None, _rng: np.random.Generator) -> Indices:
    """Orders images by the distance between the two most probable classes, smallest first."""
    highest = np.sort(scores, axis=1)
    return np.argsort(highest[:, -1] - highest[:, -2], kind="stable")


def by_doubt(scores: Floats, taught: npt.NDArray[np.int64] | None, _rng: np.random.Generator) -> Indices:
    """Orders images by how little the model believes the label that they were taught with."""
    if taught is None:
        raise ValueError("Nothing of this pool was learned from, so no label can be doubted.")
    return np.argsort(scores[np.arange(len(taught)), taught], kind="stable")


ORDERS: Final[Mapping[str, Order]] = {"random": at_random, "entropy": by_entropy, "margin": by_margin}
DOUBT: Final = "doubt"


def orders_for(world: World) -> dict[str, Order]:
    """Returns the orders that a world allows; doubt needs labels that were taught."""
    return {**ORDERS, **({DOUBT: by_doubt} if world.taught is not None else {})}


def closed_loop(
    world: World,
    seeds: Sequence[int],
    *,
    rounds: int = ROUNDS,
    size: int = ROUND,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Spends labels in every order, with every seed, and measures after each round.

    Args:
        seeds: each draws its own share of the pool, the same for all orders, so that orders can be paired.
        rounds: at most so many; fewer where the pool is used up.
        size: labels a round.
        told: called with a line for each order and seed that is done.

    Returns:
        `title`, `pool`, `locked` (sizes), `spent` (labels after each round, 0 first) and `curves`: by order, by
        locked part, by figure a list over seeds of lists over rounds.
    """
    curves: dict[str, Any] = {}
    spent: list[int] = []
    for name, order in orders_for(world).items():
        for seed in seeds:
            spent, found = _one(world, order, seed, rounds, size)
            for part, figures in found.items():
                for figure, values in figures.items():
                    curves.setdefault(name, {}).setdefault(part, {}).setdefault(figure, []).append(values)
            if told is not None:
                told(f"{world.title}: {name}, seed {seed}: {found[next(iter(found))]['accuracy'][-1]:.3f}")
    return {
        "title": world.title,
        "pool": len(world.pool.labels),
        "drawn": round(POOL_SHARE * len(world.pool.labels)),
        "locked": {name: len(part.labels) for name, part in world.locked.items()},
        "seeds": list(seeds),
        "spent": spent,
        "curves": curves,
    }


def _one(
    world: World, order: Order, seed: int, rounds: int, size: int
) -> tuple[list[int], dict[str, dict[str, list[float]]]]:
    rng = np.random.default_rng(seed)
    pool = np.sort(
        rng.choice(len(world.pool.labels), round(POOL_SHARE * len(world.pool.labels)), replace=False)
    )
    model = InForce(**vars(world.base), kernel=world.base.head()[0], bias=world.base.head()[1])
    labelled = np.zeros(0, np.int64)
    found: dict[str, dict[str, list[float]]] = {name: {key: [] for key in FIGURES} for name in world.locked}
    spent = [0]
    _measure(model, world, found)
    for _ in range(min(rounds, len(pool) // size)):
        waiting = np.setdiff1d(pool, labelled)
        taught = None if world.taught is None else world.taught[waiting]
        chosen = waiting[order(_scores(model, world.pool.embeddings[waiting]), taught, rng)[:size]]
        labelled = np.concatenate((labelled, chosen))
        model = _taught_more(model, world.pool, labelled)
        spent.append(len(labelled))
        _measure(model, world, found)
    return spent, found


def _taught_more(model: InForce, pool: Reference, labelled: Indices) -> InForce:
    head = retrain_head(
        model,
        pool.embeddings[labelled],
        pool.labels[labelled],
        groups=[pool.groups[i] for i in labelled],
        hashes=[pool.hashes[i] for i in labelled],
        bootstrap=0,
    )
    return replace(model, kernel=head.kernel, bias=head.bias)


def _scores(model: Checkpoint, embeddings: npt.NDArray[np.float32]) -> Floats:
    kernel, bias = model.head()
    return np.asarray(probabilities(embeddings @ kernel + bias, model.temperature), np.float64)


def _measure(model: Checkpoint, world: World, found: dict[str, dict[str, list[float]]]) -> None:
    for name, part in world.locked.items():
        figures = evaluate(_scores(model, part.embeddings), part.labels, part.groups, 0, 0)
        recall = figures["per_class"]["meningioma"]["recall"]
        for key in FIGURES:
            found[name][key].append(float(recall if key == "meningioma_recall" else figures[key]))


def summarise(result: dict[str, Any], part: str, figure: str = "accuracy") -> list[dict[str, Any]]:
    """Returns a row for each round: `spent`, and by order `mean` and `interval`, and what it is above `random`.

    Intervals are 95 % Student intervals over seeds; those of differences pair the seeds.
    """
    by_order = {name: np.array(parts[part][figure]) for name, parts in result["curves"].items()}
    rows = []
    for number, spent in enumerate(result["spent"]):
        row: dict[str, Any] = {"spent": spent}
        for name, values in by_order.items():
            row[name] = over_seeds(values[:, number])
            if name != "random":
                row[f"{name} above random"] = over_seeds(values[:, number] - by_order["random"][:, number])
        rows.append(row)
    return rows


def over_seeds(values: Floats) -> dict[str, Any]:
    """Returns the mean of one value for each seed with its 95 % Student interval; None with fewer than two seeds."""
    # Here and not above: SciPy's statistics take half a second, and only summaries need them.
    from scipy.stats import t

    mean = float(values.mean())
    if len(values) < 2:
        return {"mean": mean, "interval": None}
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "interval": [mean - half, mean + half]}
