"""The recipe *fine-tune*: the whole network trained on, from the canonical pixels of the label set's images."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from classifier.engine import LoadedModel, read_pixels
from classifier.exceptions import PlatformError
from classifier.jobs.training.gathering import Part, gather, taught_to
from classifier.jobs.training.head import demand_examples, facts, locked_part
from classifier.jobs.training.live import Reporter
from classifier.jobs.training.made import Made
from classifier.jobs.training.trace import Handed
from classifier.models import Image, ModelVersion, TrainingRun
from ml.checkpoint import Checkpoint, read_checkpoint
from ml.config import TuneRecipe, checked_recipe
from ml.evaluation import predict_levels
from ml.inference import OnnxPredictor, verify_golden
from ml.preprocessing import Levels

# Where a training keeps what it goes on from (`ml.training.state`, which brings Keras along).
LAST = "last.npz"


def fine_tune(
    run: TrainingRun,
    base: LoadedModel,
    incumbent: tuple[ModelVersion, LoadedModel],
    reporter: Reporter,
    folder: Path,
) -> tuple[Made, list[dict[str, str]]]:
    """Train the base version's network on, and make the candidate's archive.

    Args:
        folder: of the run; a training that was stopped goes on from its last epoch there.

    Returns:
        What was made, and what became of each line of the manifest.
    """
    # Here and not above: it brings Keras along, and the inference worker, which reads this module too, needs none.
    from ml.experiments.tuning import tune_checkpoint

    reporter.begin("pixels", "Reading the pixels of the label set's images.")
    known = taught_to(base.checkpoint, incumbent[1].checkpoint)
    examples = gather(run, _LevelsFor(base.checkpoint), reporter, known=known)
    reporter.say(
        f"{len(examples.train)} images to learn from, {len(examples.validation)} to stop by, "
        f"{len(examples.test)} to be measured on."
    )
    demand_examples(examples)
    options = {name: value for name, value in run.recipe.items() if name != "kind"}
    _begin(reporter, folder)
    tuned = tune_checkpoint(
        base.checkpoint,
        *(
            _reviewed(examples.part(split), split, base.checkpoint)
            for split in ("train", "validation", "test")
        ),
        recipe=checked_recipe(TuneRecipe, options),
        seed=run.seed,
        state=folder,
        metadata={"name": f"network of run {run.number}", **facts(run, examples)},
        progress=_epochs(reporter),
        tick=reporter.tick,
    )
    reporter.begin("archive", "Reading the candidate's archive back and replaying its golden images.")
    candidate = read_checkpoint(tuned.archive)
    predictor = OnnxPredictor(candidate)
    verify_golden(predictor, candidate)
    seen = predict_levels(predictor, _levels(examples.test, base.checkpoint))["embeddings"]
    test = locked_part(examples.test, seen, incumbent)
    handed = Handed(tuned.learned_from, examples.validation.hashes, test.hashes)
    return Made(tuned.archive, candidate, test, handed, {"history": finite(tuned.history)}), examples.trace


class _LevelsFor:
    """Images as the network takes them, before scaling: uint8 (S, S)."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._preprocessing = checkpoint.preprocessing

    def __call__(self, images: Sequence[Image]) -> Iterator[Levels | PlatformError]:
        for image in images:
            try:
                window = None
                if image.window_centre is not None and image.window_width is not None:
                    window = (image.window_centre, image.window_width)
                yield self._preprocessing.levels(read_pixels(image), image.bits, window)
            except PlatformError as refusal:
                yield refusal


def _reviewed(part: Part[Levels], split: str, checkpoint: Checkpoint) -> Any:
    from ml.experiments.tuning import Reviewed

    return Reviewed(
        levels=_levels(part, checkpoint),
        labels=part.labels,
        hashes=part.hashes,
        phash=np.array([image.phash % 2**64 for image in part.images], np.uint64),
        # What is learned from is thinned by near-duplicates; what is measured is resampled by subject.
        groups=part.groups if split == "test" else part.clusters,
        weights=part.weights,
    )


def _levels(part: Part[Levels], checkpoint: Checkpoint) -> Levels:
    side = checkpoint.preprocessing.size
    return np.array(part.values, np.uint8).reshape(len(part), side, side)


def _begin(reporter: Reporter, folder: Path) -> None:
    if not (folder / LAST).exists():
        reporter.begin("network", "The network learns.")
        return
    reporter.begin("network", "The network goes on learning after the last epoch that was finished.")
    reporter.resume()


def _epochs(reporter: Reporter) -> Any:
    def told(figures: dict[str, Any]) -> None:
        step = {"step": int(figures["epoch"]), "steps": int(figures["epochs"]), **figures}
        reporter.step(finite([step])[0])
        reporter.say(
            f"Epoch {step['step']} of {step['steps']}: loss {figures['loss']:.3f}, "
            f"validation loss {figures['validation_loss']:.3f}."
        )

    return told


def finite(steps: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same without figures that are no number: JSON has none."""
    return [
        {name: value for name, value in step.items() if not isinstance(value, float) or math.isfinite(value)}
        for step in steps
    ]
