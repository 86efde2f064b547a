"""The steps of a reading, under each protocol."""

from datetime import timedelta
from uuid import uuid4

import pytest

from classifier.exceptions import PlatformError
from mriplatform.audit.models import AuditEvent
from reviews.models import ReviewEvent
from reviews.selectors import machine_answer, may_see_prediction, reading_state, worklist
from reviews.services.protocols import set_protocol
from reviews.services.reading import (
    amend,
    claim_image,
    claim_next,
    commit_first_read,
    give_verdict,
    reveal,
    save_draft,
    undo,
)
from tests.factories import make_prediction, make_study, make_version


def refused(code, status, do, **more):
    with pytest.raises(PlatformError) as refusal:
        do(**more)
    assert (refusal.value.code, refusal.value.status) == (code, status), refusal.value.sentence


@pytest.fixture
def reading(alice, image):
    return claim_image(reader=alice, image=image)


@pytest.fixture
def first_read(alice, reading):
    def _first_read(label="meningioma", confidence=2, key=None):
        return commit_first_read(
            reader=alice,
            reading=reading,
            label=label,
            confidence=confidence,
            idempotency_key=key or uuid4(),
        )

    return _first_read


@pytest.fixture
def say(alice, reading):
    """Gives a verdict."""

    def _say(verdict, key=None, **more):
        return give_verdict(
            reader=alice, reading=reading, verdict=verdict, idempotency_key=key or uuid4(), **more
        )

    return _say


def events_of(reading):
    return [(event.sequence, event.kind, event.label, event.verdict) for event in reading.events.all()]


# --- Blinded first ----------------------------------------------------------------------------------------------


def test_a_blinded_reading_goes_first_read_reveal_verdict(alice, image, reading, first_read, say):
    assert reading_state(reading).step == "first_read"
    assert machine_answer(reading) is None

    first_read("meningioma")
    assert reading_state(reading).step == "reveal"
    assert not may_see_prediction(reading)
    assert machine_answer(reading) is None

    shown = reveal(reader=alice, reading=reading)
    assert reading_state(reading).step == "verdict"
    assert machine_answer(reading) == shown.prediction == image.predictions.get()

    said = say("correct", label="meningioma", reason="location", note=" by the falx ")
    state = reading_state(reading)
    assert (state.step, state.verdict) == ("done", said)
    assert (said.label, said.note, said.saw_prediction, said.prediction) == (
        "meningioma",
        "by the falx",
        True,
        shown.prediction,
    )
    assert not state.first_read.saw_prediction
    reading.refresh_from_db()
    assert reading.finished_at is not None


def test_steps_out_of_order_are_conflicts(alice, reading, first_read, say):
    refused("first_read_missing", 409, reveal, reader=alice, reading=reading)
    refused("first_read_missing", 409, say, verdict="not_assessable")
    refused("verdict_missing", 409, amend, reader=alice, reading=reading, verdict="not_assessable")
    first_read()
    refused("first_read_committed", 409, first_read)
    refused("reveal_missing", 409, say, verdict="confirm")
    reveal(reader=alice, reading=reading)
    say("confirm", reason="persuaded_by_model")
    refused("verdict_given", 409, say, verdict="not_assessable")
    assert [kind for _, kind, _, _ in events_of(reading)] == ["first_read", "reveal", "verdict"]


@pytest.mark.parametrize(
    ("label", "confidence", "code"),
    [
        ("astrocytoma", 2, "unknown_label"),
        ("", 2, "label_missing"),
        ("glioma", 4, "unknown_confidence"),
        ("glioma", -1, "unknown_confidence"),
        ("glioma", float("nan"), "unknown_confidence"),
        ("glioma", True, "unknown_confidence"),
        ("glioma", None, "confidence_missing"),
    ],
)
def test_a_malformed_first_read_is_refused_and_nothing_is_kept(reading, first_read, label, confidence, code):
    refused(code, 400, first_read, label=label, confidence=confidence)
    assert not ReviewEvent.objects.exists()


