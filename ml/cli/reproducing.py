"""The command that makes the published figures again: `reproduce`."""

from __future__ import annotations

import argparse
from typing import Any

from ml.experiments.folds import SHIPPED
from ml.experiments.reproduce import RECIPES
from ml.experiments.reproduce import reproduce as reproduce_all
from ml.experiments.shipping import ship_checkpoint


def reproduce(options: argparse.Namespace) -> int:
    """Trains and measures the named runs, or all; --ship trains what ships and writes its checkpoint."""
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
