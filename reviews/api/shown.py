"""Readings as the API shows them to their reader. A prediction enters by `machine_answer` alone."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.urls import reverse

from classifier.models import Image, Prediction
from classifier.selectors import viewer_maps
from ml.labels import CLASSES
from reviews.models import Reading, ReviewEvent
from reviews.selectors import machine_answer, reading_state
from reviews.selectors.own_trace import OwnLine, own_trace

type Shown = dict[str, Any]


def shown_row(reading: Reading, trace: Sequence[OwnLine]) -> Shown:
    """A reading in a list: never with the machine's answer."""
    return {
        "id": reading.pk,
        "collection": reading.image.collection_id,
        "image": shown_image(reading.image),
        "protocol": {"mode": reading.protocol.mode, "version": reading.protocol.version},
        "step": reading_state(reading).step.value,
        "claimed_at": reading.claimed_at,
        "finished_at": reading.finished_at,
        "trace": [asdict(line) for line in trace],
    }


def shown_reading(reading: Reading) -> Shown:
    """One reading, with the machine's answer from the moment on at which its protocol shows it."""
    state = reading_state(reading)
    answer = machine_answer(reading)
    trace = own_trace(reading.reader, [reading]).get(reading.pk, [])
    return shown_row(reading, trace) | {
        "lease_expires_at": reading.lease_expires_at,
        "draft": reading.draft,
        "first_read": shown_event(state.first_read) if state.first_read else None,
        "reveal": shown_event(state.reveal) if state.reveal else None,
        "verdict": shown_event(state.verdict) if state.verdict else None,
        "undo_until": state.undo_until,
        "machine_answer": _shown_answer(answer) if answer else None,
    }


def shown_event(event: ReviewEvent) -> Shown:
    return {
        "id": event.pk,
        "sequence": event.sequence,
        "kind": event.kind,
        "label": event.label,
        "verdict": event.verdict,
        "confidence": event.confidence,
        "reason": event.reason,
        "note": event.note,
        "image_quality": event.image_quality,
        "location": event.location,
        "region": event.region,
        "active_ms": event.active_ms,
        "saw_prediction": event.saw_prediction,
        "prediction": event.prediction_id,
        "supersedes": event.supersedes_id,
        "at": event.at,
    }


def shown_in_range(event: ReviewEvent) -> Shown:
    """A first read with its image and reading, where several images got one at once."""
    return {
        "image": event.reading.image_id,
        "reading": event.reading_id,
        "first_read": shown_event(event),
    }


def shown_image(image: Image) -> Shown:
    return {
        "id": image.pk,
        "study": image.study_id,
        "width": image.width,
        "height": image.height,
        "bits": image.bits,
        "pixels": reverse("api-image-pixels", args=[image.pk]) if image.pixels_available else None,
    }


def _shown_answer(prediction: Prediction) -> Shown:
    version = prediction.model_version
    maps, probabilities = viewer_maps(prediction), prediction.probabilities
    return {
        "id": prediction.pk,
        "model_version": {"id": version.pk, "number": version.number, "name": version.name}
        if version
        else None,
        "label": prediction.label,
        "probabilities": dict(zip(CLASSES, probabilities, strict=True)) if probabilities else None,
        "novelty": prediction.novelty,
        "novelty_threshold": version.novelty_threshold if version else None,
        "maps": {"classes": maps["classes"], "values": maps["maps"], "box": maps.get("box")}
        if maps
        else None,
    }
