"""Versions side by side on a page, and what reads for a collection: every state, and what stands in it."""

import json
import re

import pytest
from django.urls import reverse

from classifier.models import VersionChoice
from classifier.services.choices import choose_version
from classifier.services.removal import hide_image
from mriplatform.accounts.roles import Role
from tests.classifier.doors import MARK, House
from tests.factories import make_image, make_prediction, make_user, make_version

EMPTY = {"probabilities": None, "maps": None, "embedding": None}


@pytest.fixture
def other():
    return make_version(promoted=False)


def page(house: House, other, name: str = "study-compare", query: str = "", person: str = "erin") -> str:
    address = reverse(name, args=[house.study.pk])
    response = house.client(person).get(f"{address}?version={other.pk}{query}")
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


def test_both_versions_stand_there_with_words_figures_and_maps_of_their_own_size(house, other):
    finer = {"maps": bytes(14 * 14 * 4 * 2), "map_shape": [14, 14, 4]}
    make_prediction(house.image, version=other, label="glioma", for_comparison=True, **finer)
    body = page(house, other)
    assert "They differ." in body
    assert "one says meningioma, the other glioma" in body
    assert body.count("Probably meningioma") == body.count("Probably glioma") == 1
    assert "+80.0" in body
    assert "-80.0" in body
    given = [json.loads(value.replace("&quot;", '"')) for value in re.findall(r'data-value="([^"]*)"', body)]
    assert [len(maps["maps"]) for maps in given] == [7, 14]
    assert "hx-trigger" not in body.split('id="compare-progress"')[1].split(">")[0]
    # An approver looks at it and cannot ask.
    assert "Ask this version" not in page(house, other, person="paul")


def test_a_side_that_names_no_class_has_no_figures_and_no_map(house):
    careful = make_version(promoted=False, novelty={"threshold": 1.0, "method": "test"})
    nothing = EMPTY | {"novelty": 3.0, "not_assessable": True}
    make_prediction(house.image, version=careful, for_comparison=True, **nothing)
    body = page(house, careful)
    assert "one says meningioma, the other not assessable" in body
    assert body.count("data-maps-of") == 1
    assert "unlikeness" in body


def test_a_waiting_comparison_asks_for_itself_and_sends_the_pair_once(house, other):
    row = make_prediction(house.image, version=other, status="queued", for_comparison=True, **EMPTY)
    assert "hx-trigger" in page(house, other)
    waiting = page(house, other, "study-compare-status", "&asked=1")
    assert "hx-trigger" in waiting
    assert 'id="pair"' not in waiting
    row.delete()
    make_prediction(house.image, version=other, label=MARK, for_comparison=True)
    news = page(house, other, "study-compare-status", "&asked=1")
    assert 'id="pair"' in news
    assert "They agree." in news
    assert "hx-trigger" not in news
    assert 'id="pair"' not in page(house, other, "study-compare-status", "&asked=2&answered=1")


def test_what_failed_says_why_and_is_asked_again(house, other):
    make_prediction(
        house.image, version=other, status="failed", failure_reason="Its checkpoint was altered.",
        for_comparison=True, **EMPTY,
    )  # fmt: skip
    body = page(house, other)
    assert "Its checkpoint was altered." in body
    assert "Ask again" in body
    client = house.client("erin")
    response = client.post(reverse("study-ask", args=[house.study.pk]), {"version": other.pk}, follow=True)
    assert "is asked about one image" in response.content.decode()
    assert "Waiting for answers" in response.content.decode()


def test_a_hidden_image_is_withheld_on_both_sides_and_never_asked_about(house, other):
    hide_image(actor=house.people["ann"], image=house.image)
    make_image(house.study, position=1)
    client = house.client("erin")
    client.post(reverse("study-ask", args=[house.study.pk]), {"version": other.pk})
    assert not house.image.predictions.filter(model_version=other).exists()
    body = page(house, other, query=f"&image={house.image.pk}")
    assert body.count("Hidden: someone saw identity in it.") == 2


