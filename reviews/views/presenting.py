"""A reading as its reader may see it. The machine's answer enters by one line, and only when the selector gives it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from classifier.models import Prediction
from classifier.selectors import Spoken, spoken, viewer_maps
from mriplatform.accounts.models import User
from mriplatform.identifiers import uuid7
from reviews.models import Reading, ReviewEvent
from reviews.selectors import (
    ReadingState,
    Step,
    machine_answer,
    reading_state,
    worklist_counts,
)
from reviews.selectors.beside import count_images_of_study
from reviews.selectors.own_trace import own_trace
from reviews.selectors.recent import RecentVerdict, recent_verdict
from reviews.views.beside import present_beside
from reviews.views.choices import (
    amendment_choices,
    confidence_choices,
    first_read_choices,
    not_assessable,
    reason_choices,
    verdict_choices,
)
from reviews.views.findings import found_with, present_findings
from reviews.views.wording import UNDONE, in_sentence, reason_in, said_in

Kind = ReviewEvent.Kind


@dataclass(frozen=True)
class Answered:
    """The machine's answer, for a reader who may see it."""

    spoken: Spoken
    version: int
    maps: str


@dataclass(frozen=True)
class Line:
    """One line of a reading's history."""

    at: datetime
    what: str
    words: str
    found: str
    reason: str
    note: str
    withdrawn: bool


def present_reading(user: User, reading: Reading, entered: Mapping[str, Any]) -> dict[str, Any]:
    """What the side panel of a reading shows.

    Args:
        entered: what was filled in and not said yet: a draft, or a form that was refused.
    """
    state = reading_state(reading)
    prediction = machine_answer(reading)
    return {
        "reading": reading,
        "image": reading.image,
        "study": reading.image.study,
        "mode": state.mode,
        "step": state.step.value,
        "first_read": _first_read(state),
        "images_in_study": count_images_of_study(reading) if state.step is Step.FIRST_READ else 1,
        "undoable": state.undoable if state.verdict is None else None,
        "answer": _answered(prediction) if prediction else None,
        "verdict": state.verdict,
        "verdict_words": said_in(state.verdict) if state.verdict else "",
        "verdict_found": found_with(state.verdict, state.first_read) if state.verdict else "",
        "history": history_lines(state, prediction),
        "trace": own_trace(user, [reading])[reading.pk] if state.step is Step.DONE else [],
        "entered": entered,
        "findings": present_findings(state, entered),
        "idempotency_key": uuid7(),
        **_choices(state, prediction, entered),
    }


def present_page(user: User, reading: Reading) -> dict[str, Any]:
    """What stands around the panel: place in the study and the collection, what can be undone."""
    collection = reading.image.collection
    return {
        "collection": collection,
        "counts": worklist_counts(user, collection),
        **present_beside(reading),
        "recent": recent_toast(recent_verdict(user)),
    }


def recent_toast(recent: RecentVerdict | None) -> dict[str, Any] | None:
    """The toast by which the newest verdict can be taken back."""
    if recent is None:
        return None
    said = said_in(recent.event)
    return {
        "reading": recent.reading,
        "message": f"Recorded: {said.lower()}.",
        "seconds": recent.seconds,
        "fields": {"event": str(recent.event.pk)},
    }


def history_lines(state: ReadingState, prediction: Prediction | None) -> list[Line]:
    """Everything that was said, oldest first, also what was withdrawn or amended later."""
    superseded = {event.supersedes_id for event in state.history}
    return [_line(event, state.history, superseded, prediction) for event in state.history]


def _line(
    event: ReviewEvent,
    history: Sequence[ReviewEvent],
    superseded: set[UUID | None],
    prediction: Prediction | None,
) -> Line:
    version = prediction.model_version if prediction else None
    what = {
        Kind.FIRST_READ: "First read",
        Kind.REVEAL: f"Model’s answer shown{f' (version {version.number})' if version else ''}",
        Kind.VERDICT: "Verdict",
        Kind.AMENDMENT: "Amended to",
        Kind.WITHDRAWAL: _taken_back(event, history),
    }[Kind(event.kind)]
    words = said_in(event)
    if event.confidence is not None:
        words = f"{words}, {event.get_confidence_display().lower()}"
    return Line(
        event.at, what, words, found_with(event), reason_in(event), event.note, event.pk in superseded
    )


def _taken_back(event: ReviewEvent, history: Sequence[ReviewEvent]) -> str:
    meant = next((said for said in history if said.pk == event.supersedes_id), None)
    what = "First read" if meant is not None and meant.kind == Kind.FIRST_READ else "Verdict"
    return f"{what} undone" if event.reason == UNDONE else f"{what} taken back"


def _first_read(state: ReadingState) -> dict[str, Any] | None:
    event = state.first_read
    if event is None:
        return None
    sure = event.get_confidence_display().lower() if event.confidence is not None else ""
    return {
        "words": said_in(event),
        "sure": sure,
        "found": found_with(event),
        "at": event.at,
        "said": in_sentence(event.label or event.verdict),
    }


def _answered(prediction: Prediction) -> Answered:
    maps = viewer_maps(prediction)
    version = prediction.model_version
    return Answered(
        spoken=spoken(prediction),
        version=version.number if version else 0,
        maps=json.dumps(maps) if maps else "",
    )


def _choices(
    state: ReadingState, prediction: Prediction | None, entered: Mapping[str, Any]
) -> dict[str, Any]:
    match state.step:
        case "first_read":
            return {
                "labels": first_read_choices(entered),
                "not_assessable": not_assessable(entered),
                "confidences": confidence_choices(entered),
            }
        case "verdict":
            machine_answered = prediction.label if prediction else ""
            return {"choices": verdict_choices(state, machine_answered, entered)}
        case "done":
            return {"labels": amendment_choices(entered), "reasons": reason_choices(entered)}
    return {}
