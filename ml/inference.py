"""A checkpoint's model, ready to answer: ONNX Runtime on a CPU, Keras on a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from ml.checkpoint import Checkpoint, CheckpointError
from ml.checkpoint.graph import OUTPUTS, SIGNATURES, answer, open_session
from ml.checkpoint.writing import EQUAL_WITHIN, demand_equal, differences
from ml.novelty import Novelty
from ml.preprocessing import scale

Floats = npt.NDArray[np.float32]

GPU_WITHIN: Final = 5e-3
"""GPUs may multiply with shortened mantissas (TF32); golden outputs are compared that loosely there."""

LEVELS_WITHIN: Final = 1
"""Another build of OpenCV may round a resized pixel the other way."""


@dataclass(frozen=True)
class Outputs:
    """What the model says about N images.

    Attributes:
        probabilities: float32 (N, 4), calibrated.
        maps: float32 (N, h, w, 4), raw class maps before any ReLU.
        embeddings: float32 (N, D).
        novelty: float32 (N,), about 1 for a brain MRI and higher the less an image is like one; None from a
            checkpoint that cannot tell.
        threshold: of novelty; what scores above it is no brain MRI, and its probabilities mean nothing.
    """

    probabilities: Floats
    maps: Floats
    embeddings: Floats
    novelty: Floats | None = None
    threshold: float | None = None

    @property
    def not_assessable(self) -> npt.NDArray[np.bool_]:
        """Which of the images are no brain MRI, bool (N,); none of them without novelty."""
        if self.novelty is None or self.threshold is None:
            return np.zeros(len(self.probabilities), bool)
        return ~np.asarray(self.novelty <= self.threshold)  # a score that is no number passes for nothing


class Predictor(Protocol):
    """Answers for a batch, and says where it runs."""

    runtime: str
    device: str

    def predict(self, batch: Floats) -> Outputs:
        """Returns the outputs for preprocessed images float32 (N, S, S, 1)."""
        ...


class OnnxPredictor:
    """The checkpoint's ONNX export on ONNX Runtime.

    Args:
        checkpoint: the verified checkpoint.
        threads: of one forward pass; by default as many as there are cores.
    """

    runtime = "onnxruntime"
    device = "cpu"

    def __init__(self, checkpoint: Checkpoint, threads: int | None = None) -> None:
        self._size = checkpoint.preprocessing.size
        self._session = open_session(checkpoint.onnx, threads)
        self._novelty = checkpoint.novelty()

    def predict(self, batch: Floats) -> Outputs:
        """Returns the outputs for preprocessed images float32 (N, S, S, 1)."""
        return _outputs(answer(self._session, _checked(batch, self._size)), self._novelty)


class KerasPredictor:
    """The checkpoint's Keras model on whatever Keras runs on."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        # Here and not above: Keras costs seconds and 700 MB, and the ONNX path never needs it.
        import keras

        self._size = checkpoint.preprocessing.size
        self._model = checkpoint.build_model()
        self._novelty = checkpoint.novelty()
        self.runtime = f"keras-{keras.backend.backend()}"
        self.device = (
            "gpu" if any("gpu" in name.lower() for name in keras.distribution.list_devices()) else "cpu"
        )

    def predict(self, batch: Floats) -> Outputs:
        """Returns the outputs for preprocessed images float32 (N, S, S, 1)."""
        answers = self._model.predict_on_batch(_checked(batch, self._size))
        return _outputs(answers, self._novelty)


def verify_golden(predictor: Predictor, checkpoint: Checkpoint) -> None:
    """Replays the checkpoint's golden images through preprocessing and predictor.

    Raises:
        CheckpointError: when either answers otherwise than when the checkpoint was made.
    """
    golden = checkpoint.golden()
    size = checkpoint.preprocessing.size
    if not len(golden.pixels) or golden.levels.shape != (len(golden.pixels), size, size):
        raise CheckpointError(
            f"The checkpoint's golden images prove nothing: expected at least one, each {size} x {size} after "
            f"preprocessing, got {golden.pixels.shape} and {golden.levels.shape}."
        )
    levels = np.stack([checkpoint.preprocessing.levels(image) for image in golden.pixels])
    away = int(np.abs(levels.astype(np.int16) - golden.levels.astype(np.int16)).max())
    if away > LEVELS_WITHIN:
        raise CheckpointError(
            f"Preprocessing gives other pixels than when the checkpoint was made ({away} levels)."
        )
    worst = differences(vars(predictor.predict(scale(golden.levels))), vars(golden))
    within = GPU_WITHIN if predictor.device == "gpu" else EQUAL_WITHIN
    demand_equal(worst, "The model answers otherwise than when the checkpoint was made", within)


def _outputs(answers: dict[str, Floats], novelty: Novelty | None) -> Outputs:
    probabilities, maps, embeddings = (np.asarray(answers[name], np.float32) for name in OUTPUTS)
    if novelty is None:
        return Outputs(probabilities, maps, embeddings)
    if SIGNATURES not in answers:
        raise CheckpointError("The checkpoint tells novelty, but its model gives no signatures.")
    scores = novelty.scores(np.asarray(answers[SIGNATURES], np.float32))
    return Outputs(probabilities, maps, embeddings, scores, novelty.threshold)


def _checked(batch: Floats, size: int) -> Floats:
    if batch.ndim != 4 or batch.shape[1:] != (size, size, 1):
        raise CheckpointError(f"Expected images of shape (N, {size}, {size}, 1), got {batch.shape}.")
    return batch
