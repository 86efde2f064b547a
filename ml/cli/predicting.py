"""Commands that use a checkpoint: `predict` and `export`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.inference import OnnxPredictor, Outputs, verify_golden
from ml.inspection import find_images, read_grey
from ml.labels import CLASSES, NOT_ASSESSABLE, InputError

BATCH: Final = 32

_ALONE: Final = (
    "by itself it gives every image a class, one that is no brain MRI too. `python -m ml predict` and the platform "
    "turn such images away."
)


def predict(options: argparse.Namespace) -> int:
    """Prints, for each image, the likeliest class and all probabilities, or that it is no brain MRI."""
    checkpoint = read_checkpoint(options.checkpoint)
    for path, answers, row in _answers(checkpoint, options.paths):
        facts = _facts(answers, row)
        print(json.dumps({"file": str(path), **facts}) if options.json else f"{_words(facts)}  {path}")
    return 0


def export(options: argparse.Namespace) -> int:
    """Writes the checkpoint's model for other tools, and verifies the file against the golden outputs."""
    checkpoint, out = read_checkpoint(options.checkpoint), options.out
    if out.suffix not in (".onnx", ".h5"):
        raise InputError("Give a name that ends in .onnx, .h5 (whole model) or .weights.h5 (weights alone).")
    # Here and not above: Keras costs seconds, and `predict` never needs it.
    from ml.export import export_h5, write_onnx

    if out.suffix == ".onnx":
        write_onnx(checkpoint, out)
    elif out.name.endswith(".weights.h5"):
        checkpoint.build_network()
        out.write_bytes(checkpoint.members["model.weights.h5"])
    else:
        export_h5(checkpoint, out)
    print(f"{out} of checkpoint {checkpoint.sha256}")
    if checkpoint.tells_novelty:
        lacks = (
            "does not tell novelty"
            if out.suffix == ".h5"
            else "gives signatures, and no novelty score of them"
        )
        print(f"This file {lacks}: {_ALONE}")
    return 0


def _answers(checkpoint: Checkpoint, paths: list[Path]) -> Iterator[tuple[Path, Outputs, int]]:
    predictor, preprocessing = OnnxPredictor(checkpoint), checkpoint.preprocessing
    verify_golden(predictor, checkpoint)
    images = find_images(paths)
    for chunk in (images[start : start + BATCH] for start in range(0, len(images), BATCH)):
        greys = [read_grey(image.path) for image in chunk]
        inputs = [preprocessing.apply(grey, 8 * grey.dtype.itemsize) for grey in greys]
        answers = predictor.predict(np.stack(inputs))
        for row, image in enumerate(chunk):
            yield image.path, answers, row


def _facts(answers: Outputs, row: int) -> dict[str, Any]:
    novelty = None if answers.novelty is None else round(float(answers.novelty[row]), 4)
    facts: dict[str, Any] = {"label": NOT_ASSESSABLE, "novelty": novelty, "threshold": answers.threshold}
    if answers.not_assessable[row]:
        return {**facts, "probabilities": None}
    shares = dict(zip(CLASSES, (round(float(p), 6) for p in answers.probabilities[row]), strict=True))
    return {**facts, "label": max(shares, key=lambda name: shares[name]), "probabilities": shares}


def _words(facts: dict[str, Any]) -> str:
    if facts["label"] == NOT_ASSESSABLE:
        return f"not assessable: unlike a brain MRI (novelty {facts['novelty']:.2f}, above {facts['threshold']:.2f})"
    return f"{facts['label']:<12}{facts['probabilities'][facts['label']]:.3f}"
