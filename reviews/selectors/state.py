"""What a reading has come to, derived from what was said in it, and the one door to the machine's answer."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from classifier.models import Prediction
from reviews.models import Reading, ReadingProtocol, ReviewEvent

# How long a verdict can be undone; the page counts these seconds, and the server allows a little for the way.
UNDO_SECONDS: Final = 10

Kind = ReviewEvent.Kind
Mode = ReadingProtocol.Mode


class Step(StrEnum):
    """What a reading waits for."""

    FIRST_READ = "first_read"
    REVEAL = "reveal"
    VERDICT = "verdict"
    DONE = "done"


@dataclass(frozen=True)
class ReadingState:
    """What is in force in a reading; events that were superseded or withdrawn stand only in `history`.

    Attributes:
        mode: of the protocol that the reading was begun under.
        first_read, reveal, verdict: the event in force, or None. `verdict` may be an amendment.
        history: everything that was said, oldest first, withdrawn events and withdrawals included. Before the
            reveal there is nothing of the machine's in it.
    """

    mode: str
    step: Step
    first_read: ReviewEvent | None
    reveal: ReviewEvent | None
    verdict: ReviewEvent | None
    history: tuple[ReviewEvent, ...]

    @property
    def shows_answer(self) -> bool:
        """Whether the protocol lets the reader see the machine's answer now."""
        return self.reveal is not None and self.mode != Mode.UNAIDED

    @property
    def undoable(self) -> ReviewEvent | None:
        """The event that an undo would withdraw; of a verdict, only within its seconds (see `undo_until`)."""
        if self.verdict is not None:
            return self.verdict if self.verdict.kind == Kind.VERDICT else None
        return self.first_read if self.reveal is None else None

    @property
    def undo_until(self) -> datetime | None:
        """Until when the verdict can be undone; None where no verdict is to be undone."""
        event = self.undoable
        if event is None or event.kind != Kind.VERDICT:
            return None
        return event.at + timedelta(seconds=UNDO_SECONDS)


def events_in_force(events: Iterable[ReviewEvent]) -> dict[str, ReviewEvent]:
    """The events of one reading that nothing supersedes, by kind; withdrawals say nothing of their own."""
    events = list(events)
    superseded = {event.supersedes_id for event in events}
    return {
        event.kind: event for event in events if event.pk not in superseded and event.kind != Kind.WITHDRAWAL
    }


def reading_state(reading: Reading) -> ReadingState:
    """The reading's state, from its events (prefetched ones are used)."""
    events = sorted(reading.events.all(), key=lambda event: event.sequence)
    said = events_in_force(events)
    mode = reading.protocol.mode
    first_read, reveal = said.get(Kind.FIRST_READ), said.get(Kind.REVEAL)
    verdict = said.get(Kind.AMENDMENT) or said.get(Kind.VERDICT)
    step = Step.DONE if verdict else _open_step(mode, first_read, reveal)
    return ReadingState(mode, step, first_read, reveal, verdict, tuple(events))


def _open_step(mode: str, first_read: ReviewEvent | None, reveal: ReviewEvent | None) -> Step:
    if mode != Mode.ASSISTED and first_read is None:
        return Step.FIRST_READ
    if mode != Mode.UNAIDED and reveal is None:
        return Step.REVEAL
    return Step.VERDICT


def reading_revision(reading: Reading) -> str:
    """A short hash of what was said and of the draft: it changes when, and only when, one of them does."""
    said = [str(event.pk) for event in sorted(reading.events.all(), key=lambda event: event.sequence)]
    content = json.dumps([said, reading.draft], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:20]


def may_see_prediction(reading: Reading) -> bool:
    """Whether the reader may see the machine's answer: only once its reveal is on record."""
    return reading_state(reading).shows_answer


def machine_answer(reading: Reading) -> Prediction | None:
    """The prediction that was revealed in this reading; None until the protocol allows it.

    The only way by which a reader gets a prediction: every page and every endpoint asks here.
    """
    state = reading_state(reading)
    if state.reveal is None or not state.shows_answer:
        return None
    return state.reveal.prediction


def was_set_aside(reading: Reading) -> bool:
    """Whether this reading is of the list of images without a class: an assisted one of such an image."""
    answer = machine_answer(reading) if reading.protocol.mode == Mode.ASSISTED else None
    return answer is not None and answer.not_assessable
