"""Before the first read nothing that a reader can get carries the machine's answer."""

import re

import pytest
from django.urls import reverse

from tests.factories import answer

# What only an answer brings: its figures, its words, its maps, who gave it. Labels to choose from are no answer.
TRACES = re.compile(
    r"probab|predict|percent|\bmaps?\b|version\s*\d|stand-in|held-out|onnx|\b85\b|0\.85|%"
    r"|novel|unlike|look like|gives it no class",
    re.IGNORECASE,
)
STATIC = re.compile(r'<(?:link|script)[^>]*>|(?:nonce|id|for|aria-labelledby)="[^"]*"|hx-headers=\'[^\']*\'')


@pytest.fixture
def blind(browse, alice, image, read):
    read.claimed(alice, image)
    return browse(alice)


@pytest.fixture
def reading(blind, alice):
    return alice.readings.get()


def traces(response):
    """Every trace of an answer in a response: its headers and its body, without the addresses of scripts and styles."""
    headers = "\n".join(
        f"{name}: {value}" for name, value in response.headers.items() if "Policy" not in name
    )
    return TRACES.findall(headers) + TRACES.findall(STATIC.sub("", response.content.decode("latin-1")))


def test_the_search_finds_an_answer_where_there_is_one(blind, say, reading):
    say(blind, "first-read", reading, label="meningioma", confidence=2)
    say(blind, "reveal", reading)
    shown = blind.get(reverse("reading", args=[reading.pk]))
    found = {trace.lower() for trace in traces(shown)}
    assert {"probab", "percent", "map", "maps", "version 1", "85", "%"} <= found


@pytest.mark.parametrize("script", [False, True])
def test_the_blind_page_says_only_that_more_will_come(blind, reading, script):
    headers = {"HX-Request": "true"} if script else {}
    page = blind.get(reverse("reading", args=[reading.pk]), headers=headers)
    assert b"Shown after your first read." in page.content
    assert traces(page) == []


def test_two_images_with_opposite_answers_look_alike(browse, alice, collection):
    """The pages of a glioma and of a healthy head differ in identifiers alone."""
    from tests.factories import analysed_image

    pages = []
    for label in ("glioma", "notumor"):
        image = analysed_image(collection, label=label)
        client = browse(alice)
        address = client.post(reverse("read-image", args=[image.pk])).url
        pages.append(anonymous(client.get(address).content.decode()))
        alice.readings.all().delete()
        image.predictions.all()._raw_delete("default")
    assert pages[0] == pages[1]


def anonymous(page):
    page = re.sub(r"[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}|\b[0-9a-f]{8}\b|[A-Za-z0-9]{64}", "", page)
    return re.sub(r'nonce="[^"]*"|X-CSRFToken": "[^"]*', "", page)


def test_no_page_on_the_way_carries_it(blind, reading, collection, image):
    """Worklist, pixels, the committed first read that waits for its reveal: nothing."""
    addresses = [
        reverse("worklist", args=[collection.pk]),
        reverse("reading", args=[reading.pk]),
        reverse("reading", args=[reading.pk]) + "?amend=1",
    ]
    for address in addresses:
        assert traces(blind.get(address)) == [], address
    pixels = blind.get(reverse("image-pixels", args=[image.pk]))
    assert pixels.status_code == 200
    assert [name for name in pixels.headers if TRACES.search(f"{name}: {pixels.headers[name]}")] == []


def test_no_step_answers_with_it_before_its_time(blind, say, reading):
    """Steps out of order are refused, and their refusals are as blind as the page."""
    for step in ("reveal", "verdict", "amend", "undo"):
        refused = say(blind, step, reading, label="glioma", reason="location")
        assert refused.status_code == 409, step
        assert traces(refused) == [], step
    committed = say(blind, "first-read", reading, label="meningioma", confidence=2)
    assert traces(committed) == []
    waiting = blind.get(committed.url)
    assert b"Show it" in waiting.content
    assert traces(waiting) == []


def test_the_next_image_is_fetched_as_pixels_alone(blind, reading, collection):
    from tests.factories import analysed_image

    following = analysed_image(collection, label="pituitary")
    page = blind.get(reverse("reading", args=[reading.pk])).content.decode()
    assert str(following.pk) not in page
    told = blind.get(reverse("reading-ahead", args=[reading.pk]))
    assert told.json() == {"images": [reverse("image-pixels", args=[following.pk])]}
    assert traces(told) == []
    ahead = re.findall(r'<link rel="(?:prefetch|preload|prerender)"[^>]*>|speculationrules', page)
    assert [found for found in ahead if 'as="font"' not in found] == []


def test_what_a_first_read_taken_back_had_seen_is_nothing(blind, say, reading):
    say(blind, "first-read", reading, label="meningioma", confidence=2)
    say(blind, "undo", reading)
    page = blind.get(reverse("reading", args=[reading.pk]))
    assert b"Shown after your first read." in page.content
    assert traces(page) == []


def test_an_unaided_reading_never_shows_it(browse, alice, collection, image, say, read):
    from reviews.services.protocols import set_protocol

    set_protocol(actor=None, collection=collection, mode="unaided")
    reading = read.claimed(alice, image)
    client = browse(alice)
    say(client, "first-read", reading, label="meningioma", confidence=3)
    assert say(client, "reveal", reading).status_code == 409
    address = reverse("reading", args=[reading.pk])
    assert traces(client.get(address)) == []
    assert say(client, "verdict", reading, now="meningioma").status_code == 302
    assert traces(client.get(address)) == []
    assert traces(client.get(reverse("worklist", args=[collection.pk]))) == []


def test_an_assisted_reading_shows_it_at_once(browse, alice, collection, image):
    from reviews.services.protocols import set_protocol

    set_protocol(actor=None, collection=collection, mode="assisted")
    client = browse(alice)
    page = client.get(client.post(reverse("read-image", args=[image.pk])).url).content.decode()
    assert "Probably glioma" in page
    assert 'id="maps"' in page
    assert "Your first read" not in page
    assert alice.readings.get().events.get().kind == "reveal"


def test_the_stand_in_answer_is_what_the_search_looks_for():
    assert answer("glioma")["probabilities"][0] == 0.85
