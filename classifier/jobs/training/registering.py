"""Puts a candidate into the registry with everything that was found out about it, in one transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence

from django.db import transaction

from classifier.jobs.training.live import LeaseLost, Reporter
from classifier.jobs.training.made import Made
from classifier.models import ModelVersion, TrainingRun
from classifier.services.gate import JudgedCandidate, record_decision
from classifier.services.registry import register_version
from classifier.services.tracing import record_trace
from classifier.services.training import HEAD, finish_run

_NAMES = {HEAD: "head of run {}", "fine_tune": "network of run {}"}


@transaction.atomic
def register_candidate(
    run: TrainingRun,
    made: Made,
    judged: JudgedCandidate,
    trace: Sequence[Mapping[str, str]],
    reporter: Reporter,
) -> ModelVersion:
    """The candidate's bytes, its version, the figures of both sides, the gate's verdict and the trace: all or nothing.

    Raises:
        LeaseLost: another worker holds the run now, or somebody cancelled it; nothing was recorded.
    """
    sides = {side: judged.figures[side] for side in ("candidate", "incumbent") if side in judged.figures}
    report = (
        sides
        | made.report
        | {
            "counts": dict(Counter(line["used_as"] for line in trace)),
            "verdict": judged.verdict,
        }
    )
    if not finish_run(run=run, report=report, progress=reporter.progress, log=reporter.log):
        raise LeaseLost
    record_trace(run=run, lines=trace)
    version = register_version(
        actor=run.started_by,
        name=_NAMES[run.recipe["kind"]].format(run.number),
        archive=made.archive,
        metadata=made.checkpoint.metadata,
        training_run=run,
    )
    if version.training_run_id == run.pk:
        record_decision(run=run, candidate=version, judged=judged)
    return version
