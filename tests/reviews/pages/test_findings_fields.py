"""The fields of a reading's forms beside the label, and the form that takes a verdict back."""

import json
import re
from html import unescape
from uuid import uuid4

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


@pytest.mark.parametrize("answer", [{"now": "not_assessable"}, {"label": "notumor", "reason": "location"}])
def test_the_page_leaves_out_the_place_of_what_is_not_there(client, say, read, alice, image, answer):
    reading = read.claimed(alice, image)
    assert say(client, "first-read", reading, label="not_assessable", **FIELDS).status_code == 302
    assert said_in(reading.events.last()) == ("not_diagnostic", "", None, 0)
    say(client, "reveal", reading)
    assert say(client, "verdict", reading, **answer, **FIELDS).status_code == 302
    assert said_in(reading.events.last()) == ("not_diagnostic", "", None, 0)


def checked(page, name):
    """What the radio buttons of a name, or a list, stand at; None where nothing is chosen."""
    radio = re.search(rf'name="{name}" value="([^"]*)"[^>]*checked', page)
    option = re.search(rf'<select name="{name}".*?<option value="([^"]*)" selected', page, re.DOTALL)
    return (radio or option).group(1) if radio or option else None


def test_an_amendment_begins_with_all_that_the_verdict_says(client, say, read, alice, image):
    reading = read.revealed(alice, image)
    verdict = {"label": "meningioma", "reason": "location", "note": "On the dura."}
    say(client, "verdict", reading, **verdict, **FIELDS)
    page = client.get(f"/readings/{reading.pk}?amend=1").content.decode()
    assert checked(page, "label") == "meningioma"
    assert checked(page, "reason") == "location"
    assert checked(page, "image_quality") == "not_diagnostic"
    assert checked(page, "location") == "dural"
    assert "On the dura.</textarea>" in page
    region = re.search(r'name="region" value="([^"]*)"', page).group(1)
    assert json.loads(unescape(region)) == ELLIPSE


def test_a_first_read_begins_with_a_good_image_and_a_verdict_with_what_the_first_read_found(
    client, say, read, alice, image
):
    reading = read.claimed(alice, image)
    page = client.get(f"/readings/{reading.pk}").content.decode()
    assert (checked(page, "image_quality"), checked(page, "location")) == ("good", None)
    say(client, "first-read", reading, **FIRST_READ, **FIELDS)
    say(client, "reveal", reading)
    page = client.get(f"/readings/{reading.pk}").content.decode()
    assert (checked(page, "image_quality"), checked(page, "location")) == ("not_diagnostic", "dural")
    assert "Findings: <span data-found>image not diagnostic, dural: convexity" in page


def test_what_changed_meanwhile_is_not_amended_and_not_taken_back_unseen(client, say, read, alice, image):
    reading = read.finished(alice, image)
    page = client.get(f"/readings/{reading.pk}?amend=1").content.decode()
    seen = re.search(r'name="revision" value="([^"]+)"', page).group(1)
    assert say(client, "amend", reading, label="notumor", reason="location").status_code == 302
    for step, said in (
        ("amend", {"label": "pituitary", "reason": "location"}),
        ("withdraw", {"reason": "slip"}),
    ):
        refused = say(client, step, reading, revision=seen, **said)
        assert refused.status_code == 412
        assert "This reading was changed meanwhile" in refused.content.decode()
        assert checked(refused.content.decode(), "reason") == said["reason"]
    now = re.search(r'name="revision" value="([^"]+)"', refused.content.decode()).group(1)
    assert say(client, "withdraw", reading, reason="slip", revision=now).status_code == 302


def test_what_had_arrived_after_all_is_said_so(client, say, read, alice, image):
    """The answer was lost on its way, something was changed, and the form was sent again with its key."""
    reading = read.claimed(alice, image)
    key = uuid4()
    say(client, "first-read", reading, **FIRST_READ, idempotency_key=key)
    again = say(client, "first-read", reading, label="glioma", confidence=1, idempotency_key=key)
    assert again.status_code == 422
    assert "What you sent before had arrived after all" in again.content.decode()


def test_the_history_tells_what_was_undone_and_what_was_taken_back_and_why(client, say, read, alice, image):
    reading = read.first(alice, image)
    say(client, "undo", reading)
    read.first(alice, image)
    say(client, "reveal", reading)
    say(client, "verdict", reading, label="meningioma", reason="other", note="Seen before.")
    say(client, "withdraw", reading, reason="slip")
    page = client.get(f"/readings/{reading.pk}").content.decode()
    history = re.search(r'<details class="history">.*?</details>', page, re.DOTALL).group()
    said = [
        " ".join(re.sub(r"<[^>]+>", " ", line).split()[3:])
        for line in re.findall(r"<li.*?</li>", history, re.DOTALL)
    ]
    assert said == [
        "First read: Meningioma, fairly sure · no longer in force",
        "First read undone",
        "First read: Meningioma, fairly sure",
        "Model’s answer shown (version 1)",
        "Verdict: Meningioma · other reason · no longer in force Seen before.",
        "Verdict taken back · a slip: not what I meant",
    ]


def test_an_undo_gives_the_form_back_as_it_was_filled_in(client, say, read, alice, image):
    reading = read.claimed(alice, image)
    say(client, "first-read", reading, **FIRST_READ, **FIELDS)
    say(client, "undo", reading)
    page = client.get(f"/readings/{reading.pk}").content.decode()
    assert (checked(page, "label"), checked(page, "confidence")) == ("meningioma", "2")
    assert (checked(page, "image_quality"), checked(page, "location")) == ("not_diagnostic", "dural")
    assert json.loads(unescape(re.search(r'name="region" value="([^"]*)"', page).group(1))) == ELLIPSE
    # What is filled in since counts before that.
    say(client, "draft", reading, step="first_read", label="glioma", confidence="1")
    page = client.get(f"/readings/{reading.pk}").content.decode()
    assert (checked(page, "label"), checked(page, "confidence")) == ("glioma", "1")

    say(client, "first-read", reading, **FIRST_READ)
    say(client, "reveal", reading)
    say(client, "verdict", reading, label="glioma", reason="location", note="Half sure.")
    say(client, "undo", reading)
    page = client.get(f"/readings/{reading.pk}").content.decode()
    assert (checked(page, "label"), checked(page, "reason")) == ("glioma", None)
    assert "Half sure.</textarea>" in page
    # What was taken back with a reason is in doubt: it is not filled in again.
    say(client, "verdict", reading, label="glioma", reason="location", note="Half sure.")
    say(client, "withdraw", reading, reason="no_longer_sure")
    page = client.get(f"/readings/{reading.pk}").content.decode()
    assert checked(page, "label") is None
