"""From what was said to a dated snapshot: what is gathered, when it is made, who asks for it."""

from datetime import timedelta
from threading import Event, Thread
from uuid import uuid4

import numpy as np
import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews.figures.data import ANSWERS, BLINDED
from reviews.models import (
    FigureRequest,
    FigureSnapshot,
    KnownCase,
    Reading,
    ReviewEvent,
    WorklistEntry,
)
from reviews.selectors.figure_data import gather
from reviews.selectors.figures import collections_with_due_figures, everything
from reviews.services.figures import ask_for_figures, compute_due_figures, compute_figures
from reviews.services.protocols import set_protocol
from reviews.services.reading import give_verdict
from tests.factories import analysed_image
from tests.reviews.figures.conftest import CASES


def test_what_is_gathered_is_what_was_said(room, collection, three_readers):
    Reading.objects.filter(reader=three_readers[0]).update(drawn="arrival")
    found = gather(collection)
    images, readings = found.images, found.readings
    assert [ANSWERS[place] for place in images.machine] == [machine for machine, _ in CASES]
    finals = ["glioma", "meningioma", "pituitary", "notumor", "meningioma", "not_assessable"]
    assert [ANSWERS[place] for place in images.truth] == finals
    words = [images.paths[place] for place in images.path]
    assert words.count("agreed") == 5
    assert words[1] == "majority 2 of 3"
    assert images.closed.all()
    assert images.unbiased.all()
    assert images.in_force.all()
    assert np.isnan(images.probabilities[5]).all()
    assert not np.isnan(images.probabilities[:5]).any()
    assert len(readings) == 18
    assert set(readings.mode) == {BLINDED}
    assert readings.revealed.all()
    said = {
        (int(image), found.readers[reader.pk]): label
        for image, (_, labels) in enumerate(CASES)
        for reader, label in zip(three_readers, labels, strict=True)
    }
    for image, reader, first, verdict in zip(
        readings.image, readings.reader, readings.first, readings.verdict, strict=True
    ):
        assert ANSWERS[first] == ANSWERS[verdict] == said[int(image), int(reader)]
    assert found.events == 54
    assert set(readings.first_confidence) == {2}
    assert np.isnan(readings.first_seconds).all()


def test_gathering_takes_the_same_queries_however_much_was_read(room, collection, read, three_readers):
    with CaptureQueriesContext(
        connection,
    ) as few:
        gather(collection)
    for _ in range(4):
        read.finished(three_readers[0], analysed_image(collection), "glioma")
    with CaptureQueriesContext(connection) as more:
        gather(collection)
    assert len(more) == len(few) <= 14


def test_repeats_known_cases_withdrawals_and_times(room, collection, read, three_readers):
    rosa = three_readers[0]
    first = Reading.objects.get(image=room[0], reader=rosa)
    now = timezone.now()
    again = Reading.objects.create(
        image=room[0], reader=rosa, protocol=first.protocol, lease_expires_at=now, finished_at=now,
        purpose="repeat", repeats=first,
    )  # fmt: skip
    said = {"reading": again, "label": "pituitary"}
    ReviewEvent.objects.create(sequence=1, kind="first_read", active_ms=4000, confidence=3, **said)
    shown = {"prediction": room[0].predictions.get(), "active_ms": 700}
    ReviewEvent.objects.create(sequence=2, kind="reveal", reading=again, **shown)
    verdict = ReviewEvent.objects.create(
        sequence=3, kind="verdict", verdict="confirm", active_ms=1500, **said
    )
    KnownCase.objects.create(image=room[1], label="glioma", source="histology")
    images, readings = (found := gather(collection)).images, found.readings
    repeats = readings.where(readings.repeats >= 0)
    assert (ANSWERS[repeats.verdict[0]], repeats.first_seconds[0], repeats.seconds[0]) == (
        "pituitary",
        4.0,
        6.2,
    )
    earlier = readings.repeats[readings.repeats >= 0][0]
    assert ANSWERS[readings.verdict[earlier]] == "glioma"
    assert readings.reader[earlier] == repeats.reader[0] == found.readers[rosa.pk]
    assert ANSWERS[images.truth[1]] == "glioma"
    assert images.paths[images.path[1]] == "known case"
    assert not images.closed[1]
    ReviewEvent.objects.create(
        reading=again, sequence=4, kind="withdrawal", reason="slip", supersedes=verdict
    )
    assert not (gather(collection).readings.repeats >= 0).any()
    KnownCase.objects.create(image=room[1], label="glioma", source="histology", active=False)
    assert "known case" not in gather(collection).images.paths


