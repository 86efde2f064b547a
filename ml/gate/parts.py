"""Locked parts, each measured by both sides, put together for one judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.gate.judging import judge, measure
from ml.gate.verdict import Criterion, Judgement

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Locked:
    """A part that nobody may learn from, with what both sides answered for it.

    Attributes:
        name: for people.
        sha256: tells it from other parts, and from itself with other images.
        candidate, incumbent: probabilities (N, 4).
        labels: (N,) class indices.
        groups: subject or cluster of each image.
    """

    name: str
    sha256: str
    candidate: Floats
    incumbent: Floats
    labels: Ints
    groups: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """Returns `part`, `sha256`, `n` and `subjects`."""
        subjects = len(set(self.groups))
        return {"part": self.name, "sha256": self.sha256, "n": len(self.labels), "subjects": subjects}

    def figures(self, side: str, *, seed: int = 0) -> dict[str, Any]:
        """Returns the figures (`ml.gate.measure`) of the `candidate` or the `incumbent`."""
        scores = self.candidate if side == "candidate" else self.incumbent
        return measure(scores, self.labels, self.groups, seed=seed)


def judge_parts(
    locked: Sequence[Locked],
    *,
    criteria: Mapping[str, Any] | None = None,
    audits: Sequence[Criterion] = (),
    seed: int = 0,
) -> Judgement:
    """Returns the verdict (`ml.gate.judge`) over all locked parts together.

    A group is one of its part alone: two parts that name their subjects alike do not share them.
    """
    empty = np.zeros((0, 4))
    return judge(
        np.concatenate([empty, *(one.candidate for one in locked)]),
        np.concatenate([empty, *(one.incumbent for one in locked)]),
        np.concatenate([np.zeros(0, np.int64), *(one.labels for one in locked)]),
        [f"{number}:{group}" for number, one in enumerate(locked) for group in one.groups],
        criteria=criteria,
        parts=[one.name for one in locked for _ in one.groups],
        audits=audits,
        seed=seed,
    )
