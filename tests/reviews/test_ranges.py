"""One first read for a range of a study's images: every image its own reading, or none."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from classifier.models import Image
from mriplatform.accounts.roles import Role
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Reading, ReviewEvent
from reviews.selectors import readings_of
from reviews.services.protocols import set_protocol
from reviews.services.ranges import commit_first_reads, image_at
from reviews.services.reading import claim_image, commit_first_read
from tests.factories import make_collection, make_prediction, make_study, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    collection = make_collection()
    set_protocol(actor=None, collection=collection, mode="blinded_first")
    return make_user("rivera", collection=collection, role=Role.RADIOLOGIST)


@pytest.fixture
def images(reader) -> list[Image]:
    study = make_study(reader.memberships.get().collection, images=5)
    for image in study.images.all():
        make_prediction(image)
    return list(study.images.order_by("position"))


def open_reading(reader, image: Image) -> Reading:
    claimed = claim_image(reader=reader, image=image)
    return readings_of(reader).get(pk=claimed.pk)


def say(reader, reading: Reading, first: int, last: int, **more) -> list[ReviewEvent]:
    """Of the images at these places of the study, hidden ones counted."""
    ends = [reading.image.study.images.get(position=place - 1).pk for place in (first, last)]
    said = {"label": "glioma", "confidence": 2, "idempotency_key": uuid4()} | more
    return commit_first_reads(reader=reader, reading=reading, first=ends[0], last=ends[1], **said)


def test_every_image_of_the_range_gets_a_reading_and_the_same_first_read(reader, images):
    events = say(reader, open_reading(reader, images[2]), 2, 4)
    assert [event.reading.image for event in events] == images[1:4]
    assert {(event.kind, event.label, event.confidence) for event in events} == {("first_read", "glioma", 2)}
    assert len({event.idempotency_key for event in events}) == 3
    assert Reading.objects.filter(reader=reader).count() == 3
    assert not ReviewEvent.objects.filter(kind="reveal").exists()


def test_sent_twice_it_is_said_once(reader, images):
    reading, key = open_reading(reader, images[0]), uuid4()
    first = say(reader, reading, 1, 5, idempotency_key=key)
    assert say(reader, reading, 1, 5, idempotency_key=key) == first
    assert ReviewEvent.objects.count() == 5


def test_one_image_that_has_its_first_read_keeps_all_from_being_recorded(reader, images):
    commit_first_read(
        reader=reader, reading=open_reading(reader, images[3]), label="pituitary", confidence=3, idempotency_key=None
    )  # fmt: skip
    reading = open_reading(reader, images[1])
    with pytest.raises(ReadingConflict) as refused:
        say(reader, reading, 1, 5)
    assert refused.value.sentence == (
        "Nothing was recorded, because of image 4. Your first read is committed already."
    )
    assert ReviewEvent.objects.count() == 1
    assert Reading.objects.count() == 2


def test_an_image_that_others_have_read_keeps_all_from_being_recorded(reader, images):
    other = make_user("other", collection=images[0].collection, role=Role.RADIOLOGIST)
    claim_image(reader=other, image=images[4])
    with pytest.raises(ReadingConflict, match="because of image 5"):
        say(reader, open_reading(reader, images[0]), 1, 5)
    assert ReviewEvent.objects.count() == 0


def test_hidden_images_have_no_place_in_the_range(reader, images):
    Image.objects.filter(pk=images[1].pk).update(hidden_at=timezone.now())
    events = say(reader, open_reading(reader, images[0]), 1, 4)
    assert [event.reading.image for event in events] == [images[0], *images[2:4]]


def test_sent_again_it_is_of_the_same_images_whatever_was_hidden_meanwhile(reader, images):
    reading, key = open_reading(reader, images[0]), uuid4()
    said = say(reader, reading, 1, 3, idempotency_key=key)
    Image.objects.filter(pk__in=[images[1].pk, images[2].pk]).update(hidden_at=timezone.now())
    assert say(reader, reading, 1, 3, idempotency_key=key) == said
    assert ReviewEvent.objects.count() == 3


def test_one_key_is_for_one_statement(reader, images):
    reading, key = open_reading(reader, images[0]), uuid4()
    say(reader, reading, 1, 3, idempotency_key=key)
    with pytest.raises(ReviewRefused) as refused:
        say(reader, reading, 1, 3, idempotency_key=key, label="pituitary")
    assert refused.value.code == "idempotency_key_reused"
    assert ReviewEvent.objects.count() == 3


def test_a_range_that_is_none_is_refused(reader, images):
    reading = open_reading(reader, images[0])
    elsewhere = make_study(images[0].collection, images=1).images.get()
    said = {"label": "glioma", "confidence": 2, "idempotency_key": uuid4()}
    for first, last in ((images[2], images[0]), (images[0], elsewhere), (elsewhere, elsewhere)):
        with pytest.raises(ReviewRefused, match="a range goes from an image of the study") as refused:
            commit_first_reads(reader=reader, reading=reading, first=first.pk, last=last.pk, **said)
        assert (refused.value.status, refused.value.code) == (400, "no_such_range")
    assert not ReviewEvent.objects.exists()


@pytest.mark.parametrize("place", [0, -1, 6])
def test_a_place_that_is_none_is_refused(reader, images, place):
    with pytest.raises(ReviewRefused, match="The study has images 1 to 5") as refused:
        image_at(open_reading(reader, images[0]), place)
    assert refused.value.status == 400


def test_numbers_that_stand_for_other_images_than_were_shown_are_refused(client, reader, images):
    reading = open_reading(reader, images[0])
    client.force_login(reader, backend="mriplatform.accounts.backends.RoleBackend")
    page = client.get(reverse("reading", args=[reading.pk])).content.decode()
    assert '<input type="hidden" name="range_of" value="5">' in page
    Image.objects.filter(pk=images[1].pk).update(hidden_at=timezone.now())
    form = {"label": "glioma", "confidence": "2", "idempotency_key": str(uuid4())}
    address = reverse("reading-first-read", args=[reading.pk])
    refused = client.post(address, form | {"range_first": "1", "range_last": "3", "range_of": "5"})
    assert refused.status_code == 409
    assert "Reload the page" in refused.content.decode()
    assert not ReviewEvent.objects.exists()


def test_a_slice_that_comes_while_the_range_is_on_its_way_is_not_read_unseen(
    client, reader, images, monkeypatch
):
    """After the request was looked at, and before anything of it is done: by either door."""
    reading, elsewhere = open_reading(reader, images[0]), make_study(images[0].collection, images=1)
    late = elsewhere.images.get()
    make_prediction(late)
    client.force_login(reader, backend="mriplatform.accounts.backends.RoleBackend")

    def slice_comes(**said):
        Image.objects.filter(pk=late.pk).update(study=reading.image.study, position=1)
        return commit_first_reads(**said)

    monkeypatch.setattr("reviews.views.ranges.commit_first_reads", slice_comes)
    monkeypatch.setattr("reviews.api.readings.commit_first_reads", slice_comes)
    said = {"label": "glioma", "confidence": 2}
    form = said | {"idempotency_key": str(uuid4()), "range_first": "1", "range_last": "3", "range_of": "5"}
    sent = said | {"first": str(images[0].pk), "last": str(images[2].pk), "of": 5}
    for address, body, kind in (
        ("reading-first-read", form, {}),
        ("api-range-first-read", sent, {"content_type": "application/json"}),
    ):
        refused = client.post(reverse(address, args=[reading.pk]), body, **kind)
        assert refused.status_code == 409
        assert "the study has other images now than you saw" in refused.content.decode()
        assert not ReviewEvent.objects.exists()
        assert Reading.objects.count() == 1
        Image.objects.filter(pk=late.pk).update(study=elsewhere)


def test_the_image_being_read_is_in_the_range(reader, images):
    with pytest.raises(ReviewRefused, match="leaves out the image"):
        say(reader, open_reading(reader, images[0]), 2, 3)


def test_where_the_answer_is_shown_from_the_start_there_is_no_range(images, reader):
    set_protocol(actor=None, collection=images[0].collection, mode="assisted")
    with pytest.raises(ReadingConflict, match="An assisted reading has no first read"):
        say(reader, open_reading(reader, images[0]), 1, 2)


def test_the_page_takes_a_range_and_says_what_is_wrong_with_one(client, reader, images):
    reading = open_reading(reader, images[0])
    client.force_login(reader, backend="mriplatform.accounts.backends.RoleBackend")
    page = client.get(reverse("reading", args=[reading.pk])).content.decode()
    assert 'name="range_first"' in page
    form = {"label": "glioma", "confidence": "2", "idempotency_key": str(uuid4())}
    address = reverse("reading-first-read", args=[reading.pk])
    refused = client.post(address, form | {"range_first": "1"}, headers={"HX-Request": "true"})
    assert refused.status_code == 400
    assert "Name both ends of the range, or neither." in refused.content.decode()
    assert 'name="range_last"' in refused.content.decode()
    done = client.post(address, form | {"range_first": "1", "range_last": "3"})
    assert done.status_code == 302
    assert ReviewEvent.objects.filter(kind="first_read").count() == 3
    assert "stands for 3 images" in client.get(done["Location"]).content.decode()


def test_a_study_of_one_image_offers_no_range(client, reader):
    study = make_study(reader.memberships.get().collection, images=1)
    make_prediction(study.images.get())
    reading = open_reading(reader, study.images.get())
    client.force_login(reader, backend="mriplatform.accounts.backends.RoleBackend")
    assert 'name="range_first"' not in client.get(reverse("reading", args=[reading.pk])).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_range_and_another_who_locks_the_study_do_not_wait_for_each_other(reader, images):
    """The study's order is not that of the identifiers; whoever removes or compares it locks by those."""
    for position, image in enumerate(reversed(images)):
        Image.objects.filter(pk=image.pk).update(position=position)
    reading = open_reading(reader, images[2])
    first_locked = Event()

    def other():
        try:
            with transaction.atomic():
                locking = Image.objects.select_for_update(no_key=True)
                locking.get(pk=images[0].pk)
                first_locked.set()
                sleep(1)  # the range is at work by then
                locking.get(pk=images[4].pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(other)
        assert first_locked.wait(30)
        assert len(say(reader, reading, 1, 5)) == 5
        done.result(30)
