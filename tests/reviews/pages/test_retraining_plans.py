"""When a collection is retrained by itself: set on a page, by the API and in the admin, by whom it may be."""

import json

import pytest
from django.urls import reverse

from reviews.models import LabelSet, RetrainingPlan
from tests.factories import analysed_image, make_collection, make_user

MAY = {"alice": 403, "erin": 200, "paul": 403, "otto": 403, "ada": 200, "eve": 404, "both": 403}


@pytest.fixture
def people(alice, engineer, member):
    both = member("both", "ml_engineer")
    both.memberships.create(collection=both.memberships.get().collection, role="radiologist")
    return {
        "alice": alice,
        "erin": engineer,
        "paul": member("paul", "approver"),
        "otto": member("otto", "auditor"),
        "ada": member("ada", "admin"),
        "eve": make_user("eve", collection=make_collection(), role="ml_engineer"),
        "both": both,
    }


@pytest.mark.parametrize("name", ["retraining-plan", "api-retraining-plan"])
def test_who_sets_a_plan(browse, people, collection, name):
    address = reverse(name, args=[collection.pk])
    assert {who: browse(person).get(address).status_code for who, person in people.items()} == MAY
    for who, person in people.items():
        before = RetrainingPlan.objects.count()
        client = browse(person)
        sent = {"every_labels": 10 + before, "every_hours": "", "recipe": "head"}
        if name == "retraining-plan":
            answer = client.post(address, sent)
        else:
            seen = {"If-Match": client.get(address).headers.get("ETag", '"0"')}
            body = json.dumps(sent | {"every_hours": None})
            answer = client.put(address, body, content_type="application/json", headers=seen)
        assert (answer.status_code in (200, 302)) == (MAY[who] == 200)
        assert RetrainingPlan.objects.count() - before == (MAY[who] == 200)


def test_a_plan_is_kept_in_versions_and_may_be_none(browse, engineer, collection):
    client, address = browse(engineer), reverse("retraining-plan", args=[collection.pk])
    assert "nothing starts by itself" in client.get(address).content.decode()
    for labels, hours in (("50", "24"), ("", ""), ("", "")):
        client.post(address, {"every_labels": labels, "every_hours": hours, "recipe": "fine_tune"})
    shown = client.get(reverse("api-retraining-plan", args=[collection.pk])).json()
    assert [(row["version"], row["every_labels"], row["every_hours"]) for row in shown["history"]] == [
        (2, None, None),
        (1, 50, 24),
    ]
    assert shown["plan"] == shown["history"][0]
    refused = client.post(address, {"every_labels": "0", "every_hours": "", "recipe": "head"})
    assert refused.status_code == 400
    assert RetrainingPlan.objects.count() == 2


def test_a_page_that_was_open_while_another_plan_was_set_sets_none(browse, engineer, collection):
    client, address = browse(engineer), reverse("retraining-plan", args=[collection.pk])
    assert 'name="if_version" value="0"' in client.get(address).content.decode()
    sent = {"every_labels": "50", "every_hours": "", "recipe": "head", "if_version": "0"}
    assert client.post(address, sent).status_code == 302
    late = client.post(address, sent | {"every_labels": "7"})
    assert late.status_code == 412
    assert 'name="if_version" value="1"' in late.content.decode()
    assert RetrainingPlan.objects.count() == 1
    assert client.post(address, sent | {"every_labels": "7", "if_version": "1"}).status_code == 302


def test_what_a_run_would_use_now_is_told_before_anything_is_frozen(
    browse, engineer, alice, collection, read
):
    for machine, said in (("glioma", "meningioma"), ("notumor", "notumor"), ("glioma", "not_assessable")):
        read.finished(alice, analysed_image(collection, label=machine), label=said)
    client = browse(engineer)
    page = client.get(reverse("retraining-plan", args=[collection.pk])).content.decode()
    assert "1 correction and 1 confirmation, 1 excluded: 1 not assessable." in page
    now = client.get(reverse("api-retraining-plan", args=[collection.pk])).json()["now"]
    assert (now["embeddings_stored"], now["embeddings_to_compute"], now["label_set"]) == (2, 0, None)
    assert not LabelSet.objects.exists()


def test_the_admin_sets_the_same_plan_and_offers_no_collection_of_others(browse, people, collection):
    client, add = browse(people["erin"]), "/admin/reviews/retrainingplan/add/"
    page = client.get(add).content.decode()
    assert "Neuro" in page
    assert people["eve"].memberships.get().collection.name not in page
    client.post(
        add, {"collection": str(collection.pk), "every_labels": "7", "every_hours": "", "recipe": "head"}
    )
    plan = RetrainingPlan.objects.get()
    assert (plan.every_labels, plan.every_hours, plan.set_by) == (7, None, people["erin"])
    assert "Neuro" in client.get("/admin/reviews/retrainingplan/").content.decode()
