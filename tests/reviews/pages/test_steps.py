"""A reading by its pages: as plain forms, as the page's script sends them, and when something is in the way."""

import json
import re
from uuid import uuid4

import pytest
from django.urls import reverse

SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def client(browse, alice):
    return browse(alice)


@pytest.fixture
def another(collection):
    """A second image that waits."""
    from tests.factories import analysed_image

    return analysed_image(collection, label="meningioma")


def page_of(client, reading, **headers):
    return client.get(reverse("reading", args=[reading.pk]), headers=headers).content.decode()


def events(reading):
    return [(event.kind, event.verdict, event.label, event.reason) for event in reading.events.all()]


def test_a_reading_from_worklist_to_label_by_plain_forms(client, say, alice, image, another):
    """POST, redirect, GET all the way; the last step leads to the next image."""
    begun = client.post(reverse("read-next", args=[image.collection_id]))
    reading = alice.readings.get()
    assert begun.url == reverse("reading", args=[reading.pk])
    assert say(client, "first-read", reading, label="meningioma", confidence=3).url == begun.url
    assert "Meningioma" in page_of(client, reading)
    assert say(client, "reveal", reading).url == begun.url
    shown = page_of(client, reading)
    assert "Probably glioma" in shown
    assert "85&nbsp;%" in shown
    assert "Keep meningioma" in shown
    assert "Change to glioma" in shown
    last = say(client, "verdict", reading, label="meningioma", reason="location", note="On the dura.")
    assert last.url == reverse("reading", args=[alice.readings.get(image=another).pk])
    assert events(reading) == [
        ("first_read", "", "meningioma", ""),
        ("reveal", "", "", ""),
        ("verdict", "correct", "meningioma", "location"),
    ]


def test_a_script_gets_the_panel_alone_and_is_sent_on(client, say, read, alice, image, another):
    reading = read.first(alice, image)
    panel = say(client, "reveal", reading, headers=SCRIPT)
    assert panel.content.decode().lstrip().startswith("<aside")
    assert 'id="maps"' in panel.content.decode()
    assert "HX-Request" in panel["Vary"]
    sent_on = say(
        client, "verdict", reading, now="glioma", label="meningioma", reason="other", note="n", headers=SCRIPT
    )
    following = alice.readings.get(image=another)
    assert sent_on["HX-Redirect"] == reverse("reading", args=[following.pk])
    assert events(reading)[-1] == ("verdict", "confirm", "glioma", "other")


def test_a_script_that_takes_the_next_page_gets_it_with_the_answer(client, say, read, alice, image, another):
    """Its whole page, under its address, with the way to undo; blind, as that reading begins."""
    reading = read.revealed(alice, image, label="glioma")
    both = SCRIPT | {"Reading-Takes-Next": "true"}
    answered = say(client, "verdict", reading, now="glioma", headers=both)
    following = alice.readings.get(image=another)
    assert answered.status_code == 200
    assert answered["Reading-Address"] == reverse("reading", args=[following.pk])
    assert "Reading-Takes-Next" in answered["Vary"]
    assert "no-store" in answered["Cache-Control"]
    pixels = reverse("image-pixels", args=[another.pk])
    assert json.loads(answered["Reading-Image"]) == {"src": pixels, "center": None, "width": None}
    page = b"".join(answered.streaming_content).decode()
    assert f'data-reading="{following.pk}"' in page
    assert "What do you see?" in page
    assert reverse("reading-undo", args=[reading.pk]) in page
    assert 'id="maps"' not in page
    # Nothing is left: the browser goes back to the worklist.
    read.first(alice, another)
    say(client, "reveal", following)
    last = say(client, "verdict", following, now="glioma", reason="location", headers=both)
    assert last["HX-Redirect"] == reverse("worklist", args=[image.collection_id])


def test_what_is_to_be_told_is_told_once_with_the_next_page(client, say, read, alice, image, another):
    """Only an answer that is whole can note that a message was told."""
    reading = read.revealed(alice, image, label="glioma")
    both = SCRIPT | {"Reading-Takes-Next": "true"}
    answered = say(client, "identity", reading, headers=both)
    assert "is hidden from everybody" in answered.content.decode()
    assert answered["Reading-Address"] == reverse("reading", args=[alice.readings.get(image=another).pk])
    assert "is hidden from everybody" not in client.get(answered["Reading-Address"]).content.decode()


def test_the_header_alone_is_no_script(client, say, read, alice, image, another):
    """A plain form is sent on by its address whatever it says it takes."""
    reading = read.revealed(alice, image, label="glioma")
    sent_on = say(client, "verdict", reading, now="glioma", headers={"Reading-Takes-Next": "true"})
    assert sent_on.url == reverse("reading", args=[alice.readings.get(image=another).pk])


