"""Disagreements and decisions, for programs."""

from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from reviews.models import Adjudication
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend
from tests.factories import analysed_image, make_collection, make_user


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def dora(member):
    return client_of(member("dora", "adjudicator"))


@pytest.fixture
def disputed(alice, bob, collection, image, read):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image, "meningioma")
    read.finished(bob, image, "pituitary")
    return image


@pytest.fixture
def decision(disputed):
    return {"image": str(disputed.pk), "label": "meningioma", "rationale": "Dural tail."}


def decide(client, said, **more):
    return client.post("/api/v1/adjudications", said | more, format="json")


def at(collection, *rest):
    return "/".join((f"/api/v1/collections/{collection.pk}/disagreements", *map(str, rest)))


def test_an_adjudicator_finds_what_is_disputed_and_decides(dora, collection, disputed, decision):
    listed = dora.get(at(collection))
    assert [row["id"] for row in listed.json()["results"]] == [str(disputed.pk)]
    assert b"meningioma" not in listed.content
    answer = decide(dora, decision)
    assert (answer.status_code, answer.json()["label"], answer.json()["supersedes"]) == (
        201,
        "meningioma",
        None,
    )
    assert dora.get(at(collection)).json()["results"] == []
    assert decide(dora, decision).json() == answer.json()
    again = decide(dora, decision, label="glioma")
    assert (again.status_code, again.json()["code"]) == (409, "decided_already")


def test_reads_have_a_number_and_findings_and_nothing_else(dora, alice, collection, disputed):
    amend(
        reader=alice, reading=alice.readings.get(), verdict="correct", label="meningioma", reason="location",
        note="Dural tail.",
    )  # fmt: skip
    shown = dora.get(at(collection, disputed.pk)).json()
    assert (shown["outcome"], shown["decisions"], shown["changed_since"]) == ("disagreement", [], False)
    assert {(read["label"], read["note"]) for read in shown["reads"]} == {
        ("meningioma", "Dural tail."),
        ("pituitary", ""),
    }
    assert [read["number"] for read in shown["reads"]] == [1, 2]
    fields = {"number", "label", "note", "image_quality", "location", "region"}
    assert all(set(read) == fields for read in shown["reads"])


def test_a_decision_is_superseded_by_naming_it(dora, alice, collection, disputed, decision):
    first = decide(dora, decision).json()
    amend(reader=alice, reading=alice.readings.get(), verdict="not_assessable")
    second = decide(dora, decision, label="notumor", supersedes=first["id"]).json()
    assert second["supersedes"] == first["id"]
    wrong = decide(dora, decision, label="glioma", supersedes=first["id"])
    assert (wrong.status_code, wrong.json()["code"]) == (409, "decided_meanwhile")
    shown = dora.get(at(collection, disputed.pk)).json()
    assert [one["id"] for one in shown["decisions"]] == [second["id"], first["id"]]
    assert (shown["outcome"], shown["changed_since"]) == ("final", False)
    every = dora.get(f"/api/v1/collections/{collection.pk}/adjudications").json()["results"]
    assert [one["id"] for one in every] == [second["id"], first["id"]]


def test_disagreements_come_in_pages_the_oldest_first(dora, alice, bob, collection, disputed, read):
    other = analysed_image(collection)
    read.finished(alice, other, "glioma")
    read.finished(bob, other, "notumor")
    first = dora.get(at(collection) + "?page_size=1").json()
    second = dora.get(first["next"]).json()
    assert [page["results"][0]["id"] for page in (first, second)] == [str(disputed.pk), str(other.pk)]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"label": "cyst"}, 400),
        ({"rationale": ""}, 400),
        ({"adjudicator": "bob"}, 400),
        ({"supersedes": "x"}, 400),
        ({"supersedes": str(uuid4())}, 409),
        ({"image": str(uuid4())}, 404),
    ],
)
def test_a_decision_that_does_not_hold_is_refused(dora, decision, changed, status):
    assert decide(dora, decision, **changed).status_code == status
    assert not Adjudication.objects.exists()


def test_who_reads_decides_nothing_and_sees_no_read(bob, collection, disputed, decision):
    assert decide(client_of(bob), decision).status_code == 403
    bob.memberships.create(collection=collection, role="adjudicator")
    client = client_of(type(bob).objects.get(pk=bob.pk))
    assert decide(client, decision).status_code == 422
    assert client.get(at(collection)).json()["results"] == []
    assert client.get(at(collection, disputed.pk)).status_code == 404


def test_an_adjudicator_of_another_collection_finds_nothing(collection, disputed, decision):
    stranger = client_of(make_user(collection=make_collection(), role="adjudicator"))
    assert decide(stranger, decision).status_code == 404
    for address in (
        at(collection),
        at(collection, disputed.pk),
        f"/api/v1/collections/{collection.pk}/adjudications",
    ):
        assert stranger.get(address).status_code == 404
