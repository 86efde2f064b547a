"""The rows from which worklists are read: kept by the database in the transaction of what they follow from."""

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection, transaction
from django.utils import timezone

from classifier.models import JobStatus
from classifier.services.predictions import Answer, record_answers, retry_prediction
from classifier.services.removal import hide_image, purge_study
from reviews.models import Adjudication, KnownCase, Reading, WorklistEntry
from reviews.services.protocols import set_protocol
from reviews.services.reading import undo
from tests.factories import analysed_image, make_image, make_prediction, make_study, make_user, make_version

ANSWER = Answer(
    probabilities=np.array([0.7, 0.1, 0.1, 0.1], np.float32),
    maps=np.ones((7, 7, 4), np.float32),
    frame=(0, 0, 64),
    embedding=np.ones(8, np.float32),
    runtime="onnxruntime",
    device="cpu",
)


def entry_of(image):
    return WorklistEntry.objects.get(image=image)


def test_an_image_has_a_row_from_its_answer_on(collection, alice):
    image = make_image(make_study(collection, images=0))
    waiting = make_prediction(
        image, status=JobStatus.RUNNING, probabilities=None, maps=None, map_shape=None, embedding=None
    )
    make_prediction(image, version=make_version(promoted=False), for_comparison=True)
    assert not WorklistEntry.objects.exists()
    waiting.status, waiting.probabilities = JobStatus.SUCCEEDED, [0.7, 0.2, 0.1, 0.0]
    waiting.save()
    entry = entry_of(image)
    assert (entry.collection, entry.arrived_at, entry.width, entry.bits) == (
        collection, image.__class__.objects.get(pk=image.pk).created_at, 64, 8,
    )  # fmt: skip
    assert (entry.open, entry.aside, entry.protocol, entry.places, entry.closed_to) == (
        True, False, None, None, [],
    )  # fmt: skip
    assert entry.entropy == pytest.approx(-sum(p * math.log(p) for p in (0.7, 0.2, 0.1)))
    assert (entry.margin, entry.tumour) == (pytest.approx(0.5), pytest.approx(0.9))
    assert 0 <= entry.draw < 1


def test_without_its_answer_an_image_has_no_row(image):
    image.predictions.all()._raw_delete("default")
    assert not WorklistEntry.objects.exists()


def test_a_comparison_that_becomes_the_answer_brings_its_image_in(collection):
    """Its answer failed, another version that was asked for comparison has answered: no status changes any more."""
    image = make_image(make_study(collection, images=0))
    failed = make_prediction(
        image, status=JobStatus.FAILED, probabilities=None, maps=None, map_shape=None, embedding=None
    )
    asked = make_prediction(image, version=make_version(), for_comparison=True, label="pituitary")
    assert not WorklistEntry.objects.exists()
    assert retry_prediction(actor=make_user(), prediction_id=failed.pk) == asked
    assert entry_of(image).open


def test_an_answer_without_a_class_has_no_measure(collection):
    entry = entry_of(analysed_image(collection, label="not_assessable"))
    assert (entry.aside, entry.open) == (True, True)
    assert (entry.entropy, entry.margin, entry.tumour) == (None, None, None)


def test_the_first_word_fixes_the_protocol_and_each_reader_takes_a_place(alice, bob, collection, image, read):
    two = set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.claimed(alice, image)
    assert entry_of(image).places is None
    reading = read.finished(alice, image)
    entry = entry_of(image)
    assert (entry.protocol, entry.places, entry.closed_to, entry.open) == (two, 1, [alice.pk], True)
    drawn = entry.draw
    set_protocol(actor=None, collection=collection, mode="unaided", readers_per_image=4)
    read.finished(bob, image)
    entry = entry_of(image)
    assert (entry.protocol, entry.places, entry.open) == (two, 0, False)
    assert set(entry.closed_to) == {alice.pk, bob.pk}
    Reading.objects.filter(pk=reading.pk).update(finished_at=None)
    entry = entry_of(image)
    assert (entry.places, entry.closed_to, entry.open, entry.draw) == (1, [bob.pk], True, drawn)


