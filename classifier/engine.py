"""The model in memory: verified once when it is loaded, then asked for a batch at a time."""

import hashlib
import logging
import os
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np
import numpy.typing as npt
from django.conf import settings

from classifier.exceptions import CheckpointRefused, PlatformError
from classifier.models import Image, ModelVersion
from classifier.services.predictions import Answer
from ml.checkpoint import Checkpoint, CheckpointError, read_checkpoint
from ml.duplicates import pixel_sha256
from ml.inference import KerasPredictor, OnnxPredictor, verify_golden
from mriplatform.audit.recording import record

logger = logging.getLogger(__name__)

type Predictor = OnnxPredictor | KerasPredictor

# What is in force, one that a collection names for itself, and one that is compared with them.
KEPT_IN_MEMORY: Final = 3


class PixelsRefused(PlatformError):
    """Stored pixels that are gone or are not those that were stored: nothing is predicted from them."""

    code = "pixels_refused"


@dataclass(frozen=True)
class Prepared:
    """One image as a model takes it.

    Attributes:
        levels: float32 (height, width, 1).
        frame: left, top and side, in image pixels, of the square that was cut out.
    """

    levels: npt.NDArray[np.float32]
    frame: tuple[int, int, int]


class LoadedModel:
    """A checkpoint that passed its checks, with the runtime that answers for it."""

    def __init__(self, checkpoint: Checkpoint, predictor: Predictor) -> None:
        self.checkpoint = checkpoint
        self.predictor = predictor

    def prepare(self, image: Image) -> Prepared:
        """The stored pixels of an image as this model's input.

        Raises:
            PixelsRefused: the pixels are gone, hidden, damaged or not those that were stored.
        """
        window = None
        if image.window_centre is not None and image.window_width is not None:
            window = (image.window_centre, image.window_width)
        pixels = read_pixels(image)
        levels, frame = self.checkpoint.preprocessing.apply_framed(pixels, image.bits, window)
        return Prepared(levels, (frame.x, frame.y, frame.side))

    def predict(self, batch: list[Prepared]) -> list[Answer]:
        """One forward pass for all of `batch`; one answer each, in order."""
        outputs = self.predictor.predict(np.stack([one.levels for one in batch]))
        novelty, turned_away = outputs.novelty, outputs.not_assessable
        return [
            Answer(
                probabilities=outputs.probabilities[i],
                maps=outputs.maps[i],
                frame=batch[i].frame,
                embedding=outputs.embeddings[i],
                runtime=self.predictor.runtime,
                device=self.predictor.device,
                novelty=None if novelty is None else float(novelty[i]),
                not_assessable=bool(turned_away[i]),
            )
            for i in range(len(batch))
        ]


def require_pixels(image: Image) -> None:
    """Raise `PixelsRefused` if the pixels of an image were hidden or removed."""
    if not image.pixels_available:
        raise PixelsRefused("The pixels of this image were hidden or removed.", code="pixels_gone")


def read_pixels(image: Image) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """The canonical pixels of an image, (height, width), checked against the hash that the row holds.

    Raises:
        PixelsRefused: as for `LoadedModel.prepare`.
    """
    require_pixels(image)
    try:
        with image.pixels.open("rb") as stored:
            encoded = np.frombuffer(stored.read(), dtype=np.uint8)
    except FileNotFoundError as error:
        raise PixelsRefused(
            "The pixels of this image are not in the storage.", code="pixels_missing"
        ) from error
    pixels = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
    if pixels is None or pixels.ndim != 2 or pixel_sha256(pixels) != image.pixel_sha256:
        raise PixelsRefused("The stored pixels of this image are damaged.", code="pixels_damaged")
    return cast("npt.NDArray[np.uint8] | npt.NDArray[np.uint16]", pixels)


class Engine:
    """Loads versions when they are first asked for, and keeps the last three; one per worker process."""

    def __init__(self, cache: Path, runtime: str) -> None:
        self._cache = cache
        self._runtime = runtime
        self._loaded: OrderedDict[str, LoadedModel] = OrderedDict()

    def load(self, version: ModelVersion) -> LoadedModel:
        """The version, verified: bytes, members, preprocessing, and the golden outputs replayed.

        Raises:
            CheckpointRefused: anything about it is missing, altered or does not fit. There is no fallback.
        """
        digest = version.checkpoint_sha256
        if digest in self._loaded:
            self._loaded.move_to_end(digest)
            return self._loaded[digest]
        try:
            checkpoint = read_checkpoint(self._fetch(version), expected_sha256=digest)
            predictor = self._make_predictor(checkpoint)
            verify_golden(predictor, checkpoint)
        except CheckpointError as error:
            self._alarm(version, str(error))
            raise CheckpointRefused(f"Version {version.number} cannot answer: {error}") from error
        self._loaded[digest] = LoadedModel(checkpoint, predictor)
        while len(self._loaded) > KEPT_IN_MEMORY:
            self._loaded.popitem(last=False)
        logger.info("Version %s is loaded (%s on %s).", version.number, predictor.runtime, predictor.device)
        return self._loaded[digest]

    def load_anew(self, version: ModelVersion) -> LoadedModel:
        """The version as `load` gives it, but fetched from the storage whatever this worker holds of it already.

        Raises:
            CheckpointRefused: as for `load`.
        """
        self._loaded.pop(version.checkpoint_sha256, None)
        self._copy_of(version).unlink(missing_ok=True)
        return self.load(version)

    def _make_predictor(self, checkpoint: Checkpoint) -> Predictor:
        use_keras = self._runtime == "keras" or (self._runtime == "auto" and Path("/dev/nvidia0").exists())
        return KerasPredictor(checkpoint) if use_keras else OnnxPredictor(checkpoint)

    def _fetch(self, version: ModelVersion) -> bytes:
        """The archive's bytes: this worker's copy if it is what was registered, else the storage's."""
        digest = version.checkpoint_sha256
        copy = self._copy_of(version)
        try:
            data = copy.read_bytes()
        except FileNotFoundError:
            pass  # no copy yet, or another process of this worker is about to fetch it anew
        else:
            if hashlib.sha256(data).hexdigest() == digest:
                return data
            self._alarm(version, "this worker's copy was altered; it was deleted and fetched again")
            copy.unlink(missing_ok=True)
        try:
            with version.checkpoint.open("rb") as stored:
                data = bytes(stored.read())
        except FileNotFoundError as error:
            raise CheckpointError("its checkpoint is not in the storage.") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise CheckpointError("its checkpoint was altered in the storage.")
        self._keep_copy(copy, data)
        return data

    def _copy_of(self, version: ModelVersion) -> Path:
        return self._cache / f"{version.checkpoint_sha256}.zip"

    def _keep_copy(self, copy: Path, data: bytes) -> None:
        self._cache.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed, so that a worker killed here leaves no half a copy under the final name.
        handle, partial = tempfile.mkstemp(dir=self._cache)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(partial).replace(copy)

    def _alarm(self, version: ModelVersion, what: str) -> None:
        logger.error("Checkpoint %s of version %s: %s", version.checkpoint_sha256, version.number, what)
        record(action="checkpoint.alarm", target=version, sha256=version.checkpoint_sha256, what=what)


_engine: Engine | None = None


def engine() -> Engine:
    """This worker process's engine."""
    global _engine
    if _engine is None:
        _engine = Engine(settings.CHECKPOINT_CACHE, settings.INFERENCE_RUNTIME)
    return _engine
