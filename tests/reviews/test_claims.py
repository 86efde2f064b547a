"""Who may read what now: the worklist, claims that run out, and readers who ask at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.utils import timezone

from classifier.models import JobStatus
from classifier.services.removal import hide_image, purge_study
from reviews.exceptions import ReadingConflict
from reviews.models import Reading, ReviewEvent
from reviews.selectors import protocol_of, worklist, worklist_counts
from reviews.services.protocols import ensure_protocol, set_protocol
from reviews.services.reading import (
    claim_image,
    claim_next,
    commit_first_read,
    give_verdict,
    renew_lease,
    undo,
)
from tests.factories import (
    analysed_image,
    make_collection,
    make_image,
    make_prediction,
    make_study,
    make_user,
)


def expire(*readings):
    past = timezone.now() - timedelta(minutes=1)
    Reading.objects.filter(pk__in=[reading.pk for reading in readings]).update(lease_expires_at=past)


def conflict(code, do, **more):
    with pytest.raises(ReadingConflict) as refusal:
        do(**more)
    assert refusal.value.code == code, refusal.value.sentence


def test_the_worklist_is_what_was_analysed_oldest_first_whatever_the_answer(alice, collection):
    images = [analysed_image(collection, label=label) for label in ("pituitary", "glioma", "notumor")]
    make_study(collection)
    queued = make_image(make_study(collection, images=0))
    make_prediction(queued, status=JobStatus.FAILED, probabilities=None, failure_code="x", failure_reason="y")
    hide_image(actor=alice, image=analysed_image(collection))
    purge_study(actor=alice, study=analysed_image(collection).study, reason="test")
    analysed_image(make_collection())
    assert list(worklist(alice, collection)) == images


def test_the_counts_are_the_readers_own(alice, bob, collection, read):
    first, *_ = [analysed_image(collection) for _ in range(4)]
    read.finished(alice, first)
    claim_next(reader=alice, collection=collection)
    none = {"waiting": 0, "mine_open": 0, "set_aside": 0, "done": 0}
    assert worklist_counts(alice, collection) == none | {"waiting": 2, "mine_open": 1, "done": 1, "total": 4}
    assert worklist_counts(bob, collection) == none | {"waiting": 2, "total": 2}


def test_the_next_is_the_readers_open_reading_then_the_oldest_image(alice, bob, collection):
    first, second = analysed_image(collection), analysed_image(collection)
    reading = claim_next(reader=alice, collection=collection)
    assert reading.image == first
    assert claim_next(reader=alice, collection=collection) == reading
    assert claim_next(reader=bob, collection=collection).image == second
    third = make_user(collection=collection, role="radiologist")
    assert claim_next(reader=third, collection=collection) is None


def test_the_first_claim_makes_the_default_protocol(alice, collection, image):
    assert protocol_of(collection)._state.adding
    reading = claim_next(reader=alice, collection=collection)
    assert (reading.protocol.version, reading.protocol.mode) == (1, "blinded_first")
    assert reading.protocol == protocol_of(collection)


def test_a_claim_that_ran_out_is_free_for_others_and_lost_once_taken(alice, bob, collection, image):
    mine = claim_next(reader=alice, collection=collection)
    assert claim_next(reader=bob, collection=collection) is None
    expire(mine)
    theirs = claim_next(reader=bob, collection=collection)
    assert theirs.image == image
    said = {"reader": alice, "reading": mine, "label": "glioma", "confidence": 1, "idempotency_key": uuid4()}
    conflict("claim_lost", commit_first_read, **said)
    conflict("claim_lost", renew_lease, reader=alice, reading=mine)
    assert claim_next(reader=alice, collection=collection) is None
    expire(theirs)
    assert claim_next(reader=alice, collection=collection) == mine


def test_a_claim_that_ran_out_goes_on_while_nobody_took_it(alice, collection, image):
    mine = claim_next(reader=alice, collection=collection)
    expire(mine)
    commit_first_read(reader=alice, reading=mine, label="glioma", confidence=1, idempotency_key=uuid4())
    mine.refresh_from_db()
    assert mine.lease_expires_at > timezone.now() + timedelta(minutes=19)


def test_an_undone_verdict_holds_its_place_again(alice, bob, collection, image, read):
    reading = read.finished(alice, image)
    expire(reading)
    undo(reader=alice, reading=reading)
    assert claim_next(reader=bob, collection=collection) is None
    assert claim_next(reader=alice, collection=collection) == reading


def test_two_readers_per_image_and_no_third(alice, bob, collection, image):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    third = make_user(collection=collection, role="radiologist")
    assert claim_next(reader=alice, collection=collection).image == image
    assert claim_next(reader=bob, collection=collection).image == image
    assert claim_next(reader=third, collection=collection) is None
    conflict("image_not_to_be_read", claim_image, reader=third, image=image)


def test_claiming_an_image_that_one_has_read_gives_that_reading(alice, bob, image, read):
    reading = read.finished(alice, image)
    assert claim_image(reader=alice, image=image) == reading
    conflict("image_not_to_be_read", claim_image, reader=bob, image=image)


def test_hiding_an_image_ends_its_reading(alice, collection, image, read):
    reading = read.revealed(alice, image)
    hide_image(actor=alice, image=image)
    verdict = {"reader": alice, "reading": reading, "verdict": "not_assessable", "idempotency_key": uuid4()}
    conflict("image_hidden", give_verdict, **verdict)
    conflict("image_hidden", renew_lease, reader=alice, reading=reading)
    assert claim_next(reader=alice, collection=collection) is None


def test_a_request_repeated_after_the_image_was_hidden_gets_its_answer_still(alice, image):
    reading = claim_image(reader=alice, image=image)
    said = {
        "reader": alice,
        "reading": reading,
        "label": "glioma",
        "confidence": 1,
        "idempotency_key": uuid4(),
    }
    event = commit_first_read(**said)
    hide_image(actor=alice, image=image)
    assert commit_first_read(**said) == event


def test_nobody_steps_in_anothers_reading(alice, bob, image):
    reading = claim_image(reader=alice, image=image)
    with pytest.raises(PermissionDenied):
        commit_first_read(reader=bob, reading=reading, label="glioma", confidence=1, idempotency_key=uuid4())


# --- At the same moment ---------------------------------------------------------------------------------------


def at_once(count, do):
    """Runs `do(number)` in so many threads, each with a connection of its own, and returns what each got."""
    barrier = Barrier(count)

    def _run(number):
        try:
            barrier.wait()
            return do(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(_run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_eight_readers_at_once_get_eight_images(collection):
    images = {analysed_image(collection).pk for _ in range(8)}
    readers = [make_user(collection=collection, role="radiologist") for _ in range(8)]
    got = at_once(8, lambda number: claim_next(reader=readers[number], collection=collection))
    assert {reading.image_id for reading in got} == images


@pytest.mark.django_db(transaction=True)
def test_a_reader_who_asks_six_times_at_once_gets_one_image(alice, collection):
    for _ in range(6):
        analysed_image(collection)
    got = at_once(6, lambda number: claim_next(reader=alice, collection=collection))
    assert len({reading.pk for reading in got}) == 1
    assert Reading.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_image_for_two_readers_goes_to_two_of_six(collection, image):
    set_protocol(actor=None, collection=collection, mode="assisted", readers_per_image=2)
    readers = [make_user(collection=collection, role="radiologist") for _ in range(6)]
    got = at_once(6, lambda number: claim_next(reader=readers[number], collection=collection))
    assert [reading is not None for reading in got].count(True) == 2
    assert Reading.objects.count() == ReviewEvent.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_statement_sent_twenty_times_at_once_is_one_row(alice, image):
    reading, key = claim_image(reader=alice, image=image), uuid4()

    def _send(number):
        return commit_first_read(
            reader=alice, reading=reading, label="glioma", confidence=2, idempotency_key=key
        )

    assert len({event.pk for event in at_once(20, _send)}) == 1
    assert ReviewEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_five_verdicts_at_once_leave_one(alice, image, read):
    reading = read.revealed(alice, image)

    def _send(number):
        try:
            return give_verdict(
                reader=alice, reading=reading, verdict="not_assessable", idempotency_key=uuid4()
            )
        except ReadingConflict as refusal:
            return refusal.code

    answers = at_once(5, _send)
    assert answers.count("verdict_given") == 4
    assert reading.events.filter(kind="verdict").count() == 1


def meanwhile(first, then):
    """Does `first` in a transaction that commits only once `then`, in another thread, waits for it or is done."""

    def _then():
        try:
            return then()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            first()
            other = pool.submit(_then)
            while not other.done() and not _somebody_waits():
                time.sleep(0.01)
        return other.result()


def _somebody_waits():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_another_claim_sees_that_the_place_is_taken(alice, bob, collection, image):
    ensure_protocol(collection)
    got = meanwhile(
        lambda: claim_next(reader=alice, collection=collection),
        lambda: claim_next(reader=bob, collection=collection),
    )
    assert got is None
    assert Reading.objects.get().reader == alice


@pytest.mark.django_db(transaction=True)
def test_a_place_that_is_left_is_waited_for(alice, bob, collection, image):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    got = meanwhile(
        lambda: claim_next(reader=alice, collection=collection),
        lambda: claim_next(reader=bob, collection=collection),
    )
    assert got.image == image


@pytest.mark.django_db(transaction=True)
def test_readers_who_finish_the_last_two_images_of_a_study_at_once_make_it_final(
    alice, bob, collection, read
):
    study = make_study(collection, images=2)
    readings = []
    for reader, image in zip((alice, bob), study.images.all(), strict=True):
        make_prediction(image)
        readings.append((reader, read.revealed(reader, image)))

    def _finish(reader, reading):
        give_verdict(reader=reader, reading=reading, verdict="not_assessable", idempotency_key=uuid4())

    meanwhile(lambda: _finish(*readings[0]), lambda: _finish(*readings[1]))
    study.refresh_from_db()
    assert study.finalised_at is not None


@pytest.mark.django_db(transaction=True)
def test_an_image_that_is_being_hidden_is_not_read(alice, image, read):
    reading = read.revealed(alice, image)
    with pytest.raises(ReadingConflict, match="hidden"):
        meanwhile(
            lambda: hide_image(actor=alice, image=image),
            lambda: give_verdict(
                reader=alice, reading=reading, verdict="not_assessable", idempotency_key=uuid4()
            ),
        )
