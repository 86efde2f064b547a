"""The worklist's second list, and the reveal of an image that the machine gave no class."""

import re

import pytest
from django.urls import reverse

from reviews.services.protocols import set_protocol
from tests.factories import analysed_image

SENTENCE = "This does not look like a brain MRI to the model; it gives no class."
HEADING = "Not assessable by the model"


@pytest.fixture
def images(collection):
    """An ordinary image and two that the machine gave no class."""
    return [
        analysed_image(collection, label=label) for label in ("glioma", "not_assessable", "not_assessable")
    ]


def worklist_of(client, collection):
    return client.get(reverse("worklist", args=[collection.pk])).content.decode()


def test_an_assisted_reader_reads_them_from_their_own_list_one_after_another(
    browse, alice, collection, images, say
):
    set_protocol(actor=None, collection=collection, mode="assisted")
    client = browse(alice)
    waiting, _, aside = worklist_of(client, collection).partition(f"<h2>{HEADING} ")
    assert images[0].short_id in waiting
    assert [image.short_id in waiting for image in images[1:]] == [False, False]
    assert [image.short_id in aside for image in images] == [False, True, True]

    ordered = reverse("read-next", args=[collection.pk])
    first = client.post(ordered, {"aside": "1"}).url
    reading = alice.readings.get(image=images[1])
    assert first == reverse("reading", args=[reading.pk])
    following = say(client, "verdict", reading, now="not_assessable")
    second = alice.readings.get(image=images[2])
    assert following.url == reverse("reading", args=[second.pk])
    assert say(client, "verdict", second, now="not_assessable").url == reverse(
        "worklist", args=[collection.pk]
    )
    assert HEADING not in worklist_of(client, collection)


def test_where_readers_are_blind_there_is_no_such_list(browse, alice, collection, images):
    page = worklist_of(browse(alice), collection)
    assert HEADING not in page
    assert all(image.short_id in page for image in images)


def test_the_reveal_says_why_with_the_limit_and_no_map(browse, alice, collection, images, read):
    client = browse(alice)
    reading = read.revealed(alice, images[1], "glioma")
    page = client.get(reverse("reading", args=[reading.pk])).content.decode()
    assert SENTENCE in page
    assert 'data-announce="The model says: Not assessable."' in page
    assert "There is no map: the model gave no class." in page
    assert re.search(r"Unlike a brain MRI</dt><dd[^>]*>2\.50<", page)
    assert re.search(r"Limit of this version</dt><dd[^>]*>1\.00<", page)
    assert "map-controls" not in page
    assert 'id="maps"' not in page
    assert "%</span>" not in page
    assert "Change to not assessable" in page
    assert page.count('value="not_assessable"') == 1


def test_by_the_api(browse, alice, collection, images):
    client = browse(alice)
    ask = {"collection": str(collection.pk), "not_assessable": True}
    refused = client.post("/api/v1/readings", ask, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "no_list_aside")
    set_protocol(actor=None, collection=collection, mode="assisted")
    reading = client.post("/api/v1/readings", ask, content_type="application/json").json()
    assert reading["image"]["id"] == str(images[1].pk)
    answer = reading["machine_answer"]
    assert answer["label"] == "not_assessable"
    assert (answer["probabilities"], answer["maps"]) == (None, None)
    assert (answer["novelty"], answer["novelty_threshold"]) == (2.5, 1.0)
