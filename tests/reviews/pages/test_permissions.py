"""Who reaches which page: the matrix of people and addresses."""

from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

SIGN_IN = 302
READ = {"alice": 200, "bob": 200, "charlie": 404, "uploader": 403, "erin": 403, "adjudicator": 403}
LABELS = {"alice": 403, "bob": 403, "charlie": 404, "uploader": 403, "erin": 200, "adjudicator": 403}
DECIDE = {"alice": 403, "bob": 403, "charlie": 404, "uploader": 403, "erin": 403, "adjudicator": 200}
OWN = {"alice": 200, "bob": 404, "charlie": 404, "uploader": 404, "erin": 404, "adjudicator": 404}
STEPS = ["first-read", "reveal", "verdict", "undo", "amend", "withdraw", "draft", "identity"]


@pytest.fixture
def people(alice, bob, charlie, engineer, member):
    return {
        "alice": alice,
        "bob": bob,
        "charlie": charlie,
        "erin": engineer,
        "uploader": member("uma", "uploader"),
        "adjudicator": member("ada", "adjudicator"),
    }


def statuses(browse, people, address, method="get"):
    return {name: getattr(browse(person), method)(address).status_code for name, person in people.items()}


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("worklist", {}, READ),
        ("labels", {}, LABELS),
        ("labels-download", {"form": "csv"}, LABELS),
        ("labels-download", {"form": "json"}, LABELS),
        ("disagreements", {}, DECIDE),
    ],
)
def test_pages_of_a_collection(browse, people, collection, name, more, expected):
    address = reverse(name, kwargs={"collection_id": collection.pk} | more)
    assert statuses(browse, people, address) == expected
    assert Client().get(address).status_code == SIGN_IN


def test_only_readers_begin_a_reading(browse, people, image):
    expected = READ | {"alice": 302, "bob": 302}
    for name, argument in (("read-next", image.collection_id), ("read-image", image.pk)):
        people["bob"].readings.all().delete()
        people["alice"].readings.all().delete()
        found = {}
        for who, person in people.items():
            found[who] = browse(person).post(reverse(name, args=[argument])).status_code
            person.readings.all().delete()
        assert found == expected, name


def test_a_reading_is_its_readers_alone(browse, people, image, read):
    reading = read.first(people["alice"], image)
    assert statuses(browse, people, reverse("reading", args=[reading.pk])) == OWN


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_anothers_reading_is_not_there(browse, say, alice, bob, charlie, image, read, step):
    """The same body as for a reading that never was, and nothing said."""
    reading = read.first(alice, image)
    before = reading.events.count()
    for other in (bob, charlie):
        client = browse(other)
        theirs = say(client, step, reading, label="glioma", confidence=3, reason="other", note="x")
        missing = client.post(reverse(f"reading-{step}", args=[uuid4()]), {"idempotency_key": str(uuid4())})
        assert theirs.status_code == missing.status_code == 404
        assert without_token(theirs) == without_token(missing)
    assert reading.events.count() == before
    reading.image.refresh_from_db()
    assert reading.image.hidden_at is None


@pytest.mark.parametrize("step", STEPS)
def test_steps_ask_for_a_sign_in_and_lead_back_to_the_reading(browse, image, alice, read, step):
    reading = read.claimed(alice, image)
    address = reverse(f"reading-{step}", args=[reading.pk])
    assert Client().post(address).status_code == SIGN_IN
    assert Client().post(address, headers={"HX-Request": "true"}).status_code == 401
    returned = browse(alice).get(address)
    if step == "draft":
        assert returned.status_code == 405
    else:
        assert returned.url == reverse("reading", args=[reading.pk])


@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_a_csrf_token_is_refused(browse, say, image, alice, read, step):
    reading = read.claimed(alice, image)
    refused = say(browse(alice, enforce_csrf_checks=True), step, reading, label="glioma", confidence=2)
    assert refused.status_code == 403
    assert not reading.events.exists()


def test_a_reader_who_is_an_engineer_too_gets_no_labels(browse, alice, collection):
    alice.memberships.create(collection=collection, role="ml_engineer")
    refused = browse(alice).get(reverse("labels", args=[collection.pk]))
    assert refused.status_code == 403
    assert b"You read in this collection" in refused.content


def test_a_reader_who_left_the_collection_loses_the_reading(browse, alice, image, read):
    reading = read.revealed(alice, image)
    alice.memberships.all().delete()
    assert browse(alice).get(reverse("reading", args=[reading.pk])).status_code == 404


def test_unknown_query_parameters_are_refused(browse, alice, collection):
    assert browse(alice).get(reverse("worklist", args=[collection.pk]) + "?order=answer").status_code == 400


def without_token(response):
    """The body without what differs between any two answers."""
    import re

    return re.sub(rb'X-CSRFToken": "[^"]*|nonce="[^"]*|value="[A-Za-z0-9]{64}"', b"", response.content)
