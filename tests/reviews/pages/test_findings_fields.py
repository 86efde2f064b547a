"""The fields of a reading's forms beside the label, and the form that takes a verdict back."""

import json

import pytest

from reviews.selectors import reading_state

ELLIPSE = {"shape": "ellipse", "x": 0.5, "y": 0.25, "width": 0.2, "height": 0.1}
FIELDS = {
    "image_quality": "not_diagnostic",
    "location": "dural",
    "region": json.dumps(ELLIPSE),
    "active_ms": "0",
}
FIRST_READ = {"label": "meningioma", "confidence": 2}


def said_in(event):
    return event.image_quality, event.location, event.region, event.active_ms


@pytest.fixture
def client(browse, alice):
    return browse(alice)


def test_each_step_takes_what_was_found_and_how_long_it_took(client, say, read, alice, image):
    reading = read.claimed(alice, image)
    assert say(client, "first-read", reading, **FIRST_READ, **FIELDS).status_code == 302
    assert said_in(reading.events.last()) == ("not_diagnostic", "dural", ELLIPSE, 0)
    assert say(client, "reveal", reading, active_ms=0).status_code == 302
    assert reading.events.last().active_ms == 0
    verdict = {"label": "meningioma", "reason": "location"}
    assert say(client, "verdict", reading, **verdict, **FIELDS).status_code == 302
    assert say(client, "amend", reading, **verdict, **FIELDS | {"region": "null"}).status_code == 302
    assert said_in(reading.events.last()) == ("not_diagnostic", "dural", None, 0)


def test_all_of_them_may_be_left_out_or_empty(client, say, read, alice, image):
    reading = read.claimed(alice, image)
    empty = dict.fromkeys(FIELDS, "")
    assert say(client, "first-read", reading, **FIRST_READ, **empty).status_code == 302
    assert said_in(reading.events.last()) == ("", "", None, None)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"image_quality": "superb"}, "Choose an image quality that the page offers."),
        ({"location": "toe"}, "Choose a location that the page offers."),
        ({"region": "{"}, "The marked region could not be read."),
        ({"region": "[" * 400}, "The marked region could not be read."),
        ({"region": "7"}, "A region has shape, x, y, width, height"),
        ({"region": json.dumps(ELLIPSE | {"x": 0.95})}, "The region sticks out of the image."),
        ({"region": '{"shape": "point", "x": NaN, "y": 0.5}'}, "is a share of the image, from 0 to 1."),
        ({"active_ms": "soon"}, "The active time is a whole number of milliseconds."),
    ],
)
def test_what_is_malformed_is_told_in_a_sentence_and_what_was_chosen_stays(
    client, say, read, alice, image, wrong, sentence
):
    reading = read.claimed(alice, image)
    refused = say(client, "first-read", reading, **FIRST_READ, **FIELDS | wrong)
    assert refused.status_code == 400
    page = refused.content.decode()
    assert sentence in page
    assert 'value="meningioma"' in page
    assert not reading.events.exists()


def test_the_draft_keeps_them_and_the_time_so_far(client, say, read, alice, image):
    reading = read.claimed(alice, image)
    draft = FIELDS | {"active_ms": "4200", "label": "glioma"}
    assert say(client, "draft", reading, step="first_read", **draft).status_code == 204
    reading.refresh_from_db()
    assert reading.draft == {
        "label": "glioma", "image_quality": "not_diagnostic", "location": "dural",
        "region": ELLIPSE, "active_ms": 4200,
    }  # fmt: skip
    assert client.get(f"/readings/{reading.pk}").status_code == 200
    headers = {"Accept": "application/json"}
    wrong = say(client, "draft", reading, step="first_read", region="{", headers=headers)
    assert wrong.status_code == 400


def test_a_verdict_is_taken_back_with_a_reason(client, say, read, alice, image):
    reading = read.finished(alice, image)
    refused = say(client, "withdraw", reading)
    assert refused.status_code == 400
    assert "Say why you take it back: choose a reason." in refused.content.decode()
    assert say(client, "withdraw", reading, reason="other").status_code == 422
    taken = say(client, "withdraw", reading, reason="no_longer_sure")
    assert taken.status_code == 302
    assert taken.url == f"/readings/{reading.pk}"
    assert client.get(taken.url).status_code == 200
    reading.refresh_from_db()
    assert (reading_state(reading).step, reading.events.last().reason) == ("verdict", "no_longer_sure")