def test_a_first_read_may_be_that_the_image_is_not_assessable(alice, reading, first_read, say):
    event = first_read("not_assessable", confidence=None)
    assert (event.label, event.verdict) == ("", "not_assessable")
    reveal(reader=alice, reading=reading)
    refused("reason_missing", 422, say, verdict="confirm")
    assert say("confirm", reason="persuaded_by_model").label == "glioma"


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ({"verdict": "agree"}, "unknown_verdict", 400),
        ({"verdict": "correct", "label": "cyst", "reason": "location"}, "unknown_label", 400),
        ({"verdict": "correct", "label": "pituitary", "reason": "hunch"}, "unknown_reason", 400),
        ({"verdict": "correct", "reason": "location"}, "label_missing", 422),
        ({"verdict": "correct", "label": "pituitary"}, "reason_missing", 422),
        ({"verdict": "correct", "label": "glioma", "reason": "location"}, "label_contradicts_verdict", 422),
        ({"verdict": "confirm", "label": "pituitary"}, "label_contradicts_verdict", 422),
        ({"verdict": "confirm"}, "reason_missing", 422),
        ({"verdict": "correct", "label": "pituitary", "reason": "other", "note": " "}, "note_missing", 422),
        ({"verdict": "not_assessable", "label": "glioma"}, "label_not_expected", 422),
        ({"verdict": "not_assessable", "note": "x" * 2001}, "note_too_long", 400),
        ({"verdict": "not_assessable", "note": "a\0b"}, "note_not_text", 400),
        ({"verdict": "not_assessable", "note": "a\ud800b"}, "note_not_text", 400),
    ],
)
def test_a_verdict_that_does_not_hold_is_refused(alice, reading, first_read, say, said, code, status):
    first_read("meningioma")
    reveal(reader=alice, reading=reading)
    refused(code, status, say, **said)
    assert reading_state(reading).step == "verdict"


def test_keeping_the_first_read_that_the_machine_shares_needs_no_reason(alice, reading, first_read, say):
    first_read("glioma")
    reveal(reader=alice, reading=reading)
    assert say("confirm").label == "glioma"


def test_the_second_reveal_changes_nothing_even_when_another_version_was_asked(
    alice, image, reading, first_read
):
    first_read()
    shown = reveal(reader=alice, reading=reading)
    make_prediction(image, label="pituitary", version=make_version(), for_comparison=True)
    assert reveal(reader=alice, reading=reading) == shown
    assert machine_answer(reading).label == "glioma"
    assert len(events_of(reading)) == 2


def test_the_reveal_shows_the_answer_of_the_version_that_read_though_another_was_asked_since(
    alice, image, reading, first_read
):
    answer = image.predictions.get()
    make_prediction(image, label="pituitary", version=make_version(), for_comparison=True)
    first_read()
    assert reveal(reader=alice, reading=reading).prediction == answer


def test_an_image_that_only_another_version_has_read_waits(alice, collection):
    unread = make_study(collection).images.get()
    make_prediction(unread, version=make_version(), for_comparison=True)
    assert unread not in worklist(alice, collection)
    refused("image_not_to_be_read", 409, claim_image, reader=alice, image=unread)


# --- Saying it twice ------------------------------------------------------------------------------------------


def test_the_same_key_says_it_once(alice, reading, first_read, say):
    key = uuid4()
    assert first_read(key=key) == first_read(key=key)
    refused("idempotency_key_reused", 422, first_read, label="pituitary", key=key)
    reveal(reader=alice, reading=reading)
    verdict = uuid4()
    said = say("correct", key=verdict, label="notumor", reason="location")
    assert say("correct", key=verdict, label="notumor", reason="location") == said
    refused(
        "idempotency_key_reused",
        422,
        say,
        verdict="correct",
        key=verdict,
        label="notumor",
        reason="morphology",
    )
    refused("idempotency_key_reused", 422, say, verdict="not_assessable", key=key)
    assert len(events_of(reading)) == 3


def test_a_confirmation_sent_twice_may_leave_its_label_out(alice, reading, first_read, say):
    first_read("glioma")
    reveal(reader=alice, reading=reading)
    key = uuid4()
    assert say("confirm", key=key) == say("confirm", key=key) == say("confirm", key=key, label="glioma")


# --- Taking it back -------------------------------------------------------------------------------------------


