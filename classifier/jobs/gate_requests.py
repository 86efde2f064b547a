"""Judges versions again and draws learning curves, when somebody asked for it and no run is in line."""

import logging
from collections.abc import Sequence

import numpy as np

from classifier.engine import LoadedModel, engine
from classifier.exceptions import PlatformError
from classifier.jobs.gating import judge_candidate
from classifier.jobs.parts import Floats, TestPart
from classifier.jobs.training.gathering import Embedder, Part, taught_to
from classifier.jobs.training.head import locked_part, stack
from classifier.jobs.training.manifest import Line, find_images, read_lines
from classifier.models import GateRequest, Image, ModelVersion, RunStatus, TraceLine, TrainingRun
from classifier.selectors import version_in_force
from classifier.services.gate import current_rule
from classifier.services.gate_requests import (
    claim_request,
    fail_request,
    finish_curve,
    finish_judgement,
    renew_request,
)
from ml.checkpoint import CheckpointError
from ml.config import HeadRecipe, checked_recipe
from ml.labels import InputError

logger = logging.getLogger(__name__)


def drain() -> int:
    """Do what is asked, one after another.

    Returns:
        How many requests were taken.
    """
    taken = 0
    while (request := claim_request()) is not None:
        taken += 1
        try:
            if request.kind == GateRequest.Kind.JUDGEMENT:
                _judge_again(request)
            else:
                _draw_curve(request)
        except (PlatformError, CheckpointError, InputError) as refusal:
            fail_request(request=request, reason=str(refusal))
        except Exception as error:
            # Whatever it was, the request must say that it failed, and why; the log has the stack.
            logger.exception("Gate request %s failed.", request.pk)
            fail_request(
                request=request, reason=f"It stopped with a fault ({type(error).__name__}: {error})."
            )
    return taken


def _judge_again(request: GateRequest) -> None:
    version, incumbent = request.version, version_in_force()
    if version is None or incumbent is None:
        raise PlatformError("There is no version in force any more to compare with.")
    if incumbent.pk == version.pk:
        raise PlatformError(f"Version {version.number} is in force by now.")
    model, beside = engine().load(version), engine().load(incumbent)
    run = version.training_run or _newest_run()
    lines = read_lines(run) if run else []
    judged = judge_candidate(
        # Named before it was trained: a rule that was written since must not be fitted to its figures.
        rule=run.rule if version.training_run is not None and run and run.rule else current_rule(),
        incumbent=beside,
        incumbent_version=incumbent,
        candidate=model.checkpoint,
        test=_test_part(run, lines, (version, model), (incumbent, beside)) if run else None,
        learned=_learned(version),
    )
    finish_judgement(request=request, judged=judged)


def _learned(version: ModelVersion) -> list[str]:
    """Pixel sha256 of what its run taught a version: by its trace, since lines of the manifest were left out."""
    used = [TraceLine.Used.TRAIN, TraceLine.Used.VALIDATION]
    lines = TraceLine.objects.filter(run=version.training_run_id, run__isnull=False, used_as__in=used)
    return sorted(lines.values_list("pixel_sha256", flat=True))


def _newest_run() -> TrainingRun | None:
    """Whose test part a version is measured on that no run of this platform made."""
    return TrainingRun.objects.filter(status=RunStatus.SUCCEEDED).order_by("-number").first()


def _test_part(
    run: TrainingRun,
    lines: Sequence[Line],
    candidate: tuple[ModelVersion, LoadedModel],
    incumbent: tuple[ModelVersion, LoadedModel],
) -> TestPart:
    """The test lines of a manifest, without images that either side was trained on or that are not there any more."""
    known = taught_to(candidate[1].checkpoint, incumbent[1].checkpoint)
    part = _part(
        run, [line for line in lines if line.split == "test" and line.pixel_sha256 not in known], *candidate
    )
    return locked_part(part, stack(part, candidate[1].checkpoint), incumbent, features_of=candidate[0])


def _part(run: TrainingRun, lines: Sequence[Line], version: ModelVersion, model: LoadedModel) -> Part[Floats]:
    """Lines with their images and embeddings by a version; those that cannot be had are left out."""
    images = find_images(run, lines)
    there: list[tuple[Line, Image]] = [(line, images[line.number]) for line in lines if line.number in images]
    part: Part[Floats] = Part()
    found = Embedder(version, model)([image for _, image in there])
    for (line, image), embedding in zip(there, found, strict=True):
        if not isinstance(embedding, PlatformError):
            part.add(line, image, embedding)
    return part


def _draw_curve(request: GateRequest) -> None:
    # Here and not above: it brings Keras along, and the inference worker, which reads this module too, needs none.
    from ml.training.learning_curve import Labelled, learning_curve

    run = request.training_run
    if run is None:
        raise PlatformError("There is no run to draw a curve of.")
    base = engine().load(run.base_version)
    checkpoint, lines = base.checkpoint, read_lines(run)
    measured = set(checkpoint.reference().hashes)
    known = taught_to(checkpoint, checkpoint)
    learned = _part(
        run, [line for line in lines if line.split == "train" and line.pixel_sha256 not in measured],
        run.base_version, base,
    )  # fmt: skip
    test = _part(
        run, [line for line in lines if line.split == "test" and line.pixel_sha256 not in known],
        run.base_version, base,
    )  # fmt: skip
    # No image is measured twice, as in the gate.
    reference = checkpoint.reference().without(test.hashes)
    options = {name: value for name, value in run.recipe.items() if name != "kind"}
    curve = learning_curve(
        checkpoint,
        Labelled(
            stack(learned, checkpoint),
            learned.labels,
            learned.clusters,
            np.asarray(learned.weights),
            learned.hashes,
        ),
        [(reference.embeddings, reference.labels), (stack(test, checkpoint), test.labels)],
        recipe=checked_recipe(HeadRecipe, options),
        seed=run.seed,
        tick=lambda: go_on(request),
    )
    finish_curve(request=request, curve=curve)


def go_on(request: GateRequest) -> None:
    """Keep the lease while the work takes its time; raises where another worker has the request now."""
    if not renew_request(request=request):
        raise PlatformError("Another worker has taken this over.")