def test_agreement_is_one_button_that_needs_no_reason(client, say, read, alice, image):
    reading = read.revealed(alice, image, label="glioma")
    shown = page_of(client, reading)
    keep = re.search(r'<button[^>]*name="now" value="glioma"[^>]*>', shown).group()
    assert 'data-key="a 1"' in keep
    assert "data-asks-reason" not in keep
    assert say(client, "verdict", reading, now="glioma").status_code == 302
    assert events(reading)[-1] == ("verdict", "confirm", "glioma", "")


def test_the_default_button_of_the_verdict_answers_nothing_by_itself(client, read, alice, image):
    """Enter in a form takes its first button: that one must carry no answer."""
    reading = read.revealed(alice, image, label="glioma")
    form = re.search(r'<form class="verdict".*?</form>', page_of(client, reading), re.DOTALL).group()
    first = re.search(r"<button[^>]*>", form).group()
    assert "name=" not in first


@pytest.mark.parametrize(
    ("own", "said", "status", "sentence"),
    [
        ("meningioma", {"label": "meningioma"}, 422, "Say why: a correction needs a reason."),
        ("meningioma", {"label": "glioma"}, 422, "You changed your first read. Say why: choose a reason."),
        ("glioma", {"label": "pituitary"}, 422, "Say why: a correction needs a reason."),
        (
            "glioma",
            {"label": "pituitary", "reason": "other"},
            422,
            "Say in the note what the other reason is.",
        ),
        ("glioma", {}, 400, "Choose an answer first."),
        ("glioma", {"label": "<script>"}, 400, "Choose one of the answers that the page offers."),
        ("glioma", {"label": "notumor", "reason": "x"}, 400, "Select a valid choice."),
        ("glioma", {"label": "glioma", "note": "x" * 2001}, 400, "The note is too long"),
    ],
)
def test_what_is_refused_is_said_on_the_page_and_nothing_typed_is_lost(
    client, say, read, alice, image, own, said, status, sentence
):
    reading = read.revealed(alice, image, label=own)
    note = said.get("note", "Typed with care & <b>.")
    refused = say(
        client, "verdict", reading, **{"note": note} | said if "other" not in said.values() else said
    )
    page = refused.content.decode()
    assert refused.status_code == status
    assert sentence in page
    assert "<mri-viewer" in page
    if "other" not in said.values():
        assert note.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in page
    if said.get("label") in ("meningioma", "glioma", "pituitary") and len(note) < 2000:
        assert re.search(rf'name="label" value="{said["label"]}"[^>]*checked', page)
    assert events(reading)[-1][0] == "reveal"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, "Say what you see: choose one of the four"),
        ({"label": "glioma"}, "Say how sure you are."),
        ({"label": "glioma", "confidence": "NaN"}, "Select a valid choice."),
        ({"label": "astrocytoma", "confidence": 1}, "Choose one of the answers that the page offers."),
        ({"label": "glioma", "confidence": 1, "idempotency_key": "x"}, "Enter a valid UUID."),
    ],
)
def test_a_first_read_must_say_something(client, say, read, alice, image, said, sentence):
    reading = read.claimed(alice, image)
    refused = say(client, "first-read", reading, **said)
    assert refused.status_code == 400
    assert sentence in refused.content.decode()
    assert not reading.events.exists()


def test_not_assessable_needs_neither_confidence_nor_reason(client, say, read, alice, image):
    reading = read.claimed(alice, image)
    assert say(client, "first-read", reading, label="not_assessable").status_code == 302
    say(client, "reveal", reading)
    shown = page_of(client, reading)
    assert "Keep not assessable" in shown
    assert "Change to glioma" in shown
    say(client, "verdict", reading, now="not_assessable")
    assert events(reading)[-1] == ("verdict", "not_assessable", "", "")


def test_a_form_sent_twice_says_it_once(client, say, read, alice, image, another):
    reading = read.claimed(alice, image)
    key = uuid4()
    for _ in range(3):
        assert (
            say(client, "first-read", reading, label="glioma", confidence=2, idempotency_key=key).status_code
            == 302
        )
    say(client, "reveal", reading)
    key = uuid4()
    urls = {say(client, "verdict", reading, now="glioma", idempotency_key=key).url for _ in range(3)}
    assert urls == {reverse("reading", args=[alice.readings.get(image=another).pk])}
    assert [event[0] for event in events(reading)] == ["first_read", "reveal", "verdict"]


def test_a_first_read_is_taken_back_until_the_reveal(client, say, read, alice, image):
    reading = read.first(alice, image)
    event = reading.events.get()
    assert f'value="{event.pk}"' in page_of(client, reading)
    say(client, "undo", reading, event=event.pk)
    assert "What do you see?" in page_of(client, reading)
    say(client, "first-read", reading, label="pituitary", confidence=1)
    say(client, "reveal", reading)
    assert 'data-key="u"' not in page_of(client, reading)
    refused = say(client, "undo", reading)
    assert refused.status_code == 409
    assert "There is nothing to undo" in refused.content.decode()


