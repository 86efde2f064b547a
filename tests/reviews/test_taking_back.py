"""Withdrawing a verdict with a reason, whenever that is."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from classifier.exceptions import PlatformError
from mriplatform.audit.models import AuditEvent
from reviews.models import Reading
from reviews.selectors import final_label, labels, machine_answer, reading_revision, reading_state, worklist
from reviews.services.claims import claim_next
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, give_verdict, undo, withdraw
from tests.factories import analysed_image


def refused(code, status, do, **more):
    with pytest.raises(PlatformError) as refusal:
        do(**more)
    assert (refusal.value.code, refusal.value.status) == (code, status), refusal.value.sentence


@pytest.fixture
def reading(alice, image, read):
    """A finished one, against the machine."""
    return read.finished(alice, image, "meningioma")


def test_a_withdrawn_verdict_counts_for_nothing_and_the_reading_waits_for_another(
    alice, collection, image, reading
):
    verdict = reading_state(reading).verdict
    assert final_label(image).label == "meningioma"
    withdrawal = withdraw(reader=alice, reading=reading, reason="slip", note=" wrong key ")
    assert (withdrawal.kind, withdrawal.reason, withdrawal.note) == ("withdrawal", "slip", "wrong key")
    assert (withdrawal.supersedes, withdrawal.saw_prediction) == (verdict, True)

    reading = Reading.objects.get(pk=reading.pk)
    state = reading_state(reading)
    assert (state.step, state.verdict, reading.finished_at) == ("verdict", None, None)
    assert reading.lease_expires_at > timezone.now() + timedelta(minutes=15)
    assert machine_answer(reading).label == "glioma"
    assert (final_label(image), list(labels(collection, None))) == (None, [])
    image.study.refresh_from_db()
    assert image.study.finalised_at is None

    assert claim_next(reader=alice, collection=collection) == reading
    give_verdict(reader=alice, reading=reading, verdict="not_assessable")
    assert [event.kind for event in reading.events.order_by("sequence")][2:] == [
        "verdict",
        "withdrawal",
        "verdict",
    ]
    assert final_label(image).label == ""


def test_an_amendment_can_be_withdrawn_and_what_it_superseded_does_not_come_back(alice, image, reading):
    amended = amend(reader=alice, reading=reading, verdict="not_assessable")
    assert withdraw(reader=alice, reading=reading, reason="no_longer_sure").supersedes == amended
    assert (reading_state(Reading.objects.get(pk=reading.pk)).verdict, final_label(image)) == (None, None)


@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ({"reason": ""}, "unknown_reason", 400),
        ({"reason": "undo"}, "unknown_reason", 400),
        ({"reason": "location"}, "unknown_reason", 400),
        ({"reason": "other", "note": "  "}, "note_missing", 422),
        ({"reason": "slip", "note": "x" * 2001}, "note_too_long", 400),
    ],
)
def test_a_withdrawal_says_why(alice, reading, said, code, status):
    refused(code, status, withdraw, reader=alice, reading=reading, **said)
    assert reading_state(Reading.objects.get(pk=reading.pk)).step == "done"


def test_there_must_be_a_verdict_to_withdraw(alice, collection, read):
    begun = read.revealed(alice, analysed_image(collection))
    refused("verdict_missing", 409, withdraw, reader=alice, reading=begun, reason="slip")


def test_a_withdrawal_sent_twice_is_one_and_no_undo_brings_the_verdict_back(alice, reading):
    key = uuid4()
    said = {"reader": alice, "reading": reading, "reason": "slip", "idempotency_key": key}
    assert withdraw(**said) == withdraw(**said)
    refused("idempotency_key_reused", 422, withdraw, **said | {"reason": "no_longer_sure"})
    refused("verdict_missing", 409, withdraw, **said | {"idempotency_key": uuid4()})
    refused("nothing_to_undo", 409, undo, reader=alice, reading=reading)


def test_a_withdrawal_of_what_changed_meanwhile_is_refused(alice, reading):
    seen = reading_revision(reading)
    amend(reader=alice, reading=reading, verdict="not_assessable")
    said = {"reader": alice, "reading": reading, "reason": "slip", "if_revision": seen}
    refused("changed_meanwhile", 412, withdraw, **said)
    again = Reading.objects.get(pk=reading.pk)
    assert withdraw(**said | {"if_revision": reading_revision(again)}).kind == "withdrawal"


def test_where_others_hold_all_places_the_withdrawn_reading_stays_shut(alice, bob, collection, image, read):
    """Bob took a place while alice's claim had run out; she had begun before the place was his."""
    hers = read.finished(alice, image, "glioma")
    Reading.objects.filter(pk=hers.pk).update(finished_at=None)
    Reading.objects.filter(pk=hers.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
    theirs = read.finished(bob, image, "glioma")
    Reading.objects.filter(pk=hers.pk).update(finished_at=timezone.now())

    withdraw(reader=alice, reading=hers, reason="no_longer_sure")
    hers.refresh_from_db()
    assert hers.finished_at is None
    assert hers.lease_expires_at <= timezone.now()
    refused("claim_lost", 409, give_verdict, reader=alice, reading=hers, verdict="confirm")
    assert image not in worklist(alice, collection)
    assert final_label(image).label == "glioma"

    withdraw(reader=bob, reading=theirs, reason="slip")
    Reading.objects.filter(pk=theirs.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
    assert give_verdict(reader=alice, reading=hers, verdict="confirm").kind == "verdict"


def test_a_withdrawal_that_settles_a_disagreement_differently_is_seen_at_once(
    alice, bob, collection, image, read
):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image, "glioma")
    theirs = read.finished(bob, image, "meningioma")
    assert final_label(image) is None
    withdraw(reader=bob, reading=theirs, reason="slip")
    give_verdict(reader=bob, reading=theirs, verdict="confirm", reason="persuaded_by_model")
    assert (final_label(image).label, final_label(image).path) == ("glioma", "agreed")


def test_that_a_verdict_was_withdrawn_is_in_the_audit(alice, reading):
    withdraw(reader=alice, reading=reading, reason="slip", note="not this one")
    row = AuditEvent.objects.filter(action="reading.withdrawal").get()
    assert (row.actor, row.object_id) == (alice, str(reading.pk))
    assert "not this one" not in str(row.data)
