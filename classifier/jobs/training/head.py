"""The recipe *head*: embeddings from the database, what is missing computed first, and the checkpoint's replay."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from classifier.engine import LoadedModel
from classifier.exceptions import PlatformError
from classifier.jobs.parts import Floats, TestPart
from classifier.jobs.training.gathering import Embedder, Examples, Part, gather, same_features, taught_to
from classifier.jobs.training.live import Reporter
from classifier.jobs.training.made import Made
from classifier.jobs.training.trace import Handed
from classifier.models import Image, ModelVersion, TrainingRun
from ml.checkpoint import Checkpoint, TrainingHashes, read_checkpoint, replace_head
from ml.config import HeadRecipe, checked_recipe
from ml.metrics import ContradictionError

if TYPE_CHECKING:
    from ml.training import HeadResult


def retrain_head_of(
    run: TrainingRun,
    base: LoadedModel,
    incumbent: tuple[ModelVersion, LoadedModel],
    reporter: Reporter,
) -> tuple[Made, list[dict[str, str]]]:
    """Fit a new head to the manifest's training part, and make the candidate's archive.

    Returns:
        What was made, and what became of each line of the manifest.
    """
    embedder = Embedder(run.base_version, base)
    reporter.begin("embeddings", f"Gathering the embeddings that version {run.base_version.number} makes.")
    measured = frozenset(base.checkpoint.reference().hashes)
    known = taught_to(base.checkpoint, incumbent[1].checkpoint)
    examples = gather(run, embedder, reporter, known=known, measured=measured)
    reporter.say(
        f"{len(examples.train)} images to learn from, {len(examples.validation)} to watch by, "
        f"{len(examples.test)} to be measured on; {embedder.stored} embeddings were stored, "
        f"{embedder.computed} were computed now."
    )
    demand_examples(examples)
    head = _fit(run, base.checkpoint, examples, reporter)
    reporter.begin("archive", "Writing the candidate's archive and replaying its golden images.")
    archive = replace_head(
        base.checkpoint, head.kernel, head.bias, facts(run, examples), taught=taught(examples)
    )
    candidate = read_checkpoint(archive)
    test = locked_part(
        examples.test, stack(examples.test, candidate), incumbent, features_of=run.base_version
    )
    report = head.figures | {"embeddings": {"stored": embedder.stored, "computed": embedder.computed}}
    handed = Handed(head.learned_from, examples.validation.hashes, test.hashes)
    return Made(archive, candidate, test, handed, report), examples.trace


def demand_examples[Value](examples: Examples[Value]) -> None:
    """Raise `PlatformError` where there is nothing to learn from."""
    if not len(examples.train):
        raise PlatformError(
            "No image of the label set is in its training part, so there is nothing to learn from."
        )


def facts[Value](run: TrainingRun, examples: Examples[Value]) -> dict[str, Any]:
    """What a candidate's metadata says of the run that made it."""
    return {
        "training": {
            "run": run.number,
            "recipe": run.recipe,
            "seed": run.seed,
            "manifest_sha256": run.manifest_sha256,
            "base_checkpoint_sha256": run.base_version.checkpoint_sha256,
            "examples": len(examples.train),
            "validation": len(examples.validation),
        }
    }


def taught[Value](examples: Examples[Value]) -> TrainingHashes:
    """The hashes of what the candidate was made with; no such image may ever test it, wherever it comes back."""
    seen = [*examples.train.images, *examples.validation.images]
    phash = np.array([image.phash % 2**64 for image in seen], np.uint64)
    return TrainingHashes((*examples.train.hashes, *examples.validation.hashes), phash)


def locked_part[Value](
    part: Part[Value],
    candidate: Floats,
    incumbent: tuple[ModelVersion, LoadedModel],
    *,
    features_of: ModelVersion | None = None,
) -> TestPart:
    """The manifest's test part as the candidate and the incumbent see it.

    Args:
        candidate: the candidate's embeddings (n, D).
        features_of: the version whose features the candidate has; None where it has features of its own.

    Raises:
        PlatformError: an image was hidden or removed since it was gathered.
    """
    version, model = incumbent
    return TestPart(
        candidate=candidate,
        incumbent=candidate
        if features_of is not None and features_of in same_features(version)
        else embedded(part.images, version, model),
        labels=part.labels,
        groups=part.groups,
        hashes=part.hashes,
        images=tuple(image.pk for image in part.images),
        planes=tuple(line.plane for line in part.lines),
        sources=tuple(line.source for line in part.lines),
    )


def embedded(images: Sequence[Image], version: ModelVersion, model: LoadedModel) -> Floats:
    """The embeddings (n, D) of images by a version.

    Raises:
        PlatformError: there is none of one of them.
    """
    found = []
    for embedding in Embedder(version, model)(images):
        if isinstance(embedding, PlatformError):
            raise embedding
        found.append(embedding)
    return np.array(found, np.float32).reshape(len(images), model.checkpoint.head()[0].shape[0])


def stack(part: Part[Floats], checkpoint: Checkpoint) -> Floats:
    """The embeddings of a part as one array (n, D), of none too."""
    width = checkpoint.head()[0].shape[0]
    return np.array(part.values, np.float32).reshape(len(part), width)


def _fit(run: TrainingRun, base: Checkpoint, examples: Examples[Floats], reporter: Reporter) -> "HeadResult":
    # Here and not above: it brings Keras along, and the inference worker, which reads this module too, needs none.
    from ml.training import TrainingError, retrain_head

    options = {name: value for name, value in run.recipe.items() if name != "kind"}
    reporter.begin("head", "Fitting the head.")
    validation: tuple[Floats, npt.NDArray[np.int64]] | None = None
    if len(examples.validation):
        validation = (stack(examples.validation, base), examples.validation.labels)
    try:
        return retrain_head(
            base,
            stack(examples.train, base),
            examples.train.labels,
            groups=examples.train.clusters,
            sample_weight=examples.train.weights,
            hashes=examples.train.hashes,
            validation=validation,
            seed=run.seed,
            recipe=checked_recipe(HeadRecipe, options),
            bootstrap=0,  # the gate has the intervals
            progress=reporter.step,
        )
    except (TrainingError, ContradictionError) as error:
        raise PlatformError(str(error)) from error
