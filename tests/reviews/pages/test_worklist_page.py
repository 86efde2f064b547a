"""The worklist: what waits, what was read, and every state in which nothing waits."""

import re

import pytest
from django.urls import reverse


@pytest.fixture
def client(browse, alice):
    return browse(alice)


def page_of(client, collection):
    return client.get(reverse("worklist", args=[collection.pk])).content.decode()


def numbers(page):
    return [int(found) for found in re.findall(r'figure-number">(\d+)<', page)]


def test_counts_and_rows(client, read, alice, bob, collection):
    from tests.factories import analysed_image, make_prediction, make_study

    images = [analysed_image(collection) for _ in range(3)]
    study = make_study(collection, images=2)
    for image in study.images.all():
        make_prediction(image)
    read.finished(alice, images[0])
    read.claimed(alice, images[1])
    read.claimed(bob, images[2])
    page = page_of(client, collection)
    assert numbers(page) == [2, 1, 1]
    waiting = page.split("Your recent readings")[0]
    assert images[1].short_id in waiting
    assert images[0].short_id not in waiting
    assert images[2].short_id not in waiting
    rows = re.findall(r'data-label="Images in the study">(\d+)<', waiting)
    assert rows == ["1", "2", "2"]
    assert "Go on reading" in page
    assert 'data-key="n Enter"' in page


def test_the_next_image_is_ones_own_open_one_first(client, read, alice, collection):
    from tests.factories import analysed_image

    first, second = analysed_image(collection), analysed_image(collection)
    mine = read.claimed(alice, second)
    begun = client.post(reverse("read-next", args=[collection.pk]))
    assert begun.url == reverse("reading", args=[mine.pk])
    chosen = client.post(reverse("read-image", args=[first.pk]))
    assert chosen.url == reverse("reading", args=[alice.readings.get(image=first).pk])


def test_an_image_that_others_hold_cannot_be_chosen(client, read, bob, image):
    read.claimed(bob, image)
    refused = client.post(reverse("read-image", args=[image.pk]))
    assert refused.status_code == 409
    assert "This image cannot be read now" in refused.content.decode()


def test_recent_readings_say_how_far_they_are(client, read, alice, collection, say):
    from tests.factories import analysed_image

    for act in (read.claimed, read.first, read.revealed, read.finished):
        act(alice, analysed_image(collection))
    amended = read.finished(alice, analysed_image(collection))
    say(client, "amend", amended, label="pituitary", reason="location")
    rows = page_of(client, collection).split("Your recent readings")[1]
    states = re.findall(r'data-label="State">([^<]+)<', rows)
    said = re.findall(r'data-label="You said">([^<]+)<', rows)
    assert states == ["Finished, amended", "Finished", "Verdict due", "First read committed", "Begun"]
    assert said == ["Pituitary tumour", "Meningioma", "Meningioma", "Meningioma", "–"]


@pytest.mark.parametrize("state", ["none", "analysing", "failed", "all_read"])
def test_every_emptiness_says_what_to_expect(client, read, alice, collection, state):
    from tests.factories import analysed_image, make_prediction, make_study

    sentence = "No studies yet"
    if state in ("analysing", "failed"):
        status = {"analysing": "queued", "failed": "failed"}[state]
        sentence = {"analysing": "Nothing to read yet", "failed": "Nothing waits for you"}[state]
        image = make_study(collection).images.get()
        make_prediction(image, status=status, probabilities=None, maps=None, map_shape=None, embedding=None)
    elif state == "all_read":
        sentence = "You have read all 1 image that were yours"
        read.finished(alice, analysed_image(collection))
    page = page_of(client, collection)
    assert sentence in page
    assert "Read next" not in page


