"""Drains the queue of predictions: claim a batch, predict it in one forward pass, record it."""

import faulthandler
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from classifier import doorbell
from classifier.engine import LoadedModel, Prepared, engine
from classifier.exceptions import PlatformError
from classifier.models import Prediction
from classifier.services.load_checks import answer_load_check, claim_load_check
from classifier.services.predictions import claim_batch, record_answers, record_failed_attempt

logger = logging.getLogger(__name__)

# A drain gives its worker back after this long, so that a warm shutdown never waits for a long queue.
DRAIN_SECONDS = 20.0

type Pair = tuple[Prediction, Prepared]


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def drain() -> int:
    """Predict until nothing is queued.

    Returns:
        How many predictions were recorded.
    """
    recorded = 0
    deadline = time.monotonic() + DRAIN_SECONDS
    answer_load_checks()
    while batch := claim_batch(worker=worker_name(), limit=settings.INFERENCE_BATCH):
        with watchdog(settings.INFERENCE_LEASE_SECONDS):
            recorded += predict_batch(batch)
        answer_load_checks()
        if time.monotonic() > deadline:
            doorbell.ring(doorbell.INFERENCE)
            break
    return recorded


def answer_load_checks() -> int:
    """Tell whoever waits to put a version in force whether this worker can load it; they wait, so between batches.

    Returns:
        How many questions were answered.
    """
    answered = 0
    while (check := claim_load_check(worker=worker_name())) is not None:
        found: dict[str, Any]
        with watchdog(settings.INFERENCE_LEASE_SECONDS):
            try:
                predictor = engine().load_anew(check.model_version).predictor
                found = {"passed": True, "runtime": predictor.runtime, "device": predictor.device}
            except PlatformError as refusal:
                found = {"passed": False, "words": refusal.sentence}
            except Exception as error:  # whatever it was, somebody waits for an answer
                logger.exception("Version %s could not be loaded.", check.model_version.number)
                found = {"passed": False, "words": f"Loading it ended in a fault ({type(error).__name__})."}
        answer_load_check(check=check, **found)
        answered += 1
    return answered


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """End this process, its stack on stderr, if the body hangs for longer than the lease that it works under.

    A thread of the C runtime does it, so it also ends a hang inside native code. Whoever keeps the workers starts
    another one; the rows come back by their lease.
    """
    faulthandler.dump_traceback_later(seconds, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def predict_batch(batch: list[Prediction]) -> int:
    """Predict one claimed batch (all of one version); whatever cannot be predicted goes back or fails by itself.

    Returns:
        How many predictions were recorded.
    """
    version = batch[0].model_version
    if version is None:
        raise RuntimeError(
            "A claimed prediction is always bound to a version; the claim did not bind this one."
        )
    try:
        model = engine().load(version)
    except PlatformError as refusal:
        for prediction in batch:
            record_failed_attempt(prediction, code=refusal.code, reason=refusal.sentence)
        return 0
    prepared = [item for prediction in batch if (item := _prepare(model, prediction)) is not None]
    return _predict(model, prepared) if prepared else 0


def _prepare(model: LoadedModel, prediction: Prediction) -> Pair | None:
    try:
        return prediction, model.prepare(prediction.image)
    except PlatformError as refusal:
        record_failed_attempt(prediction, code=refusal.code, reason=refusal.sentence)
    except Exception as error:  # noqa: BLE001 - one image must never take its batch along
        _note_fault(prediction, error)
    return None


def _predict(model: LoadedModel, prepared: list[Pair]) -> int:
    try:
        answers = model.predict([ready for _, ready in prepared])
    except Exception as error:  # noqa: BLE001 - find the image that it is about
        if len(prepared) == 1:
            _note_fault(prepared[0][0], error)
            return 0
        logger.warning(
            "A batch of %s could not be predicted together (%s); one by one now.", len(prepared), error
        )
        return sum(_predict(model, [item]) for item in prepared)
    return record_answers(
        [(prediction, answer) for (prediction, _), answer in zip(prepared, answers, strict=True)]
    )


def _note_fault(prediction: Prediction, error: Exception) -> None:
    logger.exception("Prediction %s could not be made.", prediction.pk)
    reason = f"The model could not process this image ({type(error).__name__}). An engineer can find it in the log."
    record_failed_attempt(prediction, code="prediction_error", reason=reason)
