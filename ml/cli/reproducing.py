"""The command that makes figures again: those that are published, or those of an exported run: `reproduce`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml.experiments.exported import ExportError, read_export
from ml.experiments.folds import SHIPPED
from ml.experiments.reproduce import RECIPES
from ml.experiments.reproduce import reproduce as reproduce_all
from ml.experiments.rerun import Rerun, rerun
from ml.experiments.shipping import ship_checkpoint
from ml.labels import InputError


def reproduce(options: argparse.Namespace) -> int:
    """Trains and measures the named runs, or all; --ship trains what ships and writes its checkpoint.

    One folder is an exported run: it is run again and compared, and the status is 1 where a figure differs.
    """
    if folder := _folder(options.runs):
        return _again(folder, options)
    if options.data is None:
        raise InputError("Name the folder of the public data with --data, or a folder that export_run wrote.")
    recipes = options.recipe or (RECIPES[:1] if options.ship else RECIPES)
    runs = options.runs or ((SHIPPED,) if options.ship else ())
    older = options.older_code
    written = reproduce_all(
        options.data, options.work, recipes, runs, records=options.records, older_code=older
    )
    for name, record in written.items():
        print("\n".join([name, *_headlines(record)]))
    if options.ship:
        facts = ship_checkpoint(options.data, options.work, options.ship, recipes[0], older_code=older)
        print(f"{options.ship}: {facts['bytes']} bytes, sha256 {facts['sha256']}")
    return 0


def _folder(runs: list[str]) -> Path | None:
    """The folder that is to be run again, where one is named and not a published run."""
    folders = [Path(name) for name in runs if "/" in name or Path(name).is_dir()]
    if not folders:
        return None
    if len(runs) > 1:
        raise ExportError("Name one folder of an exported run, and nothing else.")
    return folders[0]


def _again(folder: Path, options: argparse.Namespace) -> int:
    exported = read_export(folder)
    told = rerun(exported, stored=options.from_embeddings)
    if options.json:
        print(json.dumps(asdict(told) | {"agrees": told.agrees}, indent=1))
    else:
        print("\n".join(_said(exported.facts["run"]["number"], told)))
    return 0 if told.agrees else 1


def _said(number: int, told: Rerun) -> list[str]:
    lines = [f"Training run {number}, run again."]
    if told.missing:
        lines.append(
            f"{told.missing} images that it used were hidden or removed since; it was run without them, so its "
            "figures may differ for that reason."
        )
    if not told.same_code:
        lines.append("This code is another than that which wrote the export.")
    if told.embeddings_apart is not None:
        lines.append(
            f"Embeddings of the pixels and stored ones differ by {told.embeddings_apart:.1e} at most."
        )
    if told.head_equal is not None:
        apart = "" if told.head_equal else f", but for differences of up to {told.head_apart:.1e}"
        lines.append(f"The head is the recorded one{' bit by bit' if told.head_equal else ''}{apart}.")
    if told.stored_equal is not None:
        same = "the recorded one, bit by bit" if told.stored_equal else "another than the recorded one"
        lines.append(f"Fitted to the stored embeddings, the head is {same}.")
    lines.append(f"The archive has {'the recorded' if told.archive_equal else 'another'} sha256.")
    now, before = told.verdict
    lines.append(f"The gate says {now}" + (f"; recorded was {before}." if before else "."))
    for one in told.different[:20]:
        found = "not there" if one.found is None else f"{one.found:.4f}"
        lines.append(f"  {one.where}: recorded {one.recorded:.4f}, now {found}")
    if told.agrees:
        lines.append(f"All {told.compared} figures agree, the largest difference is {told.largest:.1e}.")
    elif told.compared:
        lines.append(f"{len(told.different)} of {told.compared} figures differ by more than 0.2 points.")
    else:
        lines.append("The run has no recorded figure to compare with.")
    return lines


def _headlines(record: dict[str, Any]) -> list[str]:
    lines = [
        f"  {run:<13}accuracy {found['figures']['accuracy']:.4f}  macro-F1 {found['figures']['macro_f1']:.4f}  "
        f"meningioma {found['figures']['per_class']['meningioma']['recall']:.3f}  "
        f"ECE {found['figures']['ece']:.3f}  {found['seconds']:.0f} s"
        for run, found in record.get("runs", {}).items()
    ]
    for which in ("mean", "worst"):
        folds = record.get("folds", {}).get(which, {})
        lines += [
            f"  {which:<13}" + "  ".join(f"{name} {value:.4f}" for name, value in folds.items())
        ] * bool(folds)
    for case in record.get("cases", []):
        gap = "not defined" if case["gap"] is None else f"{case['gap']:.3f}"
        lines.append(f"  without {case['source']:<12}{case['measure']:<20}gap {gap}  {case['seconds']:.0f} s")
    return lines
