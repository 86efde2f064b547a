"""The part that `evaluate` and `compare` measure on: a manifest's images, or the reference part of the checkpoints."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.checkpoint import Checkpoint
from ml.comparison import ComparisonError, TrainedOn, trained_on
from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.evaluation import head_probabilities, predict_levels
from ml.inference import OnnxPredictor, verify_golden
from ml.inspection import read_grey
from ml.labels import InputError, label_index
from ml.manifest import ManifestError, Row, read_manifest
from ml.preprocessing import Levels

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What one checkpoint says about the part.

    Attributes:
        probabilities: (N, 4).
        known: which of the images it was trained on.
        turned_away: how many it finds unlike a brain MRI; None when it cannot tell.
    """

    probabilities: Floats
    known: TrainedOn
    turned_away: int | None = None


@dataclass(frozen=True)
class Part:
    """Images with labels (N,) and groups (N,), and each checkpoint's answers, in the order given.

    Attributes:
        columns: further columns of the manifest, by name, (N,) each.
        manifest_sha256: of the manifest; empty for a reference part.
    """

    name: str
    labels: npt.NDArray[np.int64]
    groups: tuple[str, ...]
    answers: tuple[Answers, ...]
    columns: dict[str, list[str]] = field(default_factory=dict)
    manifest_sha256: str = ""


def reference_part(checkpoints: Sequence[Checkpoint]) -> Part:
    """Returns the reference part that all checkpoints carry.

    Raises:
        ComparisonError: when they carry different ones.
    """
    parts = [checkpoint.reference() for checkpoint in checkpoints]
    first = parts[0]
    if any(other.hashes != first.hashes or list(other.labels) != list(first.labels) for other in parts[1:]):
        raise ComparisonError(
            "The checkpoints carry different reference parts, so their figures cannot be compared; "
            "give a --manifest with images that none of them was trained on."
        )
    answers = tuple(
        Answers(head_probabilities(checkpoint, part), trained_on(checkpoint.training_hashes(), part.hashes))
        for checkpoint, part in zip(checkpoints, parts, strict=True)
    )
    return Part("the reference part of the checkpoint", first.labels, first.groups, answers)


def manifest_part(
    checkpoints: Sequence[Checkpoint], path: Path, split: str, root: Path | None, columns: Sequence[str]
) -> Part:
    """Reads the images of one part of a manifest and asks every checkpoint about them.

    Raises:
        ManifestError: when the part is empty, or a column is not there.
    """
    manifest = read_manifest(path)
    rows = manifest.part(split)
    if not rows:
        raise InputError(f"The manifest has no image in its {split} part.")
    further = _columns(path, columns)
    levels, hashes = _pixels(rows, root or path.parent, checkpoints)
    answers = tuple(
        _ask(checkpoint, levels[checkpoint.metadata["preprocessing_sha256"]], hashes)
        for checkpoint in checkpoints
    )
    return Part(
        f"{path.name}, {split}",
        np.array([label_index(row.label) for row in rows], np.int64),
        tuple(row.group or row.image for row in rows),
        answers,
        {name: [further[row.image][name] for row in rows] for name in columns},
        manifest.sha256,
    )


def _ask(checkpoint: Checkpoint, levels: Levels, hashes: tuple[list[str], list[int], list[int]]) -> Answers:
    predictor = OnnxPredictor(checkpoint)
    verify_golden(predictor, checkpoint)
    said = predict_levels(predictor, levels)
    novelty = checkpoint.novelty()
    turned_away = int((said["novelty"] > novelty.threshold).sum()) if novelty is not None else None
    known = trained_on(checkpoint.training_hashes(), *hashes)
    return Answers(said["probabilities"].astype(np.float64), known, turned_away)


def _pixels(
    rows: Sequence[Row], root: Path, checkpoints: Sequence[Checkpoint]
) -> tuple[dict[str, Levels], tuple[list[str], list[int], list[int]]]:
    """Each file is decoded once, and brought into the form that each preprocessing asks for."""
    forms = {c.metadata["preprocessing_sha256"]: c.preprocessing for c in checkpoints}
    levels = {key: np.empty((len(rows), form.size, form.size), np.uint8) for key, form in forms.items()}
    hashes: tuple[list[str], list[int], list[int]] = ([], [], [])
    for index, row in enumerate(rows):
        grey = read_grey(root / row.image)
        for key, form in forms.items():
            levels[key][index] = form.levels(grey, 8 * grey.dtype.itemsize)
        hashes[0].append(pixel_sha256(grey))
        hashes[1].append(phash(grey))
        hashes[2].append(phash_mirrored(grey))
    return levels, hashes


def _columns(path: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Returns by image the further columns of a manifest, which its rows do not keep."""
    text = path.read_text(encoding="utf-8-sig")
    lines = (
        map(json.loads, text.splitlines()) if path.suffix == ".jsonl" else csv.DictReader(io.StringIO(text))
    )
    found = {}
    for row in lines:
        missing = [name for name in names if name not in row]
        if missing:
            there = ", ".join(str(key) for key in row)
            raise ManifestError(f"{path.name} has no column {missing[0]!r}; it has {there}.")
        found[str(row["image"])] = {name: "" if row[name] is None else str(row[name]) for name in names}
    return found