def test_readers_of_several_collections_switch_between_them(client, alice, collection):
    from tests.factories import make_collection

    elsewhere, hidden = make_collection("Elsewhere"), make_collection("Hidden")
    alice.memberships.create(collection=elsewhere, role="radiologist")
    alice.memberships.create(collection=hidden, role="uploader")
    switcher = re.search(r'<nav class="segmented.*?</nav>', page_of(client, collection), re.DOTALL).group()
    assert "Elsewhere" in switcher
    assert "Hidden" not in switcher
    assert re.search(r'aria-current="page">Neuro', switcher)


def test_an_uploader_who_reads_is_led_to_the_upload(client, alice, collection):
    assert reverse("upload", args=[collection.pk]) not in page_of(client, collection)
    alice.memberships.create(collection=collection, role="uploader")
    from django.test import Client

    again = Client()
    again.force_login(alice, backend="mriplatform.accounts.backends.RoleBackend")
    assert reverse("upload", args=[collection.pk]) in page_of(again, collection)


def test_what_one_began_stands_apart_whatever_it_is_for(client, read, alice, collection):
    from reviews.models import Reading
    from tests.factories import analysed_image

    first, again = analysed_image(collection), analysed_image(collection)
    earlier = read.finished(alice, again)
    repeat = Reading.objects.create(
        image=again, reader=alice, protocol=earlier.protocol, lease_expires_at=earlier.lease_expires_at,
        purpose="repeat", repeats=earlier,
    )  # fmt: skip
    mine = read.claimed(alice, first)
    begun, waiting = page_of(client, collection).split("<h2>Waiting</h2>")
    for reading in (repeat, mine):
        assert reverse("reading", args=[reading.pk]) in begun
    assert first.short_id not in waiting.split("Your recent readings")[0]
    assert "Nothing else waits" in waiting
    assert "purpose" not in begun + waiting


def test_the_list_is_narrowed_by_what_follows_from_no_answer(client, collection):
    from datetime import UTC, datetime

    from reviews.models import WorklistEntry
    from tests.factories import analysed_image

    images = {name: analysed_image(collection) for name in ("old", "deep", "wide", "plain")}
    changes = {
        "old": {"arrived_at": datetime(2026, 1, 31, 23, 59, tzinfo=UTC)},
        "deep": {"bits": 16},
        "wide": {"width": 128},
    }
    for name, change in changes.items():
        WorklistEntry.objects.filter(image=images[name]).update(**change)

    def shown(query):
        answer = client.get(reverse("worklist", args=[collection.pk]), query)
        assert answer.status_code == 200
        return {name for name, image in images.items() if image.short_id in answer.content.decode()}

    assert shown({"since": "2026-02-01"}) == {"deep", "wide", "plain"}
    assert shown({"since": "2026-01-31"}) == set(images)
    assert shown({"bits": "16"}) == {"deep"}
    assert shown({"shape": "wide"}) == {"wide"}
    assert shown({"shape": "square", "bits": "8", "since": "2026-02-01"}) == {"plain"}
    assert shown({"study": str(images["old"].study_id)}) == {"old"}
    nothing = client.get(reverse("worklist", args=[collection.pk]), {"shape": "tall"}).content.decode()
    assert "Nothing matches" in nothing
    for wrong in (
        {"bits": "12"},
        {"since": "yesterday"},
        {"shape": "round"},
        {"study": "x"},
        {"answer": "glioma"},
    ):
        assert client.get(reverse("worklist", args=[collection.pk]), wrong).status_code == 400


def test_the_start_page_leads_back_to_what_one_began(client, read, alice, bob, collection):
    from datetime import timedelta

    from django.utils import timezone

    from reviews.models import Reading
    from tests.factories import analysed_image

    start = reverse("home")
    assert "Go on reading" not in client.get(start).content.decode()
    mine = read.claimed(alice, analysed_image(collection))
    page = client.get(start).content.decode()
    assert "Go on reading" in page
    assert reverse("reading", args=[mine.pk]) in page
    Reading.objects.filter(pk=mine.pk).update(lease_expires_at=timezone.now() - timedelta(minutes=1))
    read.claimed(bob, mine.image)
    assert "Go on reading" not in client.get(start).content.decode()
