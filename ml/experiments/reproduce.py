"""All published figures: five leak-free folds, Roboflow's own split, and the checkpoint that ships."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np

from ml.calibration import probabilities
from ml.checkpoint import read_checkpoint
from ml.config import SHIPPED_CHECKPOINT, TrainRecipe
from ml.duplicates import near_pairs
from ml.evaluation import evaluate_head, predict_levels
from ml.experiments import folds, ship
from ml.experiments.pointing import pointing_figures
from ml.inference import OnnxPredictor, verify_golden
from ml.manifest import write_manifest
from ml.metrics import evaluate
from ml.preprocessing import Preprocessing

log = logging.getLogger(__name__)


def reproduce(root: Path, work: Path, runs: tuple[str, ...] = folds.RUNS) -> dict[str, Any]:
    """Trains and measures the runs that are not done yet and returns the summary of all done ones.

    Args:
        root: folder of the public data.
        work: caches, states and results; stop and call again at will.
    """
    done = {}
    for name in runs:
        done[name] = folds.run(name, root, work, TrainRecipe())
        figures = done[name]["figures"]
        log.info(
            "%s: accuracy %.3f, meningioma recall %.3f",
            name, figures["accuracy"], figures["per_class"]["meningioma"]["recall"],
        )  # fmt: skip
    summary = summarise(done, root, work)
    (work / "reproduction.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return summary


def summarise(done: dict[str, dict[str, Any]], root: Path, work: Path) -> dict[str, Any]:
    """Returns the mean over the folds, all folds' images pooled, and Roboflow's figures with and without copies."""
    held = [name for name in done if name.startswith("fold-")]
    figures = [done[name]["figures"] for name in held]
    summary: dict[str, Any] = {"runs": {name: result["figures"] for name, result in done.items()}}
    if held:
        summary["folds"] = {
            "count": len(held),
            "mean_accuracy": float(np.mean([f["accuracy"] for f in figures])),
            "mean_recall": {
                name: float(np.mean([f["per_class"][name]["recall"] for f in figures]))
                for name in figures[0]["per_class"]
            },
            "pooled": _pooled(held, root, work),
        }
    if "roboflow" in done:
        summary["roboflow_without_copies"] = _without_copies(root, work)
    return summary


def ship_checkpoint(root: Path, work: Path, target: Path = SHIPPED_CHECKPOINT) -> dict[str, Any]:
    """Writes the checkpoint of the run whose fold 5 was held out, and its figures beside it.

    The figures are measured anew, with ONNX Runtime, on the archive as it is written.
    """
    recipe, preprocessing = TrainRecipe(), Preprocessing()
    result = folds.run(folds.SHIPPED, root, work, recipe)
    collected = folds.collect(root, work, folds.SHIPPED, preprocessing)
    plan = folds.make_plan(folds.SHIPPED, collected, recipe)
    with np.load(work / "runs" / folds.SHIPPED / "best.npz", allow_pickle=False) as stored:
        weights = [stored[f"w{i}"] for i in range(len(stored.files))]
    facts = {
        "name": "mobilenetv2-v1",
        "seed": folds.SEED,
        "recipe": result["recipe"],
        "manifest_sha256": write_manifest(
            folds.manifest_rows(plan, collected, root), work / "shipped-manifest.csv"
        ),
        "training": {key: result[key] for key in ("run", "sizes", "left_out", "history")},
        "figures": result["figures"],
    }
    data = ship.build_checkpoint(plan, collected, weights, preprocessing, facts)
    checkpoint = read_checkpoint(data)
    predictor = OnnxPredictor(checkpoint)
    verify_golden(predictor, checkpoint)
    answers = predict_levels(predictor, collected.pixels.levels[plan.test])
    groups = [collected.images[i].group for i in plan.test]
    labels = collected.labels[plan.test]
    measured = {
        "held_out": evaluate(answers["probabilities"], labels, groups),
        "reference_head": evaluate_head(checkpoint, checkpoint.reference()),
        "pointing": pointing_figures(collected, plan.test, answers, preprocessing),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    described = {"sha256": checkpoint.sha256, "bytes": len(data), **checkpoint.metadata, "measured": measured}
    beside = target.with_name(target.name.removesuffix(".ckpt.zip") + ".json")
    beside.write_text(json.dumps(described, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return described


def _pooled(held: list[str], root: Path, work: Path) -> dict[str, Any]:
    groups: list[str] = []
    logits, labels = [], []
    collected = folds.collect(root, work, held[0], Preprocessing())
    for name in held:
        with np.load(work / "runs" / name / "test.npz", allow_pickle=False) as test:
            logits.append(test["logits"])
            labels.append(test["labels"])
            groups.extend(collected.images[i].group for i in test["index"])
    scores = probabilities(np.concatenate(logits))
    return evaluate(scores, np.concatenate(labels), groups)


def _without_copies(root: Path, work: Path) -> dict[str, Any]:
    """Measures Roboflow's test images that have no near or mirrored copy among its own training images."""
    collected = folds.collect(root, work, "roboflow", Preprocessing())
    with np.load(work / "runs" / "roboflow" / "test.npz", allow_pickle=False) as test:
        logits, labels, index = test["logits"], test["labels"], test["index"]
    learnt = np.setdiff1d(np.arange(len(collected.images)), index)
    known = [int(value) for value in collected.pixels.phash[learnt]]
    copied: set[int] = set()
    for hashes in (collected.pixels.phash, collected.pixels.phash_mirrored):
        copied |= {
            i for i, _ in near_pairs([int(value) for value in hashes[index]], known, folds.BRIDGE_BITS)
        }
    alone = np.setdiff1d(np.arange(len(index)), sorted(copied))
    groups = [collected.images[i].group for i in index[alone]]
    return evaluate(probabilities(logits[alone]), labels[alone], groups)
