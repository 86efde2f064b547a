"""Takes a run from the queue to its candidate."""

import logging

from classifier.engine import LoadedModel, engine
from classifier.exceptions import PlatformError
from classifier.jobs.gating import judge_candidate
from classifier.jobs.inference import worker_name
from classifier.jobs.training.fine_tune import fine_tune
from classifier.jobs.training.head import retrain_head_of
from classifier.jobs.training.live import Cancelled, LeaseLost, Reporter, kept_alive
from classifier.jobs.training.made import Made
from classifier.jobs.training.registering import register_candidate
from classifier.jobs.training.trace import check_trace
from classifier.jobs.training.workplace import workplace
from classifier.models import ModelVersion, TrainingRun
from classifier.selectors import version_in_force, version_reading_for
from classifier.services.gate import current_rule
from classifier.services.training import HEAD, claim_run, close_cancelled_run, fail_run
from ml.checkpoint import CheckpointError
from ml.labels import InputError

logger = logging.getLogger(__name__)


def drain() -> int:
    """Run what is queued, one run after another.

    Returns:
        How many runs were taken.
    """
    taken = 0
    while (run := claim_run(worker=worker_name())) is not None:
        taken += 1
        try:
            execute(run)
        except (LeaseLost, Cancelled):
            if close_cancelled_run(run=run):
                logger.info("Training run %s was cancelled.", run.number)
            else:
                logger.warning("Training run %s was taken over by another worker.", run.number)
        except (PlatformError, CheckpointError, InputError) as refusal:
            fail_run(run=run, reason=str(refusal))
        except Exception as error:
            # Whatever it was, the run must say that it failed, and why; the log has the stack.
            logger.exception("Training run %s failed.", run.number)
            fail_run(run=run, reason=f"The training stopped with a fault ({type(error).__name__}: {error}).")
    return taken


def execute(run: TrainingRun) -> ModelVersion:
    """Make a candidate by the run's recipe, judge it beside what reads now, check the trace, register it.

    Raises:
        LeaseLost: another worker holds the run now.
        Cancelled: somebody cancelled it.
        PlatformError: it cannot be done; the sentence says why.
    """
    reporter = Reporter(run)
    with kept_alive(reporter), workplace(run) as folder:
        attempt = f" (attempt {run.attempt})" if run.attempt > 1 else ""
        reporter.begin("start", f"Version {run.base_version.number} is loaded to start from{attempt}.")
        base = engine().load(run.base_version)
        incumbent = _incumbent(run)
        if run.recipe["kind"] == HEAD:
            made, trace = retrain_head_of(run, base, incumbent, reporter)
        else:
            made, trace = fine_tune(run, base, incumbent, reporter, folder)
        return _judge_and_register(run, incumbent, made, trace, reporter)


def _judge_and_register(
    run: TrainingRun,
    incumbent: tuple[ModelVersion, LoadedModel],
    made: Made,
    trace: list[dict[str, str]],
    reporter: Reporter,
) -> ModelVersion:
    version, model = incumbent
    reporter.begin("gate", f"Measuring the candidate beside version {version.number} on the locked images.")
    judged = judge_candidate(
        rule=run.rule or current_rule(),
        incumbent=model,
        incumbent_version=version,
        candidate=made.checkpoint,
        test=made.test,
        learned=(*made.handed.train, *made.handed.validation),
        seed=run.seed,
    )
    check_trace(run, trace, made.handed)
    reporter.begin(
        "register", f"Every line of the manifest is accounted for. The gate says: {judged.verdict}."
    )
    return register_candidate(run, made, judged, trace, reporter)


def _incumbent(run: TrainingRun) -> tuple[ModelVersion, LoadedModel]:
    """What reads for the run's collection now, which may be another version than the one that it starts from."""
    reading = version_reading_for(run.collection_id) if run.collection_id else version_in_force()
    version = reading or run.base_version
    return version, engine().load(version)