def test_the_next_page_offers_to_take_the_verdict_back(client, say, read, alice, image, another):
    reading = read.revealed(alice, image, label="glioma")
    following = client.get(say(client, "verdict", reading, now="glioma").url).content.decode()
    assert "Recorded: glioma." in following
    toast = re.search(r"<toast-undo.*?</toast-undo>", following, re.DOTALL).group()
    assert reverse("reading-undo", args=[reading.pk]) in toast
    event = re.search(r'name="event" value="([^"]+)"', toast).group(1)
    assert say(client, "undo", reading, event=event).url == reverse("reading", args=[reading.pk])
    assert "Keep glioma" in page_of(client, reading)
    reading.refresh_from_db()
    assert reading.finished_at is None


def test_too_late_to_undo_is_said_where_it_can_be_amended(client, say, read, alice, image, monkeypatch):
    from datetime import timedelta

    reading = read.finished(alice, image, label="glioma")
    monkeypatch.setattr("reviews.services.taking_back.UNDO_WINDOW", timedelta(0))
    refused = say(client, "undo", reading, event=reading.events.last().pk)
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "A verdict can be undone for 10 seconds; amend it instead." in page
    assert reverse("reading-amend", args=[reading.pk]) in page


def test_amending_keeps_what_was_said_before(client, say, read, alice, image):
    reading = read.finished(alice, image, label="glioma")
    finished = page_of(client, reading)
    assert "Amend" in finished
    assert reverse("reading-amend", args=[reading.pk]) not in finished
    form = client.get(reverse("reading", args=[reading.pk]) + "?amend=1").content.decode()
    assert reverse("reading-amend", args=[reading.pk]) in form
    assert say(client, "amend", reading, label="pituitary").status_code == 422
    assert say(client, "amend", reading, label="pituitary", reason="location").status_code == 302
    page = page_of(client, reading)
    assert [event[0] for event in events(reading)] == ["first_read", "reveal", "verdict", "amendment"]
    history = re.search(r'<details class="history">.*?</details>', page, re.DOTALL).group()
    for said in (
        "First read",
        "Model’s answer shown (version 1)",
        "Verdict",
        "no longer in force",
        "Amended to",
    ):
        assert said in history


def test_the_draft_is_kept_and_shown_again(client, say, read, alice, image):
    reading = read.revealed(alice, image)
    kept = say(
        client, "draft", reading, step="verdict", reason="location", note="Half a thou", label="glioma"
    )
    assert kept.status_code == 204
    page = page_of(client, reading)
    assert "Half a thou" in page
    assert re.search(r'value="location"[^>]*checked', page)
    assert [event[0] for event in events(reading)] == ["first_read", "reveal"]


def test_a_draft_of_an_earlier_step_comes_too_late(client, say, read, alice, image):
    """What was chosen blind must not stand preselected beside the machine's answer."""
    reading = read.revealed(alice, image)
    late = say(
        client, "draft", reading, step="first_read", label="glioma", headers={"Accept": "application/json"}
    )
    assert late.status_code == 409
    assert late.json()["code"] == "other_step"
    reading.refresh_from_db()
    assert reading.draft == {}


def test_containing_identity_hides_the_image_and_goes_on(client, say, read, alice, image, another):
    reading = read.claimed(alice, image)
    sent_on = say(client, "identity", reading)
    assert sent_on.url == reverse("reading", args=[alice.readings.get(image=another).pk])
    assert client.get(reverse("image-pixels", args=[image.pk])).status_code != 200
    gone = client.get(reverse("reading", args=[reading.pk])).content.decode()
    assert "This image is not shown any more" in gone
    assert reverse("image-pixels", args=[image.pk]) not in gone


def test_after_the_last_image_comes_the_worklist(client, say, read, alice, image):
    reading = read.revealed(alice, image, label="glioma")
    answered = say(client, "verdict", reading, now="glioma")
    assert answered.url == reverse("worklist", args=[image.collection_id])
    page = client.get(answered.url).content.decode()
    assert "All read" in page
    assert "toast-undo" in page


def test_a_step_that_another_tab_took_is_said_in_the_panel(client, say, read, alice, image):
    reading = read.first(alice, image)
    stale = say(client, "first-read", reading, label="pituitary", confidence=1, headers=SCRIPT)
    assert stale.status_code == 409
    panel = stale.content.decode()
    assert panel.lstrip().startswith("<aside")
    assert "Your first read is committed already." in panel
    assert "Show it" in panel


def test_notes_are_text_everywhere(client, say, read, alice, image, browse, engineer):
    reading = read.revealed(alice, image)
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}'
    say(client, "verdict", reading, label="meningioma", reason="other", note=evil)
    for page in (
        page_of(client, reading),
        client.get(reverse("worklist", args=[image.collection_id])).content.decode(),
        browse(engineer).get(reverse("labels", args=[image.collection_id])).content.decode(),
    ):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert "{{7*7}}" in page_of(client, reading)
