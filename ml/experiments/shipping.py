"""From a finished run to the archive that ships, measured anew as it is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.config import read_recipe
from ml.evaluation import evaluate_head, predict_levels
from ml.experiments import folds, ship
from ml.experiments.reproduce import one_run
from ml.experiments.runs import train
from ml.experiments.summary import Done
from ml.inference import OnnxPredictor, verify_golden
from ml.inspection.leakage import find_leaks, hashes_of
from ml.manifest import write_manifest
from ml.metrics import evaluate

SUFFIX = ".ckpt.zip"


def ship_checkpoint(
    root: Path, work: Path, target: Path, recipe: str, *, older_code: bool = False
) -> dict[str, Any]:
    """Writes the checkpoint of the run that never saw fold 5, and its figures beside it as `.json`.

    Args:
        root: folder of the public data.
        work: caches and results; the run is trained first where it is not done yet.
        target: the archive to write; its name is the checkpoint's.
        recipe: name or path.
        older_code: take a finished training although the code has changed since.

    Returns:
        The metadata, with `sha256`, `bytes` and, measured with ONNX Runtime on the archive, `measured`.
    """
    name = Path(recipe).stem
    done = one_run(root, work, name, read_recipe(recipe), folds.SHIPPED, older_code=older_code)
    trained = train(done.job, work, older_code=older_code)
    facts = _facts(done, root, work, target.name.removesuffix(SUFFIX))
    job = done.job
    data = ship.build_checkpoint(job.plan, job.collected, trained.weights, job.preprocessing, facts)
    checkpoint = read_checkpoint(data)
    described = {
        **checkpoint.metadata,
        "sha256": checkpoint.sha256,
        "bytes": len(data),
        "measured": _measured(checkpoint, done),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    beside = target.with_name(f"{target.name.removesuffix(SUFFIX)}.json")
    beside.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return described


def _facts(done: Done, root: Path, work: Path, name: str) -> dict[str, Any]:
    plan, collected, record = done.job.plan, done.job.collected, done.record
    rows = folds.manifest_rows(plan, collected, root)
    order = [i for part in (plan.train, plan.validation, plan.test) for i in part]
    pixels = collected.pixels
    hashes = hashes_of(pixels.sha256[order], pixels.phash[order], pixels.phash_mirrored[order])
    return {
        "name": name,
        "seed": record["seed"],
        "recipe": record["recipe"],
        "manifest_sha256": write_manifest(rows, done.job.folder(work) / "manifest.csv"),
        "leakage": find_leaks(rows, hashes).as_metadata(),
        "training": {key: record[key] for key in ("run", "key", "sizes", "left_out", "history", "seconds")},
        "figures": done.figures["figures"],
    }


def _measured(checkpoint: Checkpoint, done: Done) -> dict[str, Any]:
    predictor = OnnxPredictor(checkpoint)
    verify_golden(predictor, checkpoint)
    plan, collected = done.job.plan, done.job.collected
    answers = predict_levels(predictor, collected.pixels.levels[plan.test])
    labels, groups = collected.labels[plan.test], collected.groups(plan.test)
    return {
        "held_out": evaluate(answers["probabilities"], labels, groups),
        "reference_head": evaluate_head(checkpoint, checkpoint.reference()),
    }
