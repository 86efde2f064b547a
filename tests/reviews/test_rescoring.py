"""The backlog, read again by another version: in turn, at a rate, and never under a reader's eyes."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from classifier.exceptions import PlatformError, StateConflict
from classifier.models import Image, JobStatus, Prediction, Promotion
from classifier.selectors import version_in_force
from classifier.services.predictions import record_failed_attempt, retry_prediction
from classifier.services.removal import hide_image
from mriplatform.audit.models import AuditEvent
from reviews.models import Reading, Rescore, ReviewEvent, WorklistEntry
from reviews.selectors.rescoring import progress_of
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image, reveal
from reviews.services.rescoring import (
    cancel_rescore,
    pause_rescore,
    resume_rescore,
    start_rescore,
    step_rescore,
    step_rescores,
)
from tests.factories import analysed_image, answer, make_image, make_prediction, make_study, make_version

NOTHING = {"probabilities": None, "maps": None, "map_shape": None, "embedding": None, "finished_at": None}


def put_in_force(version):
    Promotion.objects.create(
        sequence=Promotion.objects.count() + 1, model_version=version, kind="promote", reason="for the test"
    )
    return version


@pytest.fixture
def newer(collection):
    """What is put in force once the images were answered."""
    return lambda: make_version()


@pytest.fixture
def begin(collection, engineer):
    """Puts a new version in force and begins a pass that may ask about everything at once."""

    def _begin(per_minute=6000):
        rescore = start_rescore(
            actor=engineer,
            collection=collection,
            version=make_version(),
            per_minute=per_minute,
            reason="newer",
        )
        return later(rescore)

    return _begin


def later(rescore, seconds=60):
    """The same pass after so many seconds."""
    Rescore.objects.filter(pk=rescore.pk).update(stepped_at=F("stepped_at") - timedelta(seconds=seconds))
    rescore.refresh_from_db()
    return rescore


def answers_of(version, label="pituitary", probability=0.6):
    """The worker answers everything that is in line for a version."""
    waiting = Prediction.objects.filter(model_version=version, status=JobStatus.QUEUED)
    return waiting.update(status=JobStatus.SUCCEEDED, attempt=1, **answer(label, probability))


def counts(image):
    return image.predictions.get(for_comparison=False)


def test_each_new_answer_takes_the_place_of_the_old_which_stays_beside_it(collection, version, begin):
    images = [analysed_image(collection, label="glioma") for _ in range(3)]
    before = {image.pk: WorklistEntry.objects.get(image=image) for image in images}
    rescore = begin()
    assert step_rescore(rescore.pk) == 3
    assert {counts(image).model_version for image in images} == {version}
    assert answers_of(rescore.model_version) == 3
    assert step_rescore(rescore.pk) == 3
    rescore.refresh_from_db()
    assert (rescore.asked, rescore.replaced, rescore.status) == (3, 3, "finished")
    for image in images:
        assert (counts(image).model_version, counts(image).label) == (rescore.model_version, "pituitary")
        old = image.predictions.get(for_comparison=True)
        assert (old.model_version, old.label, old.maps is not None) == (version, "glioma", True)
        entry, was = WorklistEntry.objects.get(image=image), before[image.pk]
        assert (entry.tumour, was.tumour) == (pytest.approx(1 - 0.4 / 3), pytest.approx(0.95))
        assert (entry.entropy > was.entropy, entry.margin < was.margin) == (True, True)
        assert (entry.draw, entry.arrived_at, entry.open) == (was.draw, was.arrived_at, True)


def test_an_image_that_gets_no_class_now_comes_onto_the_list_aside_and_back(collection, begin):
    image = analysed_image(collection)
    for label, aside in (("not_assessable", True), ("notumor", False)):
        rescore = begin()
        step_rescore(rescore.pk)
        answers_of(rescore.model_version, label)
        later(rescore)
        step_rescore(rescore.pk)
        entry = WorklistEntry.objects.get(image=image)
        assert (entry.aside, entry.entropy is None) == (aside, aside)


def test_what_somebody_has_begun_keeps_the_answer_it_has(collection, version, alice, read, begin):
    """Claimed before it is asked about, claimed before the answer is in place, said something about."""
    claimed, said, meanwhile, free = (analysed_image(collection) for _ in range(4))
    read.claimed(alice, claimed)
    read.first(alice, said)
    rescore = begin()
    assert step_rescore(rescore.pk) == 2
    answers_of(rescore.model_version)
    read.claimed(alice, meanwhile)
    later(rescore)
    assert step_rescore(rescore.pk) == 1
    rescore.refresh_from_db()
    assert (rescore.asked, rescore.replaced, rescore.status) == (2, 1, "finished")
    assert [counts(image).model_version for image in (claimed, said, meanwhile)] == [version] * 3
    assert counts(free).model_version == rescore.model_version


def test_no_more_images_are_asked_about_than_the_rate_allows(collection, begin):
    """By the database's clock: what a short step leaves is not lost, and a long pause does not add up."""
    for _ in range(6):
        analysed_image(collection)
    rescore = begin(per_minute=3)
    Rescore.objects.filter(pk=rescore.pk).update(stepped_at=Now())
    asked = []
    for seconds in (15, 15, 15, 3600):
        later(rescore, seconds)
        asked.append(step_rescore(rescore.pk))
    # One in 20 s: the second step has ten left, so that the third has enough. An hour counts as 30 s.
    assert asked == [0, 1, 1, 1]