def test_images_that_were_chosen_by_the_answer_measure_no_version(room, collection):
    Reading.objects.update(drawn="arrival")
    Reading.objects.filter(image=room[0]).update(drawn="order")
    Reading.objects.filter(image=room[2]).update(drawn="random")
    assert gather(collection).images.unbiased.tolist() == [False, True, True, True, True, True]
    content = compute_figures(collection=collection).content
    (accuracy,) = [row for row in content["everything"]["model_accuracy"] if row["measure"] == "accuracy"]
    assert (accuracy["n"], accuracy["value"]) == (5, 0.8)


def test_what_an_order_by_the_answer_left_over_measures_no_version(collection, read, three_readers):
    """Read in order of arrival after it, and still chosen by the answer: only its random share stays unbiased."""
    assisted = {"collection": collection, "mode": "assisted", "random_share": 0.3}
    images = [analysed_image(collection) for _ in range(3)]
    early, left, share = images
    aside = analysed_image(collection, label="not_assessable")
    WorklistEntry.objects.filter(image=share).update(draw=0.1)
    WorklistEntry.objects.exclude(image=share).update(draw=0.8)
    read.finished(three_readers[0], early)
    set_protocol(actor=None, **assisted, order="entropy")
    set_protocol(actor=None, **assisted, order="arrival")
    after = analysed_image(collection)
    for image in (left, share, aside, after):
        reading = read.claimed(three_readers[0], image)
        give_verdict(reader=three_readers[0], reading=reading, verdict="confirm")
    Reading.objects.update(drawn="arrival")
    unbiased = gather(collection).images.unbiased.tolist()
    assert dict(zip([early, left, share, aside, after], unbiased, strict=True)) == {
        early: True, left: False, share: True, aside: False, after: True,
    }  # fmt: skip


def test_an_image_that_comes_while_figures_are_made_is_in_none_of_them(room, collection, read, monkeypatch):
    from reviews.selectors import figure_data

    real, late = figure_data._truths, []

    def meanwhile(*given):
        if not late:
            late.append(analysed_image(collection))
            read.finished(room[0].readings.first().reader, late[0])
        return real(*given)

    monkeypatch.setattr(figure_data, "_truths", meanwhile)
    found = gather(collection)
    assert late
    assert (len(found.images), len(found.readings)) == (6, 18)


def test_what_is_asked_for_while_figures_are_made_is_still_to_be_made(
    room, collection, engineer, monkeypatch
):
    def asked_meanwhile(given):
        found = gather(given)
        ask_for_figures(actor=engineer, collection=given)
        return found

    monkeypatch.setattr("reviews.services.figures.gather", asked_meanwhile)
    compute_figures(collection=collection)
    assert list(collections_with_due_figures()) == [collection]
    assert everything(collection).waiting


def test_a_snapshot_is_dated_counted_audited_and_never_changed(room, collection):
    from mriplatform.audit.models import AuditEvent

    snapshot = compute_figures(collection=collection)
    snapshot.refresh_from_db()
    assert (snapshot.events, snapshot.content["form"]) == (54, 1)
    assert snapshot.seconds < 30
    kappa = [row for row in snapshot.content["everything"]["between_readers"] if row["measure"] == "fleiss"]
    assert kappa[0]["n"] == 6
    assert AuditEvent.objects.get(action="figures.computed").object_id == str(snapshot.pk)
    with pytest.raises(TypeError, match="ledger"):
        snapshot.save()


