"""The command that trains on images of one's own: `train`."""

from __future__ import annotations

import argparse

from ml.checkpoint import read_checkpoint
from ml.config import read_recipe
from ml.evaluation import evaluate_head
from ml.experiments.custom import train_on_manifest
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
