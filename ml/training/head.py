"""The head: multinomial logistic regression on embeddings, by L-BFGS, the same for the same input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from ml.labels import CLASSES

Floats = npt.NDArray[np.float64]

# With a longer memory than SciPy's ten steps, the badly scaled problem of a weak penalty ends after some hundred steps.
_TO_THE_END = {"maxcor": 30, "ftol": 0.0, "gtol": 1e-8, "maxfun": 100_000}


@dataclass(frozen=True)
class HeadFit:
    """A fitted head: kernel (D, 4) and bias (4,) float32, and the loss after each step.

    A fit that took no step has one loss, that of its start.
    """

    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    losses: list[float]


def fit_head(
    embeddings: npt.ArrayLike,
    labels: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    penalty: float,
    start: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    iterations: int = 200,
    converged: bool = False,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> HeadFit:
    """Fits a linear head by weighted cross-entropy plus `penalty` times the squared distance from `start`.

    Args:
        embeddings: (N, D).
        labels: (N,) class indices.
        weights: (N,) mass of each embedding; only their proportions count.
        start: kernel (D, 4) and bias (4,) to stay near to; zeros by default. The bias is not penalised.
        iterations: bound on L-BFGS's steps.
        converged: go on until the gradient is as good as zero. A fit that is cut short before depends on the last bits
            of every product on the way, and so on the processor; the minimum itself does not.
        validation: embeddings (M, D) and labels (M,) that decide nothing and are measured after each step.
        progress: called with `step`, `steps` and `loss` after each step, and with `validation_loss` and
            `validation_accuracy` where there is a validation part.
    """
    features, truth = np.asarray(embeddings, np.float64), np.asarray(labels, np.int64)
    mass = np.asarray(weights, np.float64)
    mass = mass / mass.sum()
    width, classes = features.shape[1], len(CLASSES)
    anchor = np.zeros((width + 1, classes))
    if start is not None:
        anchor[:-1], anchor[-1] = np.asarray(start[0], np.float64), np.asarray(start[1], np.float64)
    hot = np.eye(classes)[truth]
    watched = None
    if validation is not None and progress is not None:
        watched = (np.asarray(validation[0], np.float64), np.asarray(validation[1], np.int64))
    losses: list[float] = []

    def objective(flat: Floats) -> tuple[float, Floats]:
        parameters = flat.reshape(width + 1, classes)
        logits = features @ parameters[:-1] + parameters[-1]
        logits -= logits.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(logits).sum(axis=1))
        away = parameters[:-1] - anchor[:-1]
        loss = mass @ (log_sum - (logits * hot).sum(axis=1)) + penalty * (away**2).sum()
        slope = (np.exp(logits - log_sum[:, np.newaxis]) - hot) * mass[:, np.newaxis]
        gradient = np.vstack((features.T @ slope + 2 * penalty * away, slope.sum(axis=0)))
        return float(loss), gradient.ravel()

    def note(intermediate_result: Any) -> None:
        losses.append(float(intermediate_result.fun))
        if progress is not None:
            reached = intermediate_result.x.reshape(width + 1, classes)
            progress(
                {"step": len(losses), "steps": iterations, "loss": losses[-1], **_measured(reached, watched)}
            )

    # Four columns are too few to share: a second thread would wait for the first five times as long as both work.
    with threadpool_limits(1, "blas"):
        found = minimize(
            objective, anchor.ravel(), jac=True, method="L-BFGS-B", callback=note,
            options={"maxiter": iterations, **(_TO_THE_END if converged else {})},
        )  # fmt: skip
    parameters = found.x.reshape(width + 1, classes).astype(np.float32)
    return HeadFit(parameters[:-1], parameters[-1], losses or [float(found.fun)])


def _measured(parameters: Floats, watched: tuple[Floats, npt.NDArray[np.int64]] | None) -> dict[str, float]:
    """Loss and accuracy of a head (D + 1, 4) on a validation part; nothing without one."""
    if watched is None or len(watched[1]) == 0:
        return {}
    logits, truth = watched[0] @ parameters[:-1] + parameters[-1], watched[1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(truth)), truth]
    right = logits.argmax(axis=1) == truth
    return {"validation_loss": float(losses.mean()), "validation_accuracy": float(right.mean())}
