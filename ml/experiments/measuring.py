"""The figures of a run from what its network said; nothing here trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.calibration import fit_temperature, probabilities
from ml.experiments.runs import Job, Reading
from ml.metrics import evaluate

RAW: Final = ("ece", "brier", "log_loss")
"""What a temperature changes."""

_RESAMPLES: Final = 1000


def measure_run(job: Job, readings: dict[str, Reading]) -> dict[str, Any]:
    """Returns the figures of one run on its test part, its temperature fitted on its validation part.

    Returns:
        `temperature`; `figures` (`ml.metrics.evaluate`) of the calibrated probabilities; `uncalibrated`: ECE, Brier
        score and log loss before the temperature.
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
