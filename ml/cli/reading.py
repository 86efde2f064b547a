"""Commands that use a checkpoint: `predict`, `export`, `evaluate`, `compare`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.evaluation import evaluate_head, predict_levels
from ml.gate import judge
from ml.inference import OnnxPredictor, Outputs, verify_golden
from ml.inspection import find_images, read_grey
from ml.labels import CLASSES, InputError, label_index
from ml.manifest import read_manifest
from ml.metrics import evaluate as measure
from ml.preprocessing import Preprocessing
from ml.report import figures_sections, to_html, to_text

BATCH = 32


def predict(options: argparse.Namespace) -> int:
    """Prints the likeliest class and all probabilities of each image."""
    for path, _, answer in _answers(options):
        shares = dict(zip(CLASSES, (round(float(p), 6) for p in answer.probabilities[0]), strict=True))
        label = max(shares, key=lambda name: shares[name])
        if options.json:
            print(json.dumps({"file": str(path), "label": label, "probabilities": shares}))
        else:
            print(f"{label:<12}{shares[label]:.3f}  {path}")
    return 0


def export(options: argparse.Namespace) -> int:
    """Writes the checkpoint's verified ONNX file or its Keras weights."""
    checkpoint = read_checkpoint(options.checkpoint)
    if options.out.suffix == ".onnx":
        verify_golden(OnnxPredictor(checkpoint), checkpoint)
        options.out.write_bytes(checkpoint.onnx)
    elif options.out.name.endswith(".weights.h5"):
        options.out.write_bytes(checkpoint.members["model.weights.h5"])
    else:
        raise InputError("Give a name that ends in .onnx or .weights.h5.")
    print(f"{options.out} of checkpoint {checkpoint.sha256}")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    """Prints the figures of a checkpoint."""
    figures = _figures(read_checkpoint(options.checkpoint), options)
    _print(figures, "Evaluation", figures_sections(figures), options)
    return 0


def compare(options: argparse.Namespace) -> int:
    """Prints the figures of two checkpoints and the gate's answer."""
    incumbent = _figures(read_checkpoint(options.checkpoint), options)
    candidate = _figures(read_checkpoint(options.candidate), options)
    result = judge(candidate, incumbent)
    sections = [
        ("Gate", [["answer", "reasons"], [result.answer, " ".join(result.reasons)]]),
        *((f"Candidate: {name}", rows) for name, rows in figures_sections(candidate)),
        *((f"Incumbent: {name}", rows) for name, rows in figures_sections(incumbent)),
    ]
    facts = {"gate": vars(result), "candidate": candidate, "incumbent": incumbent}
    _print(facts, "Comparison", sections, options)
    return 0


def _answers(options: argparse.Namespace) -> Iterator[tuple[Path, Any, Outputs]]:
    checkpoint = read_checkpoint(options.checkpoint)
    predictor = OnnxPredictor(checkpoint)
    verify_golden(predictor, checkpoint)
    images = find_images(options.paths)
    for chunk in (images[start : start + BATCH] for start in range(0, len(images), BATCH)):
        pixels = [read_grey(image.path) for image in chunk]
        answers = predictor.predict(np.stack([_input(grey, checkpoint.preprocessing) for grey in pixels]))
        for row, (image, grey) in enumerate(zip(chunk, pixels, strict=True)):
            one = slice(row, row + 1)
            yield (
                image.path,
                grey,
                Outputs(answers.probabilities[one], answers.maps[one], answers.embeddings[one]),
            )


def _input(grey: Any, preprocessing: Preprocessing) -> Any:
    return preprocessing.apply(grey, 8 * grey.dtype.itemsize)


def _figures(checkpoint: Checkpoint, options: argparse.Namespace) -> dict[str, Any]:
    if options.manifest is None:
        return evaluate_head(checkpoint, checkpoint.reference())
    rows = read_manifest(options.manifest).part(options.split)
    if not rows:
        raise InputError(f"The manifest has no image in its {options.split} part.")
    root = options.root or options.manifest.parent
    greys = (read_grey(root / row.image) for row in rows)
    levels = np.stack([checkpoint.preprocessing.levels(g, 8 * g.dtype.itemsize) for g in greys])
    scores = predict_levels(OnnxPredictor(checkpoint), levels)["probabilities"]
    return measure(scores, [label_index(row.label) for row in rows], [row.group or row.image for row in rows])


def _print(facts: dict[str, Any], title: str, sections: Any, options: argparse.Namespace) -> None:
    print(json.dumps(facts, indent=1) if options.json else to_text(sections), end="")
    if options.html:
        options.html.write_text(to_html(title, sections), encoding="utf-8")
