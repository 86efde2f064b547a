"""Measures a candidate beside its incumbent on locked images, and asks the gate; it records nothing."""

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from classifier.engine import LoadedModel
from classifier.models import GateRule, ModelVersion
from classifier.services.gate import JudgedCandidate, Measured
from ml.calibration import probabilities
from ml.checkpoint import Checkpoint
from ml.evaluation import head_probabilities
from ml.gate import Locked, judge_parts

REFERENCE = "reference part of the checkpoint"
OWN = "test part of this platform"

Floats = npt.NDArray[np.float32]


class TestPart(Protocol):
    """The test part of a run's manifest, embedded by both networks; all of the same length n.

    Attributes:
        candidate, incumbent: float32 (n, D), each by that side's own network.
        labels: (n,) class indices.
        groups: cluster of each image.
        hashes: pixel sha256 of each.
        planes, sources: empty where nothing told them.
    """

    candidate: Floats
    incumbent: Floats
    labels: npt.NDArray[np.int64]
    groups: Sequence[str]
    hashes: Sequence[str]
    planes: Sequence[str]
    sources: Sequence[str]


def judge_candidate(
    *,
    rule: GateRule,
    incumbent: LoadedModel,
    incumbent_version: ModelVersion,
    candidate: Checkpoint,
    test: TestPart | None = None,
    seed: int = 0,
) -> JudgedCandidate:
    """Judge a candidate that is not registered yet beside what reads now.

    Args:
        rule: what it is judged by: the run's own, named before anything was learned.
        test: None or empty where the manifest has no test part that can be measured.
        seed: of the bootstrap.
    """
    parts = (_reference(candidate, incumbent.checkpoint), _own(candidate, incumbent.checkpoint, test))
    locked = [part for part in parts if part is not None]
    found = judge_parts(locked, criteria=rule.criteria, seed=seed)
    return JudgedCandidate(
        incumbent=incumbent_version,
        rule=rule,
        verdict=found.verdict,
        criteria=[one.as_dict() for one in found.criteria],
        parts=[one.described() for one in locked],
        figures=found.figures,
        evaluations=[
            Measured(one.name, one.sha256, side, one.figures(side, seed=seed))
            for one in locked
            for side in ("candidate", "incumbent")
        ],
    )


def _reference(candidate: Checkpoint, incumbent: Checkpoint) -> Locked | None:
    """The part that came with the checkpoint, where both sides have the network that embedded it."""
    if candidate.members["reference.npz"] != incumbent.members["reference.npz"]:
        return None
    reference = candidate.reference()
    return Locked(
        REFERENCE,
        hashlib.sha256(candidate.members["reference.npz"]).hexdigest(),
        head_probabilities(candidate, reference),
        head_probabilities(incumbent, reference),
        reference.labels,
        reference.groups,
    )


def _own(candidate: Checkpoint, incumbent: Checkpoint, test: TestPart | None) -> Locked | None:
    if test is None or len(test.labels) == 0:
        return None
    digest = hashlib.sha256("".join(sorted(test.hashes)).encode()).hexdigest()
    ours, theirs = _answers(candidate, test.candidate), _answers(incumbent, test.incumbent)
    return Locked(OWN, digest, ours, theirs, test.labels, tuple(test.groups))


def _answers(checkpoint: Checkpoint, embeddings: Floats) -> npt.NDArray[np.float64]:
    kernel, bias = checkpoint.head()
    return probabilities(embeddings @ kernel + bias, checkpoint.temperature)
