"""Runs what is queued for training: manifest and recipe in; a registered candidate and both sides' figures out."""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from django.db import transaction

from classifier.engine import LoadedModel, engine, require_pixels
from classifier.exceptions import PlatformError
from classifier.jobs.inference import worker_name
from classifier.models import Image, JobStatus, ModelVersion, Prediction, TrainingRun
from classifier.services.registry import record_evaluation, register_version
from classifier.services.training import claim_run, fail_run, finish_run, heartbeat
from ml.checkpoint import CheckpointError, read_checkpoint, replace_head
from ml.labels import CLASSES
from ml.metrics import ContradictionError

if TYPE_CHECKING:
    from ml.training import HeadResult

logger = logging.getLogger(__name__)

# How often gathering embeddings says how far it is, which renews the run's lease.
GATHER_REPORT_SECONDS = 5.0


class LeaseLost(Exception):
    """Another worker holds the run now; this one stops and records nothing."""


@dataclass
class Examples:
    """What the run trains on, and what became of every line of its manifest.

    Attributes:
        stored, computed: how many embeddings the base version had stored with its predictions, and how many were
            computed with it now, because it had not answered those images.
    """

    embeddings: list[npt.NDArray[np.float32]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    trace: list[dict[str, str]] = field(default_factory=list)
    stored: int = 0
    computed: int = 0


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
        except LeaseLost:
            logger.warning("Training run %s was taken over by another worker.", run.number)
        except (PlatformError, CheckpointError) as refusal:
            fail_run(run=run, reason=str(refusal))
        except Exception as error:
            # Whatever it was, the run must say that it failed, and why; the log has the stack.
            logger.exception("Training run %s failed.", run.number)
            fail_run(run=run, reason=f"The training stopped with a fault ({type(error).__name__}: {error}).")
    return taken


def execute(run: TrainingRun) -> ModelVersion:
    """Retrain the head of the base version, measure both on its reference part, register the candidate."""
    # Here and not above: it brings Keras along, and the inference worker, which reads this module too, needs none.
    from ml.training import TrainingError, retrain_head

    progress: list[dict[str, Any]] = []

    def report_progress(step: dict[str, Any]) -> None:
        progress.append(step)
        if not heartbeat(run=run, progress=progress):
            raise LeaseLost

    base = engine().load(run.base_version)
    report_progress({"stage": "embeddings"})
    examples = gather_examples(run, base, progress=report_progress)
    if not examples.labels:
        raise PlatformError(
            "No image of the label set is in its training part, so there is nothing to learn from."
        )
    try:
        head = retrain_head(
            base.checkpoint,
            np.stack(examples.embeddings),
            np.asarray(examples.labels, dtype=np.int64),
            seed=run.seed,
            progress=report_progress,
        )
    except (TrainingError, ContradictionError) as error:
        raise PlatformError(str(error)) from error
    return _register_candidate(run, base, head, examples, progress)


def gather_examples(
    run: TrainingRun, base: LoadedModel, *, progress: Callable[[dict[str, Any]], None]
) -> Examples:
    """Embeddings and labels of the manifest's training part; every line is traced as used or with why not.

    Thousands of images that the base version has not answered take longer than a lease, hence `progress` on the way.
    """
    with run.manifest.open("rb") as stored:
        lines = [json.loads(line) for line in stored.read().decode().splitlines()]
    images = Image.objects.in_bulk([line["image"] for line in lines])
    by_id = {str(identifier): image for identifier, image in images.items()}
    taught = set(base.checkpoint.training_hashes().sha256)
    measured = set(base.checkpoint.reference().hashes)
    examples = Examples()
    reported = time.monotonic()
    for number, line in enumerate(lines):
        if time.monotonic() - reported > GATHER_REPORT_SECONDS:
            progress({"stage": "embeddings", "done": number, "of": len(lines)})
            reported = time.monotonic()
        used_as, reason = line["split"], line.get("reason", "")
        if used_as == "test" and line["pixel_sha256"] in taught:
            used_as, reason = "excluded", "the base version was trained on this image, so it cannot test it"
        elif used_as in {"train", "validation"} and line["pixel_sha256"] in measured:
            used_as, reason = "excluded", "this image is in the part that the candidate is measured on"
        elif used_as == "train":
            used_as, reason = _add_example(
                examples, base, run.base_version, by_id.get(line["image"]), line["label"]
            )
        examples.trace.append(
            {"image": line["image"], "label": line["label"], "used_as": used_as, "reason": reason}
        )
    return examples


def _add_example(
    examples: Examples, base: LoadedModel, version: ModelVersion, image: Image | None, label: str
) -> tuple[str, str]:
    try:
        stored = _stored_embedding(version, image) if image is not None else None
        if image is None:
            return "excluded", "the image is no longer in the platform"
        embedding = base.predict([base.prepare(image)])[0].embedding if stored is None else stored
    except PlatformError as refusal:
        return "excluded", refusal.sentence
    examples.stored += stored is not None
    examples.computed += stored is None
    examples.embeddings.append(embedding)
    examples.labels.append(CLASSES.index(label))
    return "train", ""


def _stored_embedding(version: ModelVersion, image: Image) -> npt.NDArray[np.float32] | None:
    """The embedding that the base version stored with its prediction, whether that is the answer or a comparison.

    Another version's embedding never stands in: a head shares its base's features, but only the same checkpoint is
    known to have made these numbers.

    Raises:
        PixelsRefused: the image was hidden or removed; what is stored of it is not learned from either.
    """
    require_pixels(image)
    stored = Prediction.objects.filter(
        image=image, model_version=version, status=JobStatus.SUCCEEDED, embedding__isnull=False
    ).first()
    return stored.embedding_array() if stored else None


def _register_candidate(
    run: TrainingRun,
    base: LoadedModel,
    head: "HeadResult",
    examples: Examples,
    progress: list[dict[str, Any]],
) -> ModelVersion:
    updates = {
        "training": {
            "run": run.number,
            "recipe": run.recipe,
            "seed": run.seed,
            "manifest_sha256": run.manifest_sha256,
            "base_checkpoint_sha256": run.base_version.checkpoint_sha256,
            "examples": len(examples.labels),
        }
    }
    archive = replace_head(base.checkpoint, head.kernel, head.bias, updates)
    metadata = read_checkpoint(archive).metadata
    part_sha256 = hashlib.sha256(base.checkpoint.members["reference.npz"]).hexdigest()
    report = head.figures | {
        "trace": examples.trace,
        "counts": _counts(examples.trace),
        "embeddings": {"stored": examples.stored, "computed": examples.computed},
    }
    with transaction.atomic():
        if not finish_run(run=run, report=report, progress=progress):
            raise LeaseLost
        version = register_version(
            actor=run.started_by, name=f"head of run {run.number}", archive=archive, metadata=metadata,
            training_run=run,
        )  # fmt: skip
        for measured, side in ((run.base_version, "incumbent"), (version, "candidate")):
            record_evaluation(
                version=measured, part="reference part of the checkpoint", part_sha256=part_sha256,
                figures=report[side], training_run=run,
            )  # fmt: skip
    return version


def _counts(trace: list[dict[str, str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in trace:
        counts[line["used_as"]] = counts.get(line["used_as"], 0) + 1
    return counts
