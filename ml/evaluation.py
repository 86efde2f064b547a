"""Figures of a checkpoint or of a head alone."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from ml.calibration import probabilities
from ml.checkpoint import Checkpoint
from ml.checkpoint.members import REFERENCE as REFERENCE_MEMBER
from ml.gate import Locked
from ml.inference import Predictor
from ml.metrics import evaluate
from ml.preprocessing import Levels, scale

Floats = npt.NDArray[np.float32]
Head = tuple[Floats, Floats]

REFERENCE: Final = "reference part of the checkpoint"


class EmbeddedPart(Protocol):
    """Images as embeddings, with their labels and subject groups (`ml.checkpoint.Reference` is one)."""

    @property
    def embeddings(self) -> Floats:
        """(N, D)."""
        ...

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """(N,) class indices."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """(N,)."""
        ...


def evaluate_head(
    model: Checkpoint | Head,
    part: EmbeddedPart,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    bootstrap: int = 1000,
) -> dict[str, Any]:
    """Returns the figures (`ml.metrics.evaluate`) of a head on embeddings.

    Args:
        model: a checkpoint, or a head as kernel (D, 4) and bias (4,).
        part: the checkpoint's `reference()`, or any other embedded part.
        temperature: of a bare head; a checkpoint brings its own.
        seed: of the bootstrap.
        bootstrap: resamples of whole groups for the intervals; 0 gives none.
    """
    scores = head_probabilities(model, part, temperature=temperature)
    return evaluate(scores, part.labels, part.groups, seed, bootstrap)


def head_probabilities(
    model: Checkpoint | Head, part: EmbeddedPart, *, temperature: float = 1.0
) -> npt.NDArray[np.float64]:
    """Returns the probabilities (N, 4) that a head gives an embedded part; arguments as in `evaluate_head`."""
    if isinstance(model, Checkpoint):
        (kernel, bias), temperature = model.head(), model.temperature
    else:
        kernel, bias = model
    return probabilities(part.embeddings @ kernel + bias, temperature)


def locked_reference(
    candidate: Checkpoint, incumbent: Checkpoint, *, elsewhere: Collection[str] = ()
) -> Locked | None:
    """Returns the reference part that came with a checkpoint, as two versions answer for it.

    It holds embeddings and no pixels, so that it says something only where both have the network that made them.

    Args:
        elsewhere: pixel sha256 of what is measured in another part: no image counts twice, or half as many subjects
            would look like twice as many.
    """
    member = candidate.members[REFERENCE_MEMBER]
    if member != incumbent.members[REFERENCE_MEMBER]:
        return None
    whole = candidate.reference()
    part = whole.without(elsewhere)
    if not part.hashes:
        return None
    named = member if part is whole else "".join(sorted(part.hashes)).encode()
    return Locked(
        REFERENCE,
        hashlib.sha256(named).hexdigest(),
        head_probabilities(candidate, part),
        head_probabilities(incumbent, part),
        part.labels,
        part.groups,
    )


def predict_levels(predictor: Predictor, levels: Levels, batch_size: int = 32) -> dict[str, Floats]:
    """Returns all outputs for preprocessed images uint8 (N, S, S), batch by batch, as one array each.

    `novelty` is there when the checkpoint can tell.
    """
    answers = [
        predictor.predict(scale(levels[start : start + batch_size]))
        for start in range(0, len(levels), batch_size)
    ]
    names = ["probabilities", "maps", "embeddings"]
    if answers and answers[0].novelty is not None:
        names.append("novelty")
    return {name: np.concatenate([getattr(answer, name) for answer in answers]) for name in names}