def test_a_version_that_is_not_there_and_a_form_without_one(house):
    client = house.client("erin")
    at = reverse("study-compare", args=[house.study.pk])
    assert client.get(f"{at}?version={house.study.pk}").status_code == 404
    assert client.get(f"{at}?version=x").status_code == 400
    assert client.post(reverse("study-ask", args=[house.study.pk]), {}).status_code == 400
    assert "No other version was asked" in client.get(at).content.decode()


def test_the_collection_says_what_reads_and_only_those_who_do_not_read_there_see_why(house, other):
    make_version()
    version = house.prediction.model_version
    reason = "Misses gliomas less often."
    choose_version(actor=house.people["paul"], collection=house.collection, version=version, reason=reason)
    at, details = (reverse(n, args=[house.collection.pk]) for n in ("collection", "collection-version"))
    for name in ("alice", "bob", "both", "erin", "otto"):
        body = house.client(name).get(at).content.decode()
        assert f"New images are read by version {version.number}" in body
        assert reason not in body
        assert (details in body) == (name in ("erin", "otto"))
    assert reason in house.client("erin").get(details).content.decode()
    refused = house.client("paul").post(details, {"version": other.pk, "reason": "it is new"})
    assert refused.status_code == 422
    assert "never measured" in refused.content.decode()
    back = house.client("paul").post(details, {"version": "", "reason": "as before"}, follow=True)
    assert "From now on version 2 reads here." not in back.content.decode()
    assert VersionChoice.objects.order_by("-sequence").first().model_version is None


def test_a_page_that_was_open_while_something_else_was_chosen_chooses_nothing(house):
    make_version()
    details = reverse("collection-version", args=[house.collection.pk])
    client, version = house.client("paul"), house.prediction.model_version
    assert 'name="if_sequence" value="0"' in client.get(details).content.decode()
    sent = {"version": str(version.pk), "reason": "r", "if_sequence": "0"}
    assert client.post(details, sent).status_code == 302
    late = client.post(details, {"version": "", "reason": "r", "if_sequence": "0"})
    assert late.status_code == 412
    assert 'name="if_sequence" value="1"' in late.content.decode()
    assert VersionChoice.objects.filter(collection=house.collection).count() == 1


def test_the_api_says_which_version_read_when_and_marks_comparisons(house, other):
    make_prediction(house.image, version=other, label="glioma", for_comparison=True)
    client, version = house.client("erin"), house.prediction.model_version
    rows = client.get(f"/api/v1/predictions?study={house.study.pk}").json()["results"]
    assert {(row["model_version"]["number"], row["for_comparison"]) for row in rows} == {
        (1, False),
        (2, True),
    }
    only = client.get(f"/api/v1/predictions?model_version={other.pk}").json()["results"]
    assert [row["label"] for row in only] == ["glioma"]
    at = f"/api/v1/collections/{house.collection.pk}/version"
    put = house.client("paul").put(
        at,
        {"model_version": str(version.pk), "reason": "r"},
        content_type="application/json",
        headers={"If-Match": client.get(at)["ETag"]},
    )
    assert put.json()["follows"] is False
    assert put.json()["choices"][0] | {"at": ""} == {
        "model_version": {"id": str(version.pk), "number": 1, "name": version.name},
        "reason": "r", "by": "paul", "at": "",
    }  # fmt: skip
    before = client.get(f"{at}?at=2020-01-01T00:00:00Z").json()
    assert (before["model_version"], before["follows"]) == (None, True)
    listed = house.client("bob").get("/api/v1/collections").json()["results"][0]
    assert listed["model_version"]["number"] == 1


def test_the_admin_lists_choices_of_ones_own_collections_only(house):
    for collection, reason in ((house.collection, "ours"), (house.elsewhere, "theirs")):
        choose_version(actor=None, collection=collection, version=None, reason=reason)
    staff = make_user("eve", collection=house.collection, role=Role.ML_ENGINEER, is_staff=True)
    house.people["eve"] = staff
    body = house.client("eve").get(reverse("admin:classifier_versionchoice_changelist")).content.decode()
    assert "ours" in body
    assert "theirs" not in body
