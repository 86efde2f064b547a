"""The figures of a run from what its network said; nothing here trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import fit_temperature, probabilities
from ml.checkpoint import novelty_margin
from ml.experiments.folds import Collected
from ml.experiments.runs import Job, Reading, ood_paths
from ml.explanation import localisation_figures
from ml.labels import CLASSES, InputError
from ml.metrics import evaluate
from ml.novelty import fit_novelty

RAW: Final = ("ece", "brier", "log_loss")
"""What a temperature changes."""

_RESAMPLES: Final = 1000


def measure_run(job: Job, readings: dict[str, Reading]) -> dict[str, Any]:
    """Returns the figures of one run on its test part, its temperature fitted on its validation part.

    Returns:
        `temperature`; `figures` (`ml.metrics.evaluate`) of the calibrated probabilities; `uncalibrated`: ECE, Brier
        score and log loss before the temperature; `pointing` (`ml.explanation.localisation_figures`); `novelty`
        (`novelty_figures`).
    """
    labels = job.collected.labels
    validation, test = readings["validation"], readings["test"]
    temperature = fit_temperature(validation.logits, labels[validation.index])
    groups, truth = job.collected.groups(test.index), labels[test.index]
    raw = evaluate(probabilities(test.logits), truth, groups, bootstrap=0)
    return {
        "temperature": temperature,
        "figures": evaluate(probabilities(test.logits, temperature), truth, groups),
        "uncalibrated": {name: raw[name] for name in RAW},
        "pointing": point(job.collected, test),
        "novelty": novelty_figures(job, readings),
    }


def point(collected: Collected, test: Reading) -> dict[str, Any]:
    """Returns how well the maps of rightly named tumours point at them (`ml.explanation.localisation_figures`)."""
    if collected.masks is None:
        raise InputError("Pointing is measured against tumour masks, and these images were read without any.")
    return localisation_figures(
        test.maps, test.logits, collected.labels[test.index], collected.masks[test.index],
        collected.pixels.levels[test.index], collected.groups(test.index),
    )  # fmt: skip


def novelty_figures(job: Job, readings: dict[str, Reading]) -> dict[str, Any]:
    """Returns whom the novelty check turns away, its threshold set on the validation part alone (`turned_away`)."""
    margin = novelty_margin(job.plan.recipe.network.name)
    novelty = fit_novelty(readings["sample"].signatures, readings["validation"].signatures, margin)
    test, strange = readings["test"], readings["ood"]
    return turned_away(
        job,
        novelty.threshold,
        novelty.scores(test.signatures),
        novelty.scores(strange.signatures),
        strange.logits,
    )


def turned_away(
    job: Job, threshold: float, held_out: npt.ArrayLike, strange: npt.ArrayLike, named: npt.ArrayLike
) -> dict[str, Any]:
    """Returns the figures of a novelty check.

    Args:
        threshold: what scores above it is turned away.
        held_out: scores of the job's test part.
        strange: scores of `ood_paths`.
        named: (n, 4), logits or probabilities of these.

    Returns:
        `threshold`; of the held-out images the share that is turned away, `held_out` (what looks like CT aside)
        and `looks_like_ct`; `ood`: by file name the score, whether it is turned away, and the class that it
        would get.
    """
    test = job.plan.test
    away, ct = np.asarray(held_out) > threshold, job.collected.pixels.ct[test]
    groups = np.array(job.collected.groups(test), str)
    names = [path.name for path in ood_paths(job.root)]
    rows = zip(names, np.asarray(strange), np.asarray(named), strict=True)
    return {
        "threshold": threshold,
        "held_out": share_of(away[~ct], groups[~ct].tolist()),
        "looks_like_ct": share_of(away[ct], groups[ct].tolist()),
        "ood": {
            name: {
                "novelty": round(float(score), 4),
                "turned_away": bool(score > threshold),
                "label": CLASSES[int(scores.argmax())],
            }
            for name, score, scores in rows
        },
    }


def share_of(hits: npt.ArrayLike, groups: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Returns the mean of `hits` (n,) as `share`, with `n` and a 95 % interval that resamples whole groups."""
    values = np.asarray(hits, np.float64)
    if not len(values):
        return {"n": 0, "share": None, "interval": None}
    keys = np.unique(np.array(groups, str), return_inverse=True)[1]
    sums, counts = np.bincount(keys, weights=values), np.bincount(keys)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=_RESAMPLES)
    shares = (drawn @ sums) / (drawn @ counts)
    interval = [float(value) for value in np.percentile(shares, (2.5, 97.5))]
    return {"n": len(values), "share": float(values.mean()), "interval": interval}
