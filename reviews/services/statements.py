"""What a reader may say: each function takes what came in and returns a statement, or refuses it with a sentence."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from ml.labels import CLASSES, DISPLAY_NAMES
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Reason, ReviewEvent, WithdrawalReason
from reviews.selectors import ReadingState
from reviews.services.findings import clean_region, ensure_finding, known_location, known_quality

Verdict = ReviewEvent.Verdict
NOT_ASSESSABLE: Final = Verdict.NOT_ASSESSABLE.value
MAX_NOTE_CHARACTERS: Final = 2000


@dataclass(frozen=True)
class Statement:
    """The content of one review event. How long it took the reader is no part of it: nobody says that."""

    label: str = ""
    verdict: str = ""
    confidence: int | None = None
    reason: str = ""
    note: str = ""
    image_quality: str = ""
    location: str = ""
    region: dict[str, Any] | None = None

    @classmethod
    def of(cls, event: ReviewEvent) -> Self:
        return cls(**{field.name: getattr(event, field.name) for field in fields(cls)})

    @classmethod
    def with_findings(cls, *, image_quality: str, location: str, region: object, **said: Any) -> Self:
        """A statement with its findings checked, whatever else of it is still to be.

        Raises:
            ReviewRefused: 400, a quality or location outside its list, or a region that is none.
        """
        return cls(
            **said,
            image_quality=known_quality(image_quality),
            location=known_location(location),
            region=clean_region(region),
        )


def first_read_statement(raw: Statement) -> Statement:
    """A first read: one of the four classes with a confidence, or `not_assessable`, where none is needed.

    Args:
        raw: what was said, its label a class or `not_assessable`.

    Raises:
        ReviewRefused: 400, an unknown label or confidence; 422, a place of what is not there.
    """
    label, confidence = raw.label, raw.confidence
    if confidence not in (None, *ReviewEvent.Confidence.values) or isinstance(confidence, bool):
        raise _malformed("The confidence is 1 (unsure), 2 (fairly sure) or 3 (sure).", "unknown_confidence")
    ensure_finding(label, raw.location, raw.region)
    if label == NOT_ASSESSABLE:
        return replace(raw, label="", verdict=NOT_ASSESSABLE)
    if not label:
        raise _malformed(f"Say what you see: {_classes()}, or {NOT_ASSESSABLE}.", "label_missing")
    if confidence is None:
        raise _malformed("Say how sure you are: 1, 2 or 3.", "confidence_missing")
    return replace(raw, label=known_label(label))


def as_meant(statement: Statement, machine_answer: str) -> Statement:
    """The verdict as it is recorded: to confirm a machine that gave no class is to say `not_assessable` oneself.

    Args:
        machine_answer: a class or `not_assessable`; empty where none was shown.
    """
    confirms = statement.verdict == Verdict.CONFIRM and not statement.label
    if confirms and machine_answer == NOT_ASSESSABLE:
        return replace(statement, verdict=NOT_ASSESSABLE)
    return statement


def verdict_statement(*, state: ReadingState, machine_answer: str, raw: Statement) -> Statement:
    """A verdict on the machine's answer, or, in an unaided reading, on the reader's own first read.

    Args:
        state: the reading, at its verdict or beyond.
        machine_answer: a class or `not_assessable`; empty in an unaided reading.
        raw: what was said, its note and findings checked.

    Raises:
        ReviewRefused: 400, a word outside its list; 422, a verdict that contradicts its label or lacks its reason, or a
            place of what is not there.
    """
    verdict, label, reason = raw.verdict, raw.label, raw.reason
    if verdict not in Verdict.values:
        raise _malformed(f"The verdict is none of {', '.join(Verdict.values)}.", "unknown_verdict")
    if reason and reason not in Reason.values:
        raise _malformed(f"The reason is none of {', '.join(Reason.values)}.", "unknown_reason")
    label = label and known_label(label)
    if reason == Reason.OTHER and not raw.note:
        raise ReviewRefused("Say in the note what the other reason is.", code="note_missing")
    if verdict == NOT_ASSESSABLE:
        if label:
            raise ReviewRefused("An image that is not assessable has no label.", code="label_not_expected")
        if machine_answer == NOT_ASSESSABLE:
            _ensure_change_has_reason(state, NOT_ASSESSABLE, reason)
        ensure_finding(NOT_ASSESSABLE, raw.location, raw.region)
        return raw
    judged = machine_answer or _own_first_label(state)
    label = _confirmed(judged, label) if verdict == Verdict.CONFIRM else _corrected(judged, label, reason)
    if machine_answer:
        _ensure_change_has_reason(state, label, reason)
    ensure_finding(label, raw.location, raw.region)
    return replace(raw, label=label)


def withdrawal_statement(reason: str, note: str) -> Statement:
    """Why a verdict is taken back.

    Raises:
        ReviewRefused: 400, no reason, one outside its list, or a note that is no text; 422, `other` without a note.
    """
    if reason not in WithdrawalReason.values:
        raise _malformed(
            f"Say why you take it back: the reason is one of {', '.join(WithdrawalReason.values)}.",
            "unknown_reason",
        )
    note = clean_note(note)
    if reason == WithdrawalReason.OTHER and not note:
        raise ReviewRefused("Say in the note what the other reason is.", code="note_missing")
    return Statement(reason=reason, note=note)


def _ensure_change_has_reason(state: ReadingState, said: str, reason: str) -> None:
    if state.first_read is not None and said != _own_first_label(state) and not reason:
        raise ReviewRefused("You changed your first read. Say why: choose a reason.", code="reason_missing")


def known_label(label: str) -> str:
    if label not in CLASSES:
        raise _malformed(f"The label is none of {_classes()}.", "unknown_label")
    return label


def clean_note(note: str) -> str:
    """A note without blanks around it.

    Raises:
        ReviewRefused: 400, too long, or with characters that no text holds (NUL, half a surrogate pair).
    """
    note = note.strip()
    if len(note) > MAX_NOTE_CHARACTERS:
        raise _malformed(
            f"The note has {len(note):,} characters; the limit is {MAX_NOTE_CHARACTERS:,}.", "note_too_long"
        )
    if "\0" in note or any("\ud800" <= character <= "\udfff" for character in note):
        raise _malformed("The note holds a character that is not text.", "note_not_text")
    return note


def _own_first_label(state: ReadingState) -> str:
    if state.first_read is None:
        return ""
    return state.first_read.label or state.first_read.verdict


def _confirmed(judged: str, label: str) -> str:
    if judged == NOT_ASSESSABLE:
        raise ReviewRefused(
            "What stands is that the image is not assessable. Say that again, or correct it with a label.",
            code="nothing_to_confirm",
        )
    if label and label != judged:
        raise ReviewRefused(
            f"To confirm is to keep {DISPLAY_NAMES[judged]}. To say {DISPLAY_NAMES[label]}, correct it.",
            code="label_contradicts_verdict",
        )
    return judged


def _corrected(judged: str, label: str, reason: str) -> str:
    if not label:
        raise ReviewRefused("Say what it is instead: a correction needs a label.", code="label_missing")
    if label == judged:
        raise ReviewRefused(
            f"{DISPLAY_NAMES[label]} is what was said already. Confirm it, or choose another label.",
            code="label_contradicts_verdict",
        )
    if not reason:
        raise ReviewRefused("Say why: a correction needs a reason.", code="reason_missing")
    return label


def ensure_at_verdict(state: ReadingState) -> None:
    """Refuse what presumes the first read and the reveal, where the protocol asks for them and they are missing."""
    if state.step == "first_read":
        raise ReadingConflict("Commit your first read before you give a verdict.", code="first_read_missing")
    if state.step == "reveal":
        raise ReadingConflict("See the machine's answer before you give a verdict.", code="reveal_missing")


def _classes() -> str:
    return ", ".join(CLASSES)


def _malformed(sentence: str, code: str) -> ReviewRefused:
    return ReviewRefused(sentence, code=code, status=400)
