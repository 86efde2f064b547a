"""From a finished run to the archive that ships, measured anew as it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.config import read_recipe
from ml.datasets import load_pixels
from ml.evaluation import evaluate_head, predict_levels
from ml.experiments import folds, ship
from ml.experiments.measuring import turned_away
from ml.experiments.reproduce import one_run, write_record
from ml.experiments.runs import Job, ood_paths, train
from ml.experiments.summary import Done
from ml.explanation import compare_methods, localisation_figures, randomise_cascading
from ml.inference import OnnxPredictor, verify_golden
from ml.inspection.leakage import find_leaks, hashes_of
from ml.labels import InputError
from ml.manifest import write_manifest
from ml.metrics import evaluate
from ml.preprocessing import scale
from ml.storing import write_whole

SUFFIX: Final = ".ckpt.zip"

_EXPLAINED: Final = 24
"""So many tumours are explained by two methods, and watched while weights are randomised."""


def ship_checkpoint(
    root: Path, work: Path, target: Path, recipe: str, *, older_code: bool = False
) -> dict[str, Any]:
    """Writes the checkpoint of the run that never saw fold 5, and its figures beside it as `.json`.

    Args:
        root: folder of the public data.
        work: caches and results; the run is trained first where it is not done yet.
        target: the archive to write, a name in `.ckpt.zip`, which is the checkpoint's too.
        recipe: name or path.
        older_code: take a finished training although the code has changed since.

    Returns:
        The metadata, with `sha256`, `bytes` and, measured with ONNX Runtime on the archive, `measured`.

    Raises:
        InputError: for another ending of `target`.
    """
    if not target.name.endswith(SUFFIX):
        raise InputError(f"A checkpoint's name ends in {SUFFIX}, got {target.name}.")
    name = Path(recipe).stem
    done = one_run(root, work, name, read_recipe(recipe), folds.SHIPPED, older_code=older_code)
    trained = train(done.job, work, older_code=older_code)
    job, facts = done.job, _facts(done, root, work, target.name.removesuffix(SUFFIX))
    data = ship.build_checkpoint(job.plan, job.collected, trained.weights, job.preprocessing, facts)
    checkpoint = read_checkpoint(data)
    described = {
        **checkpoint.metadata,
        "sha256": checkpoint.sha256,
        "bytes": len(data),
        "measured": _measured(checkpoint, job, work),
    }
    write_whole(target, lambda unfinished: unfinished.write_bytes(data))
    return write_record(target.parent, target.name.removesuffix(SUFFIX), json.loads(json.dumps(described)))


def _facts(done: Done, root: Path, work: Path, name: str) -> dict[str, Any]:
    plan, pixels, record = done.job.plan, done.job.collected.pixels, done.record
    rows = folds.manifest_rows(plan, done.job.collected, root)
    order = np.concatenate((plan.train, plan.validation, plan.test))
    hashes = hashes_of(pixels.sha256[order], pixels.phash[order], pixels.phash_mirrored[order])
    told = ("recipe_name", "run", "key", "sizes", "left_out", "history", "seconds")
    return {
        "name": name,
        "seed": record["seed"],
        "recipe": record["recipe"],
        "manifest_sha256": write_manifest(rows, done.job.folder(work) / "manifest.csv"),
        "leakage": find_leaks(rows, hashes).as_metadata(),
        "training": {key: record[key] for key in told},
        "figures": done.figures["figures"],
    }


def _measured(checkpoint: Checkpoint, job: Job, work: Path) -> dict[str, Any]:
    predictor = OnnxPredictor(checkpoint)
    verify_golden(predictor, checkpoint)
    test, collected = job.plan.test, job.collected
    answers = predict_levels(predictor, collected.pixels.levels[test])
    strange = predict_levels(predictor, load_pixels(ood_paths(job.root), job.preprocessing, work).levels)
    labels, groups = collected.labels[test], collected.groups(test)
    threshold = float(checkpoint.metadata["novelty"]["threshold"])
    return {
        "held_out": evaluate(answers["probabilities"], labels, groups),
        "reference_head": evaluate_head(checkpoint, checkpoint.reference()),
        "novelty": turned_away(
            job, threshold, answers["novelty"], strange["novelty"], strange["probabilities"]
        ),
        **_explained(checkpoint, predictor, job, answers),
    }


def _explained(
    checkpoint: Checkpoint, predictor: OnnxPredictor, job: Job, answers: dict[str, Any]
) -> dict[str, Any]:
    test, collected = job.plan.test, job.collected
    if collected.masks is None:
        raise InputError("Pointing is measured against tumour masks, and these images were read without any.")
    labels, levels, masks = collected.labels[test], collected.pixels.levels[test], collected.masks[test]
    right = (answers["probabilities"].argmax(axis=1) == labels) & masks.any(axis=(1, 2))
    chosen = np.flatnonzero(right)
    some = chosen[np.linspace(0, len(chosen) - 1, min(_EXPLAINED, len(chosen))).round().astype(int)]
    kernel, bias = checkpoint.head()

    def logits(batch: Any) -> Any:
        return predictor.predict(batch).embeddings @ kernel + bias

    return {
        "pointing": localisation_figures(
            answers["maps"], answers["probabilities"], labels, masks, levels, collected.groups(test)
        ),
        "methods": compare_methods(levels[some], answers["maps"][some], labels[some], masks[some], logits),
        "sanity": randomise_cascading(
            checkpoint.build_network(), scale(levels[some]), labels[some]
        ).as_dict(),
    }