def test_an_undone_verdict_opens_the_image_again(alice, image, read):
    reading = read.finished(alice, image)
    assert not entry_of(image).open
    undo(reader=alice, reading=reading)
    assert (entry_of(image).open, entry_of(image).closed_to) == (True, [])


@pytest.mark.parametrize("purpose", ["repeat", "known"])
def test_readings_that_count_for_no_label_take_no_place(alice, bob, collection, image, read, purpose):
    reading = read.finished(alice, image)
    first = read.claimed(alice, analysed_image(collection)) if purpose == "repeat" else None
    Reading.objects.filter(pk=reading.pk).update(purpose=purpose, repeats=first)
    entry = entry_of(image)
    assert (entry.protocol, entry.places, entry.closed_to, entry.open) == (None, None, [], True)


def test_what_must_not_be_seen_is_closed(alice, collection):
    hidden, purged = analysed_image(collection), analysed_image(collection)
    hide_image(actor=alice, image=hidden)
    purge_study(actor=alice, study=purged.study, reason="test")
    for image in (hidden, purged):
        assert (entry_of(image).visible, entry_of(image).open) == (False, False)


@pytest.mark.parametrize("claimed_for_comparison", [False, True])
@pytest.mark.django_db(transaction=True)
def test_an_answer_that_is_being_recorded_does_not_open_an_image_that_is_being_hidden(
    alice, collection, claimed_for_comparison
):
    """Whoever comes second waits for the other, and neither fails: a picture with a name on it is hidden for sure.

    Also where the worker took it for a comparison, which it was when it was claimed.
    """
    image = make_image(make_study(collection, images=0))
    nothing = {"probabilities": None, "maps": None, "map_shape": None, "embedding": None}
    claimed = make_prediction(image, status=JobStatus.RUNNING, started_at=timezone.now(), **nothing)
    claimed.refresh_from_db()
    claimed.for_comparison = claimed_for_comparison
    recorded = Event()

    def worker():
        try:
            with transaction.atomic():
                assert record_answers([(claimed, ANSWER)]) == 1
                recorded.set()
                sleep(1)  # as a batch does that has more to record
        finally:
            connection.close()

    def hider():
        try:
            recorded.wait(30)
            hide_image(actor=alice, image=image)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(worker), pool.submit(hider)]:
            done.result(60)
    assert (entry_of(image).visible, entry_of(image).open) == (False, False)


def test_a_known_case_is_closed_until_it_is_taken_back(image):
    KnownCase.objects.create(image=image, label="glioma", source="Histology")
    assert (entry_of(image).known, entry_of(image).open) == (True, False)
    KnownCase.objects.create(image=image, label="glioma", source="A mistake", active=False)
    assert (entry_of(image).known, entry_of(image).open) == (False, True)


def test_who_decided_on_an_image_does_not_read_it_after(collection, image):
    judge = make_user(collection=collection, role="adjudicator")
    Adjudication.objects.create(id=uuid4(), image=image, adjudicator=judge, label="glioma", rationale="x")
    assert entry_of(image).closed_to == [judge.pk]


def test_derived_anew_the_rows_are_the_same(alice, bob, collection, read):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    images = [analysed_image(collection) for _ in range(6)]
    read.claimed(alice, images[0])
    read.first(alice, images[1])
    read.finished(alice, images[2])
    for reader in (alice, bob):
        read.finished(reader, images[3])
    hide_image(actor=alice, image=images[4])
    KnownCase.objects.create(image=images[5], label="glioma", source="Histology")
    judge = make_user(collection=collection, role="adjudicator")
    Adjudication.objects.create(image=images[3], adjudicator=judge, label="glioma", rationale="x")
    kept = list(WorklistEntry.objects.order_by("image").values())
    WorklistEntry.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_keep_worklist_entry(id) FROM classifier_image")
    again = list(WorklistEntry.objects.order_by("image").values())
    assert [row | {"draw": 0} for row in again] == [row | {"draw": 0} for row in kept]
    assert len(kept) == 6