def test_what_is_in_line_stays_below_a_minutes_worth(collection, begin):
    for _ in range(5):
        analysed_image(collection)
    rescore = begin(per_minute=2)
    for _ in range(4):
        later(rescore, 600)
        step_rescore(rescore.pk)
    rescore.refresh_from_db()
    assert rescore.asked == 2
    assert Prediction.objects.filter(status=JobStatus.QUEUED).count() == 2
    progress = progress_of(rescore)
    assert (progress.left, progress.in_line, progress.failed, progress.minutes) == (3, 2, 0, 2)


def test_paused_it_asks_nothing_and_goes_on_where_it_was(collection, engineer, begin):
    images = [analysed_image(collection) for _ in range(6)]
    rescore = begin(per_minute=6)
    later(rescore, 60)
    assert step_rescore(rescore.pk) == 3
    pause_rescore(actor=engineer, rescore=rescore)
    later(rescore, 60)
    answers_of(rescore.model_version)
    assert step_rescores() == 0
    with pytest.raises(StateConflict):
        pause_rescore(actor=engineer, rescore=rescore)
    rescore = resume_rescore(actor=engineer, rescore=rescore)
    assert rescore.cursor == images[2].pk
    assert step_rescore(rescore.pk) == 3  # those that were answered meanwhile
    later(rescore, 60)
    assert step_rescore(rescore.pk) == 3
    asked = Prediction.objects.filter(model_version=rescore.model_version).values_list("image", flat=True)
    assert sorted(asked) == [image.pk for image in images]


def test_cancelled_it_replaces_nothing_further_and_another_may_begin(collection, version, engineer, begin):
    image = analysed_image(collection)
    rescore = begin()
    step_rescore(rescore.pk)
    with pytest.raises(StateConflict) as conflict:
        begin()
    assert (conflict.value.code, conflict.value.status) == ("rescore_active", 409)
    cancel_rescore(actor=engineer, rescore=rescore)
    answers_of(rescore.model_version)
    assert step_rescores() == 0
    assert counts(image).model_version == version
    with pytest.raises(StateConflict):
        resume_rescore(actor=engineer, rescore=rescore)
    assert begin().status == "running"


def test_only_the_version_that_reads_may_answer_for_readers(collection, engineer, begin):
    """A candidate that nobody promoted is never shown to readers by this door; nor one that was rolled back from."""
    analysed_image(collection)
    with pytest.raises(StateConflict) as conflict:
        start_rescore(
            actor=engineer,
            collection=collection,
            version=make_version(promoted=False),
            per_minute=60,
            reason="r",
        )
    assert conflict.value.code == "does_not_read_here"
    before = version_in_force()
    rescore = begin()
    step_rescore(rescore.pk)
    answers_of(rescore.model_version)
    put_in_force(before)
    assert step_rescore(rescore.pk) == 0
    rescore.refresh_from_db()
    assert (rescore.status, rescore.replaced) == ("paused", 0)
    assert "does not read here any more" in progress_of(rescore).held
    with pytest.raises(StateConflict):
        resume_rescore(actor=engineer, rescore=rescore)


