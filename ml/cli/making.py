"""The command that trains on images of one's own: `train`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ml.checkpoint import read_checkpoint
from ml.config import read_recipe
from ml.evaluation import evaluate_head
from ml.experiments.custom import Training, train_on_manifest
from ml.experiments.listed import Listed, load_listed
from ml.experiments.own_folds import Folded, train_folds
from ml.inspection.leakage import check_allowed, stamp
from ml.manifest import read_manifest
from ml.metrics import measure_curves
from ml.preprocessing import Preprocessing
from ml.report import Section, Table, figures_sections, render_report, to_text
from ml.report.evaluation import caveats, headline

_SUMMARY = ("accuracy", "balanced_accuracy", "macro_f1", "ece")


def train(options: argparse.Namespace) -> int:
    """Trains on a manifest, writes the checkpoint, and prints its figures on the test part."""
    allowed = check_allowed(options.allow_leak.split(","))
    recipe = read_recipe(options.recipe)
    init = None if options.init == "none" else options.init
    training = Training(recipe, options.seed, init, options.work)
    listed = load_listed(
        read_manifest(options.manifest),
        options.root or options.manifest.parent,
        options.work,
        Preprocessing(size=recipe.network.size),
        drop_conflicts=options.drop_conflicts,
    )
    for reason, files in listed.excluded.items():
        print(f"left out, {reason}: {len(files)} ({', '.join(files[:3])})")
    if options.folds:
        return _folds(listed, training, options.folds, options.out)
    data = train_on_manifest(listed, training, allow=allowed, progress=show_progress)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(data)
    checkpoint = read_checkpoint(data)
    print(f"{options.out}: sha256 {checkpoint.sha256}")
    stamps = [text for text in [stamp(checkpoint.metadata["leakage"])] if text]
    sections = figures_sections(evaluate_head(checkpoint, checkpoint.reference()))
    print(to_text(sections, stamps), end="")
    return 0


def show_progress(figures: dict[str, Any]) -> None:
    """Writes one line about an epoch to standard error."""
    fold = f"fold {figures['fold']}/{figures['folds']}  " if "fold" in figures else ""
    sys.stderr.write(
        f"{fold}epoch {figures['epoch']:.0f}/{figures['epochs']}  {figures['size']:.0f} px  "
        f"loss {figures['loss']:.3f}  validation loss {figures['validation_loss']:.3f}  "
        f"accuracy {figures['validation_accuracy']:.3f}  {_duration(figures['remaining_s'])} left\n"
    )
    sys.stderr.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _folds(listed: Listed, training: Training, count: int, out: Path) -> int:
    found = train_folds(listed, training, count, progress=show_progress)
    out.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(found.archives, 1):
        (out / f"fold-{number}.ckpt.zip").write_bytes(data)
    summary = {"folds": list(found.folds), "pooled": found.pooled, "excluded": listed.excluded}
    (out / "folds.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    curves = measure_curves(found.probabilities, found.labels)
    page = render_report(
        f"{count} folds of manifest {listed.manifest_sha256[:12]}",
        [_by_fold(found), *figures_sections(found.pooled, curves=curves)],
        lead="Every image was read once, by a network that never saw its subject or a copy of it.",
        figures=headline(found.pooled),
        caveats=caveats(found.pooled),
    )
    (out / "folds.html").write_text(page, encoding="utf-8")
    print(to_text([_by_fold(found), *figures_sections(found.pooled)]), end="")
    print(f"{out}: {count} checkpoints, folds.json and folds.html")
    return 0


def _by_fold(found: Folded) -> Section:
    rows: list[list[str | int | float | None]] = [
        [f"fold {number}", figures["n"], *(figures[name] for name in _SUMMARY)]
        for number, figures in enumerate(found.folds, 1)
    ]
    columns = [[figures[name] for figures in found.folds] for name in _SUMMARY]
    rows.append(["mean", "", *(sum(column) / len(column) for column in columns)])
    worst = [
        max(column) if name == "ece" else min(column) for name, column in zip(_SUMMARY, columns, strict=True)
    ]
    rows.append(["worst", "", *worst])
    rows.append(["all images", found.pooled["n"], *(found.pooled[name] for name in _SUMMARY)])
    return Section("By fold", [Table(["", "images", *_SUMMARY], rows)])
