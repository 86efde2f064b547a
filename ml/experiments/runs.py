"""One run: train, read what is held out, keep both. What is kept is found again by its key, never by its name alone."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.checkpoint.signatures import reader_with_signatures, signature_layers
from ml.config import recipe_to_dict
from ml.datasets import draw_epoch, load_pixels
from ml.experiments.folds import SEED, Collected, Indices, Plan
from ml.experiments.keys import code_fingerprint, training_key
from ml.experiments.ship import FITTED_ON
from ml.inspection import find_images
from ml.networks import Network, Weights, build_network, round_weights
from ml.preprocessing import Levels, Preprocessing, scale
from ml.storing import write_arrays, write_whole
from ml.training.fine_tune import Progress, train_network

log = logging.getLogger(__name__)
Floats = npt.NDArray[np.float32]

_IMAGENET: Final = {"mobilenet_v2": "mobilenet_v2_1.0_224_imagenet_no_top.weights.h5"}
_BATCH: Final = 64


@dataclass(frozen=True)
class Job:
    """One training with what it is measured on.

    Attributes:
        recipe_name: names the folder of results.
        run: names the folder of this run.
        plan: the parts, and the recipe.
        collected: the images that the plan's parts point into.
        preprocessing: what made their pixels.
        root: folder of the public data.
        seed: of the training.
    """

    recipe_name: str
    run: str
    plan: Plan
    collected: Collected
    preprocessing: Preprocessing
    root: Path
    seed: int = SEED

    @property
    def first_weights(self) -> Path | str | None:
        """Where the first weights come from: a file in the data's folder, Keras by name, or nowhere."""
        if self.plan.recipe.start == "scratch":
            return None
        given = self.root / "weights" / _IMAGENET.get(self.plan.recipe.network.name, "none")
        return given if given.is_file() else "imagenet"

    def folder(self, work: Path) -> Path:
        """Returns where the results of this run are kept."""
        return work / "runs" / self.recipe_name / self.run


