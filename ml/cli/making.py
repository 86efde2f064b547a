"""Commands that train: `train` and `reproduce`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ml.checkpoint import read_checkpoint
from ml.config import read_recipe
from ml.evaluation import evaluate_head
from ml.experiments.custom import train_on_manifest
from ml.experiments.folds import RUNS
from ml.experiments.reproduce import reproduce as reproduce_all
from ml.experiments.reproduce import ship_checkpoint
from ml.labels import InputError
from ml.manifest import read_manifest
from ml.report import figures_sections, to_text


def train(options: argparse.Namespace) -> int:
    """Trains on a manifest, writes the checkpoint, and prints its figures on the test part."""
    imagenet = None if options.imagenet == "none" else options.imagenet
    data = train_on_manifest(
        read_manifest(options.manifest),
        options.root or options.manifest.parent,
        options.work,
        read_recipe(options.recipe),
        seed=options.seed,
        imagenet=imagenet,
    )
    options.out.write_bytes(data)
    checkpoint = read_checkpoint(data)
    print(f"{options.out}: sha256 {checkpoint.sha256}")
    print(to_text(figures_sections(evaluate_head(checkpoint, checkpoint.reference()))), end="")
    return 0


def reproduce(options: argparse.Namespace) -> int:
    """Trains and measures the named runs, or all; with --ship writes the shipped checkpoint too."""
    unknown = sorted(set(options.runs) - set(RUNS))
    if unknown:
        raise InputError(f"{', '.join(unknown)}: not a run; expected some of {', '.join(RUNS)}.")
    summary = reproduce_all(options.data, options.work, tuple(options.runs) or RUNS)
    print(json.dumps(summary, indent=1))
    if options.ship:
        facts = ship_checkpoint(options.data, options.work, Path(options.ship))
        print(f"{options.ship}: {facts['bytes']} bytes, sha256 {facts['sha256']}")
    return 0
