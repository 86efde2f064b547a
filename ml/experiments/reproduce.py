"""All published figures, each from one command: folds, Roboflow's split, sources left out, what ships."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ml.config import TrainRecipe, read_recipe, recipe_names
from ml.experiments import folds
from ml.experiments.measuring import measure_run
from ml.experiments.runs import Job, read, train
from ml.experiments.sources import RUN as SOURCES
from ml.experiments.sources import leave_sources_out
from ml.experiments.summary import Done, repeated, summarise_folds, without_copies
from ml.labels import InputError
from ml.preprocessing import Preprocessing

log = logging.getLogger(__name__)

RECIPES: Final = ("mobilenet", "cnn")
"""Recipes of the networks that ship, by name."""

AGAIN: Final = "-again"
"""A second training of a run, same recipe and seed, kept beside the first."""

RUNS: Final = (*folds.RUNS, f"{folds.SHIPPED}{AGAIN}")


def reproduce(
    root: Path,
    work: Path,
    recipes: Sequence[str] = RECIPES,
    runs: Sequence[str] = RUNS,
    *,
    older_code: bool = False,
) -> dict[str, Any]:
    """Trains and measures the runs that are not done yet, and writes a record for each recipe.

    Args:
        root: folder of the public data.
        work: caches, states and results; stop and call again at will. The records lie in `records` there.
        recipes: names of recipes that ship, or paths of others.
        runs: some of `RUNS`, or "sources".
        older_code: take finished trainings although the code has changed since.

    Returns:
        The record of each recipe, by its name.

    Raises:
        InputError: for a run that is not known.
    """
    unknown = sorted(set(runs) - {*RUNS, SOURCES})
    if unknown:
        raise InputError(f"{', '.join(unknown)}: not a run; expected some of {', '.join((*RUNS, SOURCES))}.")
    records = {}
    for given in recipes:
        name, recipe = Path(given).stem, read_recipe(given)
        done = {}
        for run in runs:
            if run != SOURCES:
                done[run] = one_run(root, work, name, recipe, run, older_code=older_code)
        if done:
            records[name] = _write(work, name, summarise(name, done))
        if SOURCES in runs:
            left = leave_sources_out(root, work, name, recipe, older_code=older_code)
            records[f"{name}.{SOURCES}"] = _write(work, f"{name}.{SOURCES}", left)
    return records


def one_run(
    root: Path, work: Path, name: str, recipe: TrainRecipe, run: str, *, older_code: bool = False
) -> Done:
    """Trains, reads and measures one run, as far as it is not done yet."""
    job = make_job(root, work, name, recipe, run)
    trained = train(job, work, older_code=older_code)
    readings = read(job, trained, work)
    done = Done(job, trained.record, readings, measure_run(job, readings))
    found = done.figures["figures"]
    log.info(
        "%s/%s: accuracy %.3f, meningioma recall %.3f, ECE %.3f", name, run, found["accuracy"],
        found["per_class"]["meningioma"]["recall"], found["ece"],
    )  # fmt: skip
    return done


def make_job(root: Path, work: Path, name: str, recipe: TrainRecipe, run: str) -> Job:
    """Returns a run ready to be trained; Roboflow's split has a recipe of its own where one is named for it."""
    base, preprocessing = run.removesuffix(AGAIN), Preprocessing(size=recipe.network.size)
    own = f"{name}-{folds.ROBOFLOW}"
    if base == folds.ROBOFLOW and own in recipe_names():
        recipe = read_recipe(own)
    collected = folds.collect(root, work, base, preprocessing)
    return Job(name, run, folds.make_plan(base, collected, recipe), collected, preprocessing, root)


def summarise(name: str, done: dict[str, Done]) -> dict[str, Any]:
    """Returns the record of a recipe: every run, the folds together, what a repetition and leaked copies change."""
    held = [one for run, one in done.items() if run in folds.RUNS and run != folds.ROBOFLOW]
    record: dict[str, Any] = {
        "recipe_name": name,
        "runs": {run: {**_facts(one.record), **one.figures} for run, one in done.items()},
    }
    if held:
        record["folds"] = summarise_folds(held)
    if folds.ROBOFLOW in done:
        record["roboflow_without_copies"] = without_copies(done[folds.ROBOFLOW])
    again = f"{folds.SHIPPED}{AGAIN}"
    if again in done and folds.SHIPPED in done:
        record["repeated"] = repeated(done[folds.SHIPPED], done[again])
    return record


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    names = ("key", "seed", "recipe", "preprocessing", "sizes", "left_out", "history", "seconds")
    return {name: record[name] for name in names}


def _write(work: Path, name: str, record: dict[str, Any]) -> dict[str, Any]:
    path = work / "records" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return record