@pytest.mark.parametrize(("per_minute", "reason"), [(0, "r"), (6001, "r"), (60, " ")])
def test_a_rate_or_a_reason_that_is_none_is_refused(collection, version, per_minute, reason):
    with pytest.raises(PlatformError) as refusal:
        start_rescore(
            actor=None, collection=collection, version=version, per_minute=per_minute, reason=reason
        )
    assert refusal.value.status == 400


def test_what_cannot_be_seen_or_read_by_the_version_is_left_as_it_is(collection, version, alice, begin):
    hidden, unreadable = analysed_image(collection), analysed_image(collection)
    hide_image(actor=alice, image=hidden)
    rescore = begin()
    assert step_rescore(rescore.pk) == 1
    Prediction.objects.filter(model_version=rescore.model_version).update(status=JobStatus.FAILED)
    later(rescore)
    assert step_rescore(rescore.pk) == 0
    rescore.refresh_from_db()
    assert (rescore.status, rescore.replaced, progress_of(rescore).failed) == ("finished", 0, 1)
    assert {counts(image).model_version for image in (hidden, unreadable)} == {version}


def test_an_answer_that_failed_or_is_still_being_made_waits_for_its_turn(collection, version, begin):
    failed, running = (make_image(make_study(collection, images=0)) for _ in range(2))
    make_prediction(failed, status=JobStatus.FAILED, **NOTHING)
    worked = make_prediction(running, status=JobStatus.RUNNING, **NOTHING)
    rescore = begin()
    assert step_rescore(rescore.pk) == 2
    answers_of(rescore.model_version)
    later(rescore)
    assert step_rescore(rescore.pk) == 1
    assert (counts(failed).model_version, counts(running).pk) == (rescore.model_version, worked.pk)
    assert WorklistEntry.objects.get(image=failed).open
    Prediction.objects.filter(pk=worked.pk).update(status=JobStatus.SUCCEEDED, **answer("glioma"))
    assert step_rescore(rescore.pk) == 1
    assert counts(running).model_version == rescore.model_version
    rescore.refresh_from_db()
    assert rescore.status == "finished"


def test_every_decision_about_a_pass_is_in_the_audit(collection, engineer, begin):
    image = analysed_image(collection)
    rescore = begin()
    pause_rescore(actor=engineer, rescore=rescore)
    resume_rescore(actor=engineer, rescore=rescore)
    later(rescore)
    step_rescore(rescore.pk)
    answers_of(rescore.model_version)
    step_rescore(rescore.pk)
    events = AuditEvent.objects.filter(action__startswith="rescore.").order_by("pk")
    assert [event.action.partition(".")[2] for event in events] == [
        "started", "paused", "resumed", "replaced", "finished",
    ]  # fmt: skip
    assert events[3].data["images"] == [str(image.pk)]


def parallel(*acts):
    """Runs acts at once, each on a connection of its own."""
    barrier = Barrier(len(acts))

    def run(act):
        try:
            barrier.wait(30)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [done.result(60) for done in [pool.submit(run, act) for act in acts]]


@pytest.mark.django_db(transaction=True)
def test_of_two_steps_at_once_one_does_the_work(collection, begin):
    for _ in range(8):
        analysed_image(collection)
    rescore = begin()
    assert sum(parallel(*[lambda: step_rescore(rescore.pk)] * 4)) == 8
    answers_of(rescore.model_version)
    for _ in range(3):
        parallel(*[lambda: step_rescore(rescore.pk)] * 4)
    rescore.refresh_from_db()
    assert (rescore.asked, rescore.replaced, rescore.status) == (8, 8, "finished")
    assert Prediction.objects.filter(for_comparison=False).values("image").distinct().count() == 8


