"""A version in the shadow: asked about all that comes from then on, after every answer, and never shown."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from django.utils import timezone

from classifier.exceptions import CheckpointRefused, StateConflict
from classifier.models import Image, JobStatus, Promotion, Shadow
from classifier.selectors.shadows import shadows_of
from classifier.services.predictions import claim_batch, queue_predictions
from classifier.services.shadow import end_shadow, start_shadow
from mriplatform.audit.models import AuditEvent
from tests.factories import make_collection, make_image, make_study, make_user, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def reads():
    return make_version()


@pytest.fixture
def unseen(reads):
    return make_version(promoted=False)


@pytest.fixture
def place(reads):
    return make_collection("Neuro")


def uploaded(collection):
    """An image as an upload stores it, its predictions in line."""
    image = make_image(make_study(collection, images=0))
    queue_predictions([image])
    return image


def begin(collection, version, reason="before it reads"):
    return start_shadow(actor=None, version=version, collection=collection, reason=reason)


def asked(image):
    return {row.model_version: row.for_comparison for row in image.predictions.all()}


def test_it_is_asked_about_what_comes_in_its_time_and_nothing_else(place, reads, unseen):
    before, elsewhere = uploaded(place), make_collection("Elsewhere")
    shadow = begin(place, unseen)
    meanwhile, other = uploaded(place), uploaded(elsewhere)
    end_shadow(actor=None, shadow=shadow)
    after = uploaded(place)
    assert asked(meanwhile) == {reads: False, unseen: True}
    for image in (before, other, after):
        assert asked(image) == {reads: False}
    counted = shadows_of(place).get()
    assert (counted.asked, counted.answered) == (1, 0)


def test_every_answer_goes_before_it(place, reads, unseen):
    begin(place, unseen)
    images = [uploaded(place) for _ in range(3)]
    first = claim_batch(worker="w", limit=2)
    second = claim_batch(worker="w", limit=2)
    third = claim_batch(worker="w", limit=9)
    assert [row.model_version for row in (*first, *second)] == [reads] * 3
    assert {row.image for row in third} == set(images)
    assert {row.model_version for row in third} == {unseen}


def test_before_any_version_reads_the_answer_still_waits_for_one():
    place, unseen = make_collection(), make_version(promoted=False)
    begin(place, unseen)
    assert asked(uploaded(place)) == {None: False, unseen: True}


def test_it_says_why_and_is_no_version_that_reads(place, reads, unseen):
    for version, reason, code in (
        (reads, "r", "reads_already"),
        (unseen, " ", "reason_missing"),
        (unseen, "r", None),
        (unseen, "r", "shadow_already"),
    ):
        if code is None:
            begin(place, version, reason)
            continue
        with pytest.raises(StateConflict) as conflict:
            begin(place, version, reason)
        assert conflict.value.code == code
    assert begin(make_collection(), unseen).ended_at is None  # another's shadow is no matter


def test_its_checkpoint_must_be_there(place, unseen):
    storages["checkpoints"].delete(unseen.checkpoint.name)
    with pytest.raises(CheckpointRefused):
        begin(place, unseen)
    assert not Shadow.objects.exists()


def test_ended_twice_it_ended_once_and_may_begin_again(place, unseen):
    someone = make_user()
    shadow = begin(place, unseen)
    ended = end_shadow(actor=someone, shadow=shadow)
    assert end_shadow(actor=make_user(), shadow=shadow).ended_at == ended.ended_at
    assert ended.ended_by == someone
    begin(place, unseen)
    actions = AuditEvent.objects.filter(action__startswith="shadow.").values_list("action", flat=True)
    assert sorted(actions) == ["shadow.ended", "shadow.started", "shadow.started"]


def test_a_version_that_comes_to_read_is_asked_once(place, reads, unseen):
    """As soon as it reads, its answer is the one that counts, and its shadow asks for no second."""
    begin(place, unseen)
    Promotion.objects.create(sequence=9, model_version=unseen, kind="promote", reason="for the test")
    assert asked(uploaded(place)) == {unseen: False}


@pytest.mark.django_db(transaction=True)
def test_an_upload_that_is_being_stored_came_before_it(place, unseen):
    """Nothing that came in its time is missed: it begins once every upload before it is stored."""
    stored, go_on = Event(), Event()

    def upload():
        try:
            with transaction.atomic():
                image = uploaded(place)
                stored.set()
                go_on.wait(30)
            return image
        finally:
            connection.close()

    def shadow():
        try:
            stored.wait(30)
            return begin(place, unseen)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        uploading, beginning = pool.submit(upload), pool.submit(shadow)
        stored.wait(30)
        time.sleep(0.5)
        assert not beginning.done()
        go_on.set()
        image, began = uploading.result(60), beginning.result(60)
    image.refresh_from_db()
    assert image.created_at < began.started_at
    assert unseen not in asked(image)
    later = uploaded(place)
    later.refresh_from_db()
    assert later.created_at > began.started_at
    assert asked(later)[unseen] is True


def test_what_failed_or_was_answered_is_counted_so(place, unseen):
    begin(place, unseen)
    first, second = uploaded(place), uploaded(place)
    done = {"status": JobStatus.SUCCEEDED, "probabilities": [1, 0, 0, 0]}
    first.predictions.filter(for_comparison=True).update(**done)
    second.predictions.filter(for_comparison=True).update(status=JobStatus.FAILED)
    Image.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=1))
    assert [(row.asked, row.answered) for row in shadows_of(place)] == [(1, 0)]
