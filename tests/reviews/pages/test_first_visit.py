"""Who comes to a collection for the first time is told how its reading goes, once."""

import pytest
from django.urls import reverse

from reviews.services.protocols import set_protocol

HINT = "Your first image here."


@pytest.fixture
def client(browse, alice):
    return browse(alice)


def page_of(client, reading):
    return " ".join(client.get(reverse("reading", args=[reading.pk])).content.decode().split())


def test_the_first_reading_says_how_it_goes_and_the_next_does_not(
    client, read, say, alice, image, collection
):
    from tests.factories import analysed_image

    reading = read.claimed(alice, image)
    assert HINT in page_of(client, reading)
    fragment = say(
        client, "first-read", reading, label="glioma", confidence=2, headers={"HX-Request": "true"}
    )
    assert HINT not in fragment.content.decode()
    assert HINT in page_of(client, reading)
    other = read.claimed(alice, analysed_image(collection))
    say(client, "reveal", reading)
    say(client, "verdict", reading, label="glioma")
    assert HINT not in page_of(client, reading)
    assert HINT not in page_of(client, other)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("blinded_first", "only then comes what the model says"),
        ("unaided", "then give your verdict"),
        ("assisted", "confirm or correct it"),
    ],
)
def test_it_says_what_the_protocol_asks(client, read, alice, image, collection, mode, words):
    set_protocol(actor=None, collection=collection, mode=mode)
    shown = page_of(client, read.claimed(alice, image))
    assert HINT in shown
    assert words in shown
    assert ("what the model says" in shown.split(HINT)[1].split("</div>")[0]) == (mode != "unaided")