@dataclass(frozen=True)
class Trained:
    """A finished training: weights in the order of `Network.trainable`, and its record."""

    weights: Weights
    record: dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What a trained network says about n images, uncalibrated.

    Attributes:
        index: int64 (n,), into the images of the job; -1 for what belongs to none of its sets.
        logits: float32 (n, 4).
        maps: float32 (n, h, w, 4), raw class maps.
        embeddings: float32 (n, D).
        signatures: float32 (n, K), by which novelty is told.
    """

    index: Indices
    logits: Floats
    maps: Floats
    embeddings: Floats
    signatures: Floats


def train(job: Job, work: Path, *, older_code: bool = False, progress: Progress | None = None) -> Trained:
    """Trains, or returns what the same recipe, seed, data and code made before; a stopped training goes on.

    Args:
        work: folder for caches and results.
        older_code: also take a training whose code has changed since; recipe, seed and data must be the same.
    """
    kept = finished(job, work, older_code=older_code)
    if kept is not None:
        return kept
    folder, plan, key = job.folder(work), job.plan, _key(job)
    log.info(
        "%s/%s: %d to learn, %d to validate, %d to measure, left out %s", job.recipe_name, job.run,
        len(plan.train), len(plan.validation), len(plan.test), plan.left_out,
    )  # fmt: skip
    state = folder / f"state-{_digest(json.dumps(key).encode())[:12]}"
    weights, history = train_network(
        plan.recipe, job.collected.examples(plan.train), job.collected.examples(plan.validation),
        seed=job.seed, state=state, imagenet=job.first_weights, progress=progress,
    )  # fmt: skip
    record = {
        "key": key,
        "run": job.run,
        "seed": job.seed,
        "recipe_name": job.recipe_name,
        "recipe": recipe_to_dict(plan.recipe),
        "preprocessing": job.preprocessing.to_dict(),
        "sizes": {"train": len(plan.train), "validation": len(plan.validation), "test": len(plan.test)},
        "left_out": plan.left_out,
        "history": history,
        "seconds": round(sum(epoch["seconds"] for epoch in history), 1),
    }
    _keep(folder, weights, record)
    shutil.rmtree(state)
    return Trained(weights, record)


def _keep(folder: Path, weights: Weights, record: dict[str, Any]) -> None:
    # The record says whose weights lie beside it: it goes first and comes last, or a kill in between would leave an
    # earlier training's record beside these weights.
    told = folder / "training.json"
    told.unlink(missing_ok=True)
    write_arrays(folder / "weights.npz", {f"w{i}": array for i, array in enumerate(weights)})
    text = json.dumps(record, indent=1)
    write_whole(told, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def finished(job: Job, work: Path, *, older_code: bool = False) -> Trained | None:
    """Returns what an earlier call trained, where recipe, seed, data and code are the same; otherwise None.

    Args:
        older_code: the code may have changed since.
    """
    folder = job.folder(work)
    file = folder / "training.json"
    if not file.exists():
        return None
    record, key = json.loads(file.read_text(encoding="utf-8")), _key(job)
    differing = sorted(name for name in key if record["key"].get(name) != key[name])
    if differing and not (older_code and differing == ["code"]):
        log.info("%s was trained with other %s", folder.name, ", ".join(differing))
        return None
    with np.load(folder / "weights.npz", allow_pickle=False) as stored:
        return Trained([stored[f"w{i}"] for i in range(len(stored.files))], record)


def read(job: Job, trained: Trained, work: Path) -> dict[str, Reading]:
    """Returns readings of the parts `sample` (of the training part), `validation`, `test` and `ood`.

    `ood` is what is no brain MRI, and slices with burned-in text (`ood_paths`).
    """
    kept = job.folder(work) / "readings.npz"
    key = _digest("|".join(_made_of(job, trained)).encode())
    names = [field.name for field in fields(Reading)]
    parts = _parts(job, work)
    if kept.exists():
        with np.load(kept, allow_pickle=False) as stored:
            same = all(np.array_equal(stored[f"{part}_index"], index) for part, (index, _) in parts.items())
            if same and str(stored["key"]) == key:
                return {part: Reading(*(stored[f"{part}_{name}"] for name in names)) for part in parts}
    network = rebuild(job, trained)
    readings = {part: _read(network, index, levels) for part, (index, levels) in parts.items()}
    arrays = {f"{p}_{name}": getattr(reading, name) for p, reading in readings.items() for name in names}
    write_arrays(kept, {"key": np.array(key), **arrays})
    return readings


def rebuild(job: Job, trained: Trained) -> Network:
    """Returns the trained network, its weights rounded as a checkpoint holds them."""
    network = build_network(job.plan.recipe.network, size=job.preprocessing.size)
    network.trainable.set_weights(round_weights(trained.weights))
    return network


def ood_paths(root: Path) -> list[Path]:
    """Returns the images that test whether something is a brain MRI at all, in order of their names."""
    return sorted(image.path for image in find_images([root / "ood"]))


def sample(job: Job) -> Indices:
    """Draws training images, one of each set of near-duplicates; always the same."""
    rng, train = np.random.default_rng(SEED), job.plan.train
    distinct = train[draw_epoch([job.collected.images[i].near for i in train], rng)]
    return np.sort(distinct[:FITTED_ON])


def _made_of(job: Job, trained: Trained) -> list[str]:
    held_out = job.collected.pixels.levels[job.plan.test]
    arrays = [*trained.weights, held_out, sample(job)]
    code = [code_fingerprint(name) for name in ("ml.networks", "ml.checkpoint.signatures")]
    return [*(_digest(np.ascontiguousarray(array).data) for array in arrays), *code]


def _parts(job: Job, work: Path) -> dict[str, tuple[Indices, Levels]]:
    levels, plan = job.collected.pixels.levels, job.plan
    chosen = {"sample": sample(job), "validation": plan.validation, "test": plan.test}
    strange = load_pixels(ood_paths(job.root), job.preprocessing, work).levels
    parts = {name: (index, levels[index]) for name, index in chosen.items()}
    return parts | {"ood": (np.full(len(strange), -1, np.int64), strange)}


def _read(network: Network, index: Indices, levels: Levels) -> Reading:
    reader = reader_with_signatures(network, signature_layers(network))
    answers: dict[str, list[Floats]] = {"maps": [], "embeddings": [], "signatures": []}
    for start in range(0, len(levels), _BATCH):
        said = reader.predict_on_batch(scale(levels[start : start + _BATCH]))
        for name, found in answers.items():
            found.append(np.asarray(said[name], np.float32))
    maps, embeddings, signatures = (np.concatenate(found) for found in answers.values())
    kernel, bias = (np.asarray(value, np.float32) for value in network.head.get_weights())
    return Reading(index, embeddings @ kernel + bias, maps, embeddings, signatures)


def _key(job: Job) -> dict[str, str]:
    first = job.first_weights
    return training_key(job.plan, job.collected, job.seed, first if isinstance(first, Path) else None)


def _digest(data: Any) -> str:
    return hashlib.sha256(data).hexdigest()