@pytest.mark.django_db(transaction=True)
def test_a_reading_that_is_begun_meanwhile_never_has_two_answers(collection, alice, version, begin):
    """Twenty claims race with the step that puts the new answers in place: what a claim showed is what counts."""
    set_protocol(actor=None, collection=collection, mode="assisted")
    images = [analysed_image(collection) for _ in range(20)]
    rescore = begin()
    step_rescore(rescore.pk)
    answers_of(rescore.model_version)

    def claim(some):
        return lambda: [claim_image(reader=alice, image=Image.objects.get(pk=image.pk)) for image in some]

    def steps():
        for _ in range(20):
            step_rescore(rescore.pk)

    parallel(claim(images[:10]), claim(images[10:]), steps)
    reveals = ReviewEvent.objects.filter(kind="reveal").select_related("prediction", "reading")
    assert len(reveals) == 20
    for shown in reveals:
        assert shown.prediction == counts(shown.reading.image)
    rescore.refresh_from_db()
    kept = Prediction.objects.filter(for_comparison=False, model_version=version).count()
    assert (rescore.replaced + kept, rescore.status) == (20, "finished")


@pytest.mark.django_db(transaction=True)
def test_a_claim_under_way_is_passed_over_and_its_answer_stays(collection, alice, version, begin):
    image = analysed_image(collection)
    rescore = begin()
    step_rescore(rescore.pk)
    answers_of(rescore.model_version)
    with transaction.atomic():
        reading = claim_image(reader=alice, image=image)
        with ThreadPoolExecutor(1) as pool:

            def step():
                try:
                    return step_rescore(rescore.pk)
                finally:
                    connection.close()

            assert pool.submit(step).result(30) == 0
    step_rescore(rescore.pk)
    assert counts(image).model_version == version
    assert Reading.objects.get() == reading


STEPPING = """
import django
django.setup()
from django.db.models import F
from datetime import timedelta
from classifier.models import Prediction
from reviews.models import Rescore
from reviews.services.rescoring import step_rescores
from tests.factories import answer
print("up", flush=True)
while Rescore.objects.filter(status="running").exists():
    Rescore.objects.update(stepped_at=F("stepped_at") - timedelta(seconds=0.5))
    step_rescores()
    Prediction.objects.filter(status="queued").update(status="succeeded", attempt=1, **answer("pituitary"))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(240)
def test_killed_at_any_point_it_goes_on_where_it_was(collection, version, begin, runtime_database_url):
    """As the platform's own role, which may not change a ledger."""
    images = [analysed_image(collection) for _ in range(60)]
    rescore = begin()
    environment = os.environ | {"DATABASE_URL": runtime_database_url, "LOG_LEVEL": "ERROR"}
    kills = 0
    for pause in (0.02, 0.05, 0.01, 0.08, None):
        process = subprocess.Popen(
            [sys.executable, "-c", STEPPING], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "up\n"
        if pause is None:
            assert process.wait(120) == 0
            break
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        rescore.refresh_from_db()
        new = Prediction.objects.filter(model_version=rescore.model_version)
        assert (new.count(), new.filter(for_comparison=False).count()) == (rescore.asked, rescore.replaced)
    assert kills
    rescore.refresh_from_db()
    assert (rescore.asked, rescore.replaced, rescore.status) == (60, 60, "finished")
    assert {counts(image).model_version for image in images} == {rescore.model_version}
    assert Prediction.objects.filter(Q(for_comparison=True), model_version=version).count() == 60


def test_a_retry_leaves_a_replaced_answer_alone(collection, engineer, begin):
    image = analysed_image(collection)
    rescore = begin()
    step_rescore(rescore.pk)
    answers_of(rescore.model_version)
    step_rescore(rescore.pk)
    old = image.predictions.get(for_comparison=True)
    with pytest.raises(StateConflict):
        retry_prediction(actor=engineer, prediction_id=old.pk)
    assert not record_failed_attempt(old, code="x", reason="y")
    assert counts(image).model_version == rescore.model_version


def test_a_reveal_shows_the_answer_that_stands_in_place(collection, alice, read, begin):
    image = analysed_image(collection)
    rescore = begin()
    step_rescore(rescore.pk)
    answers_of(rescore.model_version)
    step_rescore(rescore.pk)
    reading = read.first(alice, image)
    reveal(reader=alice, reading=reading)
    assert ReviewEvent.objects.get(kind="reveal").prediction.model_version == rescore.model_version
