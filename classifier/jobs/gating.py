"""Measures a candidate beside its incumbent on locked images, and asks the gate; it records nothing."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from classifier.engine import LoadedModel
from classifier.jobs.auditing import leaks_of, maps_of
from classifier.jobs.parts import Floats, TestPart
from classifier.models import GateRule, ModelVersion
from classifier.selectors.gate import uses_of_part
from classifier.services.gate import JudgedCandidate, Measured
from ml.calibration import probabilities
from ml.checkpoint import Checkpoint
from ml.evaluation import locked_reference
from ml.gate import Criterion, Locked, judge_parts, read_criteria
from ml.gate.shortcuts import audit_sources, audit_subgroups
from ml.gate.uses import count_uses
from ml.inference import OnnxPredictor

OWN = "test part of this platform"


def judge_candidate(
    *,
    rule: GateRule,
    incumbent: LoadedModel,
    incumbent_version: ModelVersion,
    candidate: Checkpoint,
    test: TestPart | None = None,
    learned: Sequence[str] = (),
    seed: int = 0,
) -> JudgedCandidate:
    """Judge a candidate beside what reads now, both asked about the same locked images here and now.

    Args:
        rule: what it is judged by: the run's own, named before anything was learned.
        candidate: its checkpoint, registered or not.
        test: None or empty where the manifest has no test part that can be measured.
        learned: pixel sha256 of the images that its run taught it, for the audits.
        seed: of the bootstrap, and of the heads that maps are compared with.
    """
    bounds = read_criteria(rule.criteria)
    measured = test.hashes if test is not None else ()
    reference = locked_reference(candidate, incumbent.checkpoint, elsewhere=measured)
    own = _own(candidate, incumbent.checkpoint, test)
    locked = [part for part in (reference, own) if part is not None]
    model = LoadedModel(candidate, OnnxPredictor(candidate))
    audits = [
        leaks_of(candidate, reference.name if reference else None, own.name if own else None, test, learned),
        *_shortcuts(own, test, bounds, seed),
        maps_of(candidate, model, test.images if test else (), learned, bounds, seed=seed),
        count_uses([(one.name, uses_of_part(one.sha256)) for one in locked], bounds),
    ]
    found = judge_parts(locked, criteria=bounds, audits=audits, seed=seed)
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


def _own(candidate: Checkpoint, incumbent: Checkpoint, test: TestPart | None) -> Locked | None:
    if test is None or len(test) == 0:
        return None
    digest = hashlib.sha256("".join(sorted(test.hashes)).encode()).hexdigest()
    ours, theirs = _answers(candidate, test.candidate), _answers(incumbent, test.incumbent)
    return Locked(OWN, digest, ours, theirs, test.labels, tuple(test.groups))


def _answers(checkpoint: Checkpoint, embeddings: Floats) -> npt.NDArray[np.float64]:
    kernel, bias = checkpoint.head()
    return probabilities(embeddings @ kernel + bias, checkpoint.temperature)


def _shortcuts(
    own: Locked | None, test: TestPart | None, bounds: dict[str, float], seed: int
) -> list[Criterion]:
    """Asked of this platform's own images: those of the reference part say neither plane nor source."""
    if own is None or test is None:
        sentence = "The locked images say neither plane nor source, so there is nothing to go by."
        return [Criterion(name, "not_asked", sentence) for name in ("subgroups", "sources")]
    columns = {"plane": list(test.planes), "source": list(test.sources)}
    stated = {name: values for name, values in columns.items() if len(values) == len(test)}
    sides = (own.candidate, own.incumbent, own.labels)
    return [
        audit_subgroups(*sides, own.groups, stated, bounds, seed=seed),
        audit_sources(*sides, stated, bounds),
    ]
