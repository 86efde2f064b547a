"""Several runs together: mean and worst fold, all folds' images pooled, Roboflow with and without copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import probabilities
from ml.comparison import compare
from ml.experiments.folds import TUNED_ON, Collected, bridges
from ml.experiments.measuring import RAW
from ml.experiments.public_data import PublicImage
from ml.experiments.runs import Job, Reading
from ml.explanation import localisation_figures
from ml.labels import CLASSES, InputError
from ml.metrics import evaluate, evaluate_subgroups
from ml.preprocessing import Levels

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BURNED_IN: Final = "burnedin"
"""So begin the names of brain MRI with text in them, among what is none."""

PLANES: Final = {"ax": "axial", "co": "coronal", "sa": "sagittal"}


@dataclass(frozen=True)
class Done:
    """A run that was trained, read and measured."""

    job: Job
    record: dict[str, Any]
    readings: dict[str, Reading]
    figures: dict[str, Any]


def summarise_folds(done: Sequence[Done]) -> dict[str, Any]:
    """Returns mean and worst of the folds by figure, and the figures of all their images together.

    Every image is judged by the network that never saw its fold, at that network's own temperature. `untouched` is
    the mean over the folds that no recipe was chosen by (`folds.TUNED_ON`); None without any.
    """
    rows = {one.job.run: _headline(one.figures) for one in done}
    untouched = [row for run, row in rows.items() if run not in TUNED_ON]
    names = next(iter(rows.values()))
    return {
        "count": len(done),
        "novelty": _novelty(done),
        "pointing": _pointing(done),
        "mean": {name: float(np.mean([row[name] for row in rows.values()])) for name in names},
        "worst": {name: _worst(name, [row[name] for row in rows.values()]) for name in names},
        "untouched": {name: float(np.mean([row[name] for row in untouched])) for name in names}
        if untouched
        else None,
        "pooled": _pooled(done),
    }


def _worst(name: str, values: list[float]) -> float:
    return max(values) if name.startswith("ece") else min(values)


def without_copies(done: Done) -> dict[str, Any]:
    """Measures test images that have no near or mirrored copy among the images learned from."""
    test = done.readings["test"]
    held = np.zeros(len(done.job.collected.images), bool)
    held[np.concatenate((done.job.plan.train, done.job.plan.validation))] = True
    among = np.zeros(len(held), bool)
    among[test.index] = True
    alone = ~bridges(done.job.collected, held, among)[test.index]
    index = test.index[alone]
    scores = probabilities(test.logits[alone], done.figures["temperature"])
    return evaluate(scores, done.job.collected.labels[index], done.job.collected.groups(index))


def compare_networks(by_recipe: Mapping[str, Sequence[Done]]) -> dict[str, Any] | None:
    """Compares recipes on the folds that all of them held out, image by image (`ml.comparison.compare`).

    Args:
        by_recipe: for each recipe its folds, in one order.

    Returns:
        The comparison with its `folds`; None for fewer than two recipes, or without a fold in common.
    """
    common = set.intersection(*({one.job.run for one in done} for done in by_recipe.values()))
    if len(by_recipe) < 2 or not common:
        return None
    pooled = {name: pool([one for one in done if one.job.run in common]) for name, done in by_recipe.items()}
    _, _, truth, groups, _ = next(iter(pooled.values()))
    found = compare({name: said[0] for name, said in pooled.items()}, truth, groups)
    return found | {"folds": sorted(common)}


def draw_side_by_side(plain: Done, shipped: Done) -> bytes:
    """Draws where a plainly trained and the shipped network looked on the same held-out tumours (PNG)."""
    # Here and not above: it loads matplotlib, which nothing else of this module needs.
    from ml.explanation.pictures import Looked, draw_maps

    collected, test = shipped.job.collected, shipped.readings["test"]
    looked = {
        name: Looked(one.readings["test"].maps, one.readings["test"].logits)
        for name, one in (("plainly trained", plain), ("shipped", shipped))
    }
    return draw_maps(
        looked,
        collected.labels[test.index],
        _masks(collected)[test.index],
        collected.pixels.levels[test.index],
    )


def repeated(first: Done, second: Done) -> dict[str, float]:
    """Compares two trainings of one plan and seed: by how many points they differ, how many answers they share."""
    ours, theirs = (one.readings["test"].logits.argmax(axis=1) for one in (first, second))
    a, b = (one.figures["figures"]["accuracy"] for one in (first, second))
    return {
        "accuracy": a,
        "again": b,
        "points": abs(a - b) * 100,
        "same_answer": float((ours == theirs).mean()),
    }


def _headline(figures: dict[str, Any]) -> dict[str, float]:
    measured = figures["figures"]
    return {
        "accuracy": measured["accuracy"],
        "balanced_accuracy": measured["balanced_accuracy"],
        "macro_f1": measured["macro_f1"],
        **{f"recall_{name}": measured["per_class"][name]["recall"] for name in CLASSES},
        "tumour_only_accuracy": measured["tumour_only_accuracy"],
        "ece": measured["ece"],
        "ece_uncalibrated": figures["uncalibrated"]["ece"],
    }


def pool(done: Sequence[Done]) -> tuple[Floats, Floats, Ints, list[str], list[PublicImage]]:
    """Returns all runs' test images together: calibrated and raw probabilities (N, 4), labels, groups, images."""
    tempered, raw, labels = [], [], []
    groups: list[str] = []
    images: list[PublicImage] = []
    for one in done:
        test, collected = one.readings["test"], one.job.collected
        tempered.append(probabilities(test.logits, one.figures["temperature"]))
        raw.append(probabilities(test.logits))
        labels.append(collected.labels[test.index])
        groups.extend(collected.groups(test.index))
        images.extend(collected.images[i] for i in test.index)
    return np.concatenate(tempered), np.concatenate(raw), np.concatenate(labels), groups, images