def test_a_collection_without_anything_has_figures_that_say_nothing(collection, engineer):
    assert compute_due_figures() is None
    ask_for_figures(actor=engineer, collection=collection)
    assert not any(compute_due_figures().content["everything"].values())


def test_figures_are_due_when_asked_for_and_daily_when_something_happened(room, collection, engineer):
    assert list(collections_with_due_figures()) == [collection]
    assert compute_due_figures().collection == collection
    assert compute_due_figures() is None
    first = ask_for_figures(actor=engineer, collection=collection)
    assert ask_for_figures(actor=engineer, collection=collection) == first
    assert FigureRequest.objects.count() == 1
    assert compute_due_figures() is not None
    assert not collections_with_due_figures().exists()
    assert FigureSnapshot.objects.count() == 2


def test_a_day_later_what_was_said_since_makes_them_due(collection, image, read, alice):
    long_ago = timezone.now() - timedelta(hours=25)
    FigureSnapshot.objects.create(
        collection=collection, content={"form": 1}, events=0, seconds=0, computed_at=long_ago
    )
    assert list(collections_with_due_figures()) == [collection]
    FigureSnapshot.objects.create(
        collection=collection,
        content={"form": 1},
        events=0,
        seconds=0,
        computed_at=long_ago + timedelta(hours=2),
    )
    assert not collections_with_due_figures().exists()


def test_one_collection_that_fails_holds_up_no_other(room, collection, monkeypatch, caplog, charlie):
    other = charlie.memberships.get().collection
    analysed_image(other)
    real = gather

    def failing(asked):
        if asked == collection:
            raise RuntimeError("broken")
        return real(asked)

    monkeypatch.setattr("reviews.services.figures.gather", failing)
    assert compute_due_figures().collection == other
    assert "could not be made" in caplog.text or list(collections_with_due_figures()) == [collection]


@pytest.mark.django_db(transaction=True)
def test_two_workers_make_one_snapshot_and_no_change_of_protocol_waits_for_it(collection, monkeypatch):
    begun, go_on, made = Event(), Event(), []

    def slowly(asked):
        begun.set()
        go_on.wait(30)
        return gather(asked)

    def other_worker():
        try:
            made.append(compute_figures(collection=collection))
        finally:
            connection.close()

    monkeypatch.setattr("reviews.services.figures.gather", slowly)
    thread = Thread(target=other_worker)
    thread.start()
    try:
        assert begun.wait(30)
        assert compute_figures(collection=collection) is None
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            set_protocol(actor=None, collection=collection, mode="unaided")
    finally:
        go_on.set()
        thread.join(30)
    assert made == [FigureSnapshot.objects.get()]
    assert compute_figures(collection=collection) is not None


def test_the_task_is_known_by_its_name_and_rung_by_the_clock(settings):
    from mriplatform.celery import app

    app.loader.import_default_modules()
    assert "reviews.compute_figures" in app.tasks
    (entry,) = [e for e in settings.CELERY_BEAT_SCHEDULE.values() if e["task"] == "reviews.compute_figures"]
    assert entry["options"]["queue"] == "inference"


def test_the_embeddings_of_what_comes_later_are_compared(collection, version):
    from classifier.models import Image

    noon = timezone.now().replace(hour=12)
    for number in range(50):
        image = analysed_image(collection, label="glioma" if number < 25 else "pituitary")
        came = noon - timedelta(days=60 if number < 25 else 10) + timedelta(minutes=number)
        Image.objects.filter(pk=image.pk).update(created_at=came, cluster=uuid4())
    content = compute_figures(collection=collection).content["everything"]
    (row,) = content["embedding_drift"]
    assert row["p"] <= 0.05
    assert row["value"] > 0.1
    assert {row["source"] for row in content["mix_drift"]} == {"machine"}


def test_a_database_that_is_away_is_no_fault_of_one_collection(room, monkeypatch, caplog):
    def away(asked):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("reviews.services.figures.gather", away)
    with pytest.raises(OperationalError):
        compute_due_figures()
    assert "could not be made" not in caplog.text
    assert not FigureSnapshot.objects.exists()