def test_a_first_read_can_be_undone_until_the_reveal(alice, reading, first_read):
    first_read("meningioma")
    withdrawal = undo(reader=alice, reading=reading)
    assert (withdrawal.kind, withdrawal.reason, withdrawal.supersedes.kind) == (
        "withdrawal",
        "undo",
        "first_read",
    )
    state = reading_state(reading)
    assert (state.step, state.first_read, len(state.history)) == ("first_read", None, 2)
    first_read("pituitary")
    reveal(reader=alice, reading=reading)
    refused("nothing_to_undo", 409, undo, reader=alice, reading=reading)
    assert reading_state(reading).first_read.label == "pituitary"


def test_a_verdict_can_be_undone_for_ten_seconds(alice, reading, first_read, say):
    first_read("glioma")
    reveal(reader=alice, reading=reading)
    said = say("confirm")
    assert reading_state(reading).undo_until > said.at
    withdrawal = undo(reader=alice, reading=reading, event_id=said.pk)
    assert undo(reader=alice, reading=reading, event_id=said.pk) == withdrawal
    reading.refresh_from_db()
    assert (reading.finished_at, reading_state(reading).step) == (None, "verdict")
    say("not_assessable")
    assert [kind for _, kind, _, _ in events_of(reading)] == [
        "first_read",
        "reveal",
        "verdict",
        "withdrawal",
        "verdict",
    ]


def test_later_a_verdict_is_amended_not_undone(alice, reading, first_read, say, monkeypatch):
    first_read("glioma")
    reveal(reader=alice, reading=reading)
    said = say("confirm")
    monkeypatch.setattr("reviews.services.taking_back.UNDO_WINDOW", timedelta(0))
    refused("undo_too_late", 409, undo, reader=alice, reading=reading)

    changed = amend(reader=alice, reading=reading, verdict="correct", label="notumor", reason="morphology")
    state = reading_state(reading)
    assert (changed.kind, changed.supersedes, state.verdict, state.step) == (
        "amendment",
        said,
        changed,
        "done",
    )
    again = amend(reader=alice, reading=reading, verdict="correct", label="notumor", reason="morphology")
    assert again == changed
    refused("nothing_to_undo", 409, undo, reader=alice, reading=reading)
    back = amend(reader=alice, reading=reading, verdict="confirm")
    assert (back.supersedes, reading_state(reading).verdict) == (changed, back)
    refused("label_missing", 422, amend, reader=alice, reading=reading, verdict="correct", reason="location")


def test_an_amendment_with_its_key_is_said_once(alice, image, read):
    reading = read.finished(alice, image)
    key = uuid4()
    first = amend(reader=alice, reading=reading, verdict="not_assessable", idempotency_key=key)
    assert amend(reader=alice, reading=reading, verdict="not_assessable", idempotency_key=key) == first
    refused(
        "idempotency_key_reused", 422, amend,
        reader=alice, reading=reading, verdict="confirm", reason="other", note="n", idempotency_key=key,
    )  # fmt: skip


def test_undo_names_what_it_means(alice, reading, first_read):
    one = first_read("glioma")
    undo(reader=alice, reading=reading, event_id=one.pk)
    two = first_read("pituitary")
    undo(reader=alice, reading=reading, event_id=one.pk)
    assert reading_state(reading).first_read == two
    refused("not_newest", 409, undo, reader=alice, reading=reading, event_id=uuid4())


# --- Other protocols ------------------------------------------------------------------------------------------


def test_an_assisted_reading_shows_the_answer_from_the_start_and_notes_it(alice, collection, image):
    set_protocol(actor=None, collection=collection, mode="assisted")
    reading = claim_next(reader=alice, collection=collection)
    assert reading_state(reading).step == "verdict"
    assert machine_answer(reading).label == "glioma"
    assert [kind for _, kind, _, _ in events_of(reading)] == ["reveal"]
    claim_next(reader=alice, collection=collection)
    assert len(events_of(reading)) == 1
    refused(
        "no_first_read", 409, commit_first_read,
        reader=alice, reading=reading, label="glioma", confidence=1, idempotency_key=uuid4(),
    )  # fmt: skip
    said = give_verdict(reader=alice, reading=reading, verdict="confirm", idempotency_key=uuid4())
    assert (said.label, said.saw_prediction) == ("glioma", True)


