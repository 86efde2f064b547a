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
from ml.experiments.public_counts import describe_data
from ml.experiments.runs import Job, finished, read, train
from ml.experiments.sources import RUN as SOURCES
from ml.experiments.sources import leave_sources_out
from ml.experiments.summary import (
    Done,
    compare_networks,
    draw_side_by_side,
    repeated,
    summarise_folds,
    without_copies,
)
from ml.labels import InputError
from ml.preprocessing import Preprocessing
from ml.storing import write_whole

log = logging.getLogger(__name__)

RECIPES: Final = ("mobilenet", "cnn")
"""Recipes of the networks that ship, by name."""

AGAIN: Final = "-again"
"""A second training of a run, same recipe and seed, kept beside the first."""

PLAIN: Final = "-plain"
"""A run as tutorials train: no attention loss, the coarse last map. For comparison, beside the same recipe."""

RUNS: Final = (*folds.RUNS, f"{folds.SHIPPED}{AGAIN}", f"{folds.SHIPPED}{PLAIN}")


def reproduce(
    root: Path,
    work: Path,
    recipes: Sequence[str] = RECIPES,
    runs: Sequence[str] = (),
    *,
    records: Path | None = None,
    older_code: bool = False,
) -> dict[str, Any]:
    """Trains and measures the runs that are not done yet; with `records`, writes what the model card is made of.

    Args:
        root: folder of the public data.
        work: caches, states and results; stop and call again at will.
        recipes: names of recipes that ship, or paths of others.
        runs: some of `RUNS`, or "sources"; by default all of them for the first recipe, and `folds.RUNS` for
            the others.
        records: a folder. What is written there tells of all runs that are done, not only of those named.
        older_code: take finished trainings although the code has changed since.

    Returns:
        By name: `NAME.folds` and `NAME.sources` of each recipe, and with `records` also `data`, and `comparison`
        where two recipes or more have the same folds. With `records` these are written as JSON, and
        `maps.png` where there is a plain run.

    Raises:
        InputError: for a run that is not known.
    """
    unknown = sorted(set(runs) - {*RUNS, SOURCES})
    if unknown:
        raise InputError(f"{', '.join(unknown)}: not a run; expected some of {', '.join((*RUNS, SOURCES))}.")
    found: dict[str, Any] = {}
    by_recipe: dict[str, dict[str, Done]] = {}
    for number, given in enumerate(recipes):
        name, recipe = Path(given).stem, read_recipe(given)
        wanted = runs or (folds.RUNS if number else (*RUNS, SOURCES))
        done = {
            run: one_run(root, work, name, recipe, run, older_code=older_code)
            for run in RUNS
            if run in wanted or (records and _finished(root, work, name, recipe, run, older_code))
        }
        if done:
            by_recipe[name] = done
            found[f"{name}.folds"] = summarise(name, done)
        if SOURCES in wanted:
            found[f"{name}.{SOURCES}"] = leave_sources_out(root, work, name, recipe, older_code=older_code)
    if records and by_recipe:
        found["data"] = describe_data(root, work)
        _compare(records, by_recipe, found)
    if records:
        for name, record in found.items():
            write_record(records, name, record)
    return found


def _finished(root: Path, work: Path, name: str, recipe: TrainRecipe, run: str, older_code: bool) -> bool:
    return finished(make_job(root, work, name, recipe, run), work, older_code=older_code) is not None


def _compare(target: Path, by_recipe: dict[str, dict[str, Done]], found: dict[str, Any]) -> None:
    held = {name: folds_of(done) for name, done in by_recipe.items()}
    if (comparison := compare_networks(held)) is not None:
        found["comparison"] = comparison
    first = next(iter(by_recipe.values()))
    plain, shipped = first.get(f"{folds.SHIPPED}{PLAIN}"), first.get(folds.SHIPPED)
    if plain and shipped:
        picture = draw_side_by_side(plain, shipped)
        write_whole(target / "maps.png", lambda unfinished: unfinished.write_bytes(picture))


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
    base, preprocessing = run.removesuffix(AGAIN).removesuffix(PLAIN), Preprocessing(size=recipe.network.size)
    if run.endswith(PLAIN):
        spec = recipe.network.model_copy(update={"fine_map": False})
        recipe = recipe.model_copy(update={"network": spec, "attention": 0.0})
    own = f"{name}-{folds.ROBOFLOW}"
    if base == folds.ROBOFLOW and own in recipe_names():
        recipe = read_recipe(own)
    collected = folds.collect(root, work, base, preprocessing)
    return Job(name, run, folds.make_plan(base, collected, recipe), collected, preprocessing, root)


def summarise(name: str, done: dict[str, Done]) -> dict[str, Any]:
    """Returns the record of a recipe: every run, the folds together, what a repetition and leaked copies change."""
    held = folds_of(done)
    record: dict[str, Any] = {
        "recipe_name": name,
        "tuned_on": list(folds.TUNED_ON),
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


def folds_of(done: dict[str, Done]) -> list[Done]:
    """Returns the runs that hold out a fold, in the folds' order."""
    return [done[run] for run in sorted(folds.RUNS) if run in done and run != folds.ROBOFLOW]


def write_record(target: Path, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Writes a record as JSON and returns it."""
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    write_whole(target / f"{name}.json", lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
    return record