def _pooled(done: Sequence[Done]) -> dict[str, Any]:
    scores, raw, truth, groups, images = pool(done)
    before = evaluate(raw, truth, groups, bootstrap=0)
    return {
        "figures": evaluate(scores, truth, groups),
        "uncalibrated": {name: before[name] for name in RAW},
        "planes": evaluate_subgroups(scores, truth, [PLANES.get(i.plane, "") for i in images], groups),
        "origins": evaluate_subgroups(scores, truth, [_origin(image) for image in images], groups),
    }


def _novelty(done: Sequence[Done]) -> dict[str, Any]:
    """Over all folds: held-out brain MRI turned away, and strangers that a network let pass, at worst."""
    found = [one.figures["novelty"] for one in done]
    kept = {
        one.job.run: [
            name
            for name, said in one.figures["novelty"]["ood"].items()
            if not said["turned_away"] and not name.startswith(BURNED_IN)
        ]
        for one in done
    }
    turned = sum(part["held_out"]["n"] * (part["held_out"]["share"] or 0) for part in found)
    return {
        "held_out": turned / sum(part["held_out"]["n"] for part in found),
        "held_out_worst": max(part["held_out"]["share"] or 0 for part in found),
        "strangers": sum(not name.startswith(BURNED_IN) for name in found[0]["ood"]),
        "let_pass": kept,
    }


def _pointing(done: Sequence[Done]) -> dict[str, Any]:
    """All folds' rightly named tumours together, each by the map of the network that never saw it."""
    read = [(one.job.collected, one.readings["test"]) for one in done]
    return localisation_figures(
        np.concatenate([test.maps for _, test in read]),
        np.concatenate([test.logits for _, test in read]),
        np.concatenate([collected.labels[test.index] for collected, test in read]),
        np.concatenate([_masks(collected)[test.index] for collected, test in read]),
        np.concatenate([collected.pixels.levels[test.index] for collected, test in read]),
        [group for collected, test in read for group in collected.groups(test.index)],
    )


def _masks(collected: Collected) -> Levels:
    if collected.masks is None:
        raise InputError("Pointing is measured against tumour masks, and these images were read without any.")
    return collected.masks


def _origin(image: PublicImage) -> str:
    if image.label == "notumor":
        return "healthy heads"
    return "tumours traced to figshare" if image.traced else "tumours from elsewhere"