def test_a_reading_keeps_the_protocol_that_it_was_begun_under(alice, collection, reading):
    set_protocol(actor=None, collection=collection, mode="unaided")
    again = claim_next(reader=alice, collection=collection)
    assert (again, again.protocol.mode) == (reading, "blinded_first")


def test_in_an_unaided_reading_the_reader_judges_their_own_first_read(alice, bob, collection, image):
    set_protocol(actor=None, collection=collection, mode="unaided")
    reading = claim_next(reader=bob, collection=collection)
    key = {"reader": bob, "reading": reading}
    commit_first_read(**key, label="pituitary", confidence=1, idempotency_key=uuid4())
    refused("never_revealed", 409, reveal, **key)
    refused(
        "label_contradicts_verdict", 422, give_verdict,
        **key, verdict="confirm", label="glioma", idempotency_key=uuid4(),
    )  # fmt: skip
    said = give_verdict(**key, verdict="confirm", idempotency_key=uuid4())
    assert (said.label, said.saw_prediction, said.prediction) == ("pituitary", False, None)
    assert (reading_state(reading).step, machine_answer(reading)) == ("done", None)
    amended = amend(**key, verdict="correct", label="notumor", reason="image_quality")
    assert (amended.label, machine_answer(reading)) == ("notumor", None)


def test_a_not_assessable_first_read_of_an_unaided_reading_cannot_be_confirmed(alice, collection, image):
    set_protocol(actor=None, collection=collection, mode="unaided")
    reading = claim_next(reader=alice, collection=collection)
    key = {"reader": alice, "reading": reading}
    commit_first_read(**key, label="not_assessable", confidence=None, idempotency_key=uuid4())
    refused("nothing_to_confirm", 422, give_verdict, **key, verdict="confirm", idempotency_key=uuid4())
    assert give_verdict(**key, verdict="not_assessable", idempotency_key=uuid4()).label == ""


# --- Drafts and traces ----------------------------------------------------------------------------------------


def test_a_draft_is_kept_until_it_is_said(alice, reading, first_read):
    save_draft(reader=alice, reading=reading, draft={"label": "glioma", "confidence": 2, "note": "so far"})
    reading.refresh_from_db()
    assert reading.draft == {"label": "glioma", "confidence": 2, "note": "so far"}
    first_read("glioma")
    reading.refresh_from_db()
    assert (reading.draft, len(events_of(reading))) == ({}, 1)


def test_a_draft_that_arrives_after_its_step_was_committed_fills_in_no_other(alice, reading, first_read):
    """It was under way beside the first read; the next step begins empty."""
    first_read("glioma")
    late = {"reader": alice, "reading": reading, "draft": {"label": "glioma"}}
    refused("other_step", 409, save_draft, **late, step="first_read")
    reading.refresh_from_db()
    assert reading.draft == {}
    save_draft(**late, step="reveal")
    reading.refresh_from_db()
    assert reading.draft == {"label": "glioma"}


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        ({"is_superuser": True}, "unknown_field"),
        ({"note": "x" * 2001}, "note_too_long"),
        ({"note": "\0"}, "note_not_text"),
        ({"note": ["x"] * 10_000}, "malformed_draft"),
        ({"confidence": float("inf")}, "malformed_draft"),
    ],
)
def test_a_malformed_draft_is_refused(alice, reading, draft, code):
    refused(code, 400, save_draft, reader=alice, reading=reading, draft=draft)


def test_what_was_done_is_in_the_audit_and_what_was_said_is_not(alice, image, read):
    reading = read.finished(alice, image, "pituitary")
    rows = AuditEvent.objects.filter(object_id=str(reading.pk)).order_by("at", "id")
    assert [row.action for row in rows] == [
        "reading.begun",
        "reading.first_read",
        "reading.reveal",
        "reading.verdict",
    ]
    assert all(row.actor == alice and row.collection_id == image.collection_id for row in rows)
    assert "pituitary" not in str([row.data for row in rows])
