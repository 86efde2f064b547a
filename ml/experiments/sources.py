"""Another hospital, as far as it can be had: leave one source of images out, and take one measure away at a time.

The public sets come from three places that share neither patients nor scanners: Cheng's figshare set (tumours, T1
with contrast), what the Nickparvar set collected from the web (nearly all its healthy heads, mostly T2 and FLAIR,
and 273 tumours that are not traced to figshare), and the healthy T1 heads of BRISC. A network that learns from
two of them meets the third as it would meet another hospital.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.config import Augmentation, Stage, TrainRecipe
from ml.experiments.folds import Bools, Collected, Plan, apart, collect, cut, unfit
from ml.experiments.measuring import share_of
from ml.experiments.public_data import PublicImage
from ml.experiments.runs import Job, Reading, read, train
from ml.labels import CLASSES, label_index
from ml.preprocessing import Preprocessing
from ml.splits import group_order

log = logging.getLogger(__name__)

RUN: Final = "sources"
SIZE: Final = 160
EPOCHS: Final = 5
"""Shorter than what ships: fourteen networks are trained here, and they are compared with each other only."""

HELD_FOLD: Final = 5
_HEALTHY: Final = label_index("notumor")
_FEWEST: Final = 50


@dataclass(frozen=True)
class Source:
    """Images of one place.

    Attributes:
        title: what it is.
        holds: whether an image is of it.
    """

    title: str
    holds: Callable[[PublicImage], bool]


@dataclass(frozen=True)
class Measure:
    """Something done so that a network holds elsewhere, taken away.

    Attributes:
        title: what is taken away.
        recipe: the recipe without it.
        preprocessing: the preprocessing without it.
        never_learned: a source that is not learned from either.
    """

    title: str
    recipe: Callable[[TrainRecipe], TrainRecipe] = lambda recipe: recipe
    preprocessing: Callable[[Preprocessing], Preprocessing] = lambda preprocessing: preprocessing
    never_learned: str = ""


def _augmented(**values: float) -> Callable[[TrainRecipe], TrainRecipe]:
    def change(recipe: TrainRecipe) -> TrainRecipe:
        changed = recipe.augmentation.model_copy(update=values)
        return recipe.model_copy(update={"augmentation": changed})

    return change


def _preprocessed(**values: float) -> Callable[[Preprocessing], Preprocessing]:
    return lambda given: Preprocessing.from_dict({**given.to_dict(), **values})


_INTENSITY: Final = ("gamma", "contrast", "brightness", "bias_field", "resolution", "blur", "noise", "erase")

SOURCES: Final = {
    "brisc": Source("BRISC's healthy heads (T1)", lambda image: image.source == "brisc_notumor"),
    "collected": Source(
        "what Nickparvar's set collected from the web: healthy heads (T2, FLAIR, T1) and 273 tumours",
        lambda image: image.source == "nickparvar" and not image.traced,
    ),
    "web-tumours": Source(
        "the 273 tumours from the web alone",
        lambda image: image.source == "nickparvar" and not image.traced and image.label != "notumor",
    ),
}

MEASURES: Final = {
    "all": Measure("nothing"),
    "no-augmentation": Measure(
        "all augmentation", _augmented(**dict.fromkeys(Augmentation.model_fields, 0.0))
    ),
    "geometry-only": Measure("augmentation of intensity", _augmented(**dict.fromkeys(_INTENSITY, 0.0))),
    "no-percentiles": Measure(
        "stretching between percentiles (whole range instead)",
        preprocessing=_preprocessed(low=0.0, high=100.0),
    ),
    "no-crop": Measure(
        "cropping to the head (whole image instead)", preprocessing=_preprocessed(crop_smallest=2.0)
    ),
    "no-attention": Measure(
        "the attention loss", lambda recipe: recipe.model_copy(update={"attention": 0.0})
    ),
    "one-healthy-source": Measure("BRISC's healthy heads", never_learned="brisc"),
}

CASES: Final = (
    *(("brisc", measure) for measure in MEASURES if measure != "one-healthy-source"),
    *(("collected", measure) for measure in MEASURES if measure != "one-healthy-source"),
    ("web-tumours", "all"),
    ("web-tumours", "one-healthy-source"),
)


def leave_sources_out(
    root: Path,
    work: Path,
    recipe_name: str,
    recipe: TrainRecipe,
    cases: Sequence[tuple[str, str]] = CASES,
    *,
    size: int = SIZE,
    epochs: int = EPOCHS,
    older_code: bool = False,
) -> dict[str, Any]:
    """Trains and measures every case that is not done yet.

    Args:
        root: folder of the public data.
        work: caches and results; stop and call again at will.
        recipe_name: names the folder of results.
        recipe: of the network that ships; its stages are shortened here.
        cases: pairs of a key of `SOURCES` and one of `MEASURES`.
        size, epochs: how small and how short.
        older_code: take finished trainings although the code has changed since.

    Returns:
        `size`, `epochs`, and in `cases` for each case the figures of `measure_case`.
    """
    short = recipe.model_copy(update={"stages": (Stage(size=size, epochs=epochs),)})
    results = []
    for source, measure in cases:
        taken = MEASURES[measure]
        preprocessing = taken.preprocessing(Preprocessing(size=size))
        collected = collect(root, work, RUN, preprocessing)
        plan = plan_case(source, measure, collected, taken.recipe(short))
        job = Job(recipe_name, f"{RUN}-{source}-{measure}", plan, collected, preprocessing, root)
        trained = train(job, work, older_code=older_code)
        figures = measure_case(source, collected, read(job, trained, work)["test"])
        facts = {name: trained.record[name] for name in ("key", "sizes", "left_out", "seconds")}
        named = {"source": source, "measure": measure, "taken_away": taken.title}
        results.append({**named, **facts, **figures})
        log.info("without %s, %s taken away: gap %s", source, taken.title, figures["gap"])
    return {"recipe_name": recipe_name, "size": size, "epochs": epochs, "cases": results}


def plan_case(source: str, measure: str, collected: Collected, recipe: TrainRecipe) -> Plan:
    """Decides the parts of a case: the source is held out whole, and of all other sources fold 5.

    BRISC has no folds: a fifth of it, by the hash of its groups, counts as fold 5.
    """
    images = collected.images
    other = np.array([SOURCES[source].holds(image) for image in images])
    fold = np.array([fold_of(image) == HELD_FOLD for image in images])
    left_out, reasons = unfit(collected, other | fold)
    never = MEASURES[measure].never_learned
    if never:
        unlearned = np.array([SOURCES[never].holds(image) for image in images]) & ~(other | fold)
        reasons["of a source that is not learned from"] = int((unlearned & ~left_out).sum())
        left_out |= unlearned
    plan = cut(f"{source}-{measure}", collected, recipe, other | fold, left_out, reasons)
    return apart(plan, collected)


def measure_case(
    source: str, collected: Collected, test: Reading, *, fewest: int = _FEWEST
) -> dict[str, Any]:
    """Returns the figures of one case.

    Args:
        test: what the network said of all held-out images.
        fewest: a class of which the other source has fewer images does not count for the gap.

    Returns:
        For `other` (the source left out) and `same` (fold 5 of the sources learned from): recall by class as
        {n, share, interval}; `healthy`, the share of healthy heads called so; `tumours_found`, the share of
        tumours that were called a tumour of any kind. `gap`: recall in `same` less recall in `other`, mean
        over `classes`, those that count; None without any. What looks like CT is not counted.
    """
    images = [collected.images[i] for i in test.index]
    truth, said = collected.labels[test.index], test.logits.argmax(axis=1)
    counted = ~collected.pixels.ct[test.index] & ~np.array([image.conflict for image in images])
    other = np.array([SOURCES[source].holds(image) for image in images])
    groups = collected.groups(test.index)
    there, here = (_recalls(truth, said, groups, part & counted) for part in (other, ~other))
    classes = [name for name, found in there["recall"].items() if found["n"] >= fewest]
    gaps = [here["recall"][name]["share"] - there["recall"][name]["share"] for name in classes]
    return {"other": there, "same": here, "classes": classes, "gap": float(np.mean(gaps)) if gaps else None}


def _recalls(truth: Any, said: Any, groups: list[str], part: Bools) -> dict[str, Any]:
    def share(chosen: Bools, hits: Bools) -> dict[str, Any]:
        return share_of(hits[chosen], [groups[i] for i in np.flatnonzero(chosen)])

    recall = {name: share(part & (truth == i), said == i) for i, name in enumerate(CLASSES)}
    tumours = part & (truth != _HEALTHY)
    return {
        "recall": {name: found for name, found in recall.items() if found["n"]},
        "healthy": recall["notumor"],
        "tumours_found": share(tumours, said != _HEALTHY),
    }


def fold_of(image: PublicImage) -> int:
    """Returns the leak-free fold of an image; where it has none, one by the hash of its group."""
    return image.fold or 1 + int(group_order(image.group, 0), 16) % 5
