"""Label sets for programs: the policy, the dry run, the freeze, one set, and what differs."""

import pytest
from rest_framework.test import APIClient

from reviews.models import EligibilityPolicy, LabelSet, SplitAssignment
from tests.factories import analysed_image


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def api(engineer):
    return client_of(engineer)


@pytest.fixture
def of(collection):
    return f"/api/v1/collections/{collection.pk}"


@pytest.fixture
def labelled(alice, collection, read):
    images = [analysed_image(collection) for _ in range(3)]
    for image, label in zip(images, ("pituitary", "glioma", "not_assessable"), strict=True):
        read.finished(alice, image, label)
    return sorted(images, key=lambda image: image.pk)


def test_a_policy_is_read_set_and_kept(api, of, engineer):
    found = api.get(f"{of}/eligibility")
    assert (found.json()["version"], found.json()["rule"], found["ETag"]) == (0, "protocol", '"0"')
    rules = {"rule": "agreeing", "agreeing_reads": 3, "seen": "exclude"}
    assert api.put(f"{of}/eligibility", rules, format="json").status_code == 428
    put = api.put(f"{of}/eligibility", rules, format="json", headers={"If-Match": found["ETag"]})
    assert (put.status_code, put.json()["version"], put.json()["set_by"]) == (200, 1, "erin")
    assert len(put.json()["history"]) == 1
    stale = api.put(
        f"{of}/eligibility", {"rule": "single"}, format="json", headers={"If-Match": found["ETag"]}
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    wrong = api.put(f"{of}/eligibility", {"rule": "dice"}, format="json", headers={"If-Match": put["ETag"]})
    assert wrong.status_code == 400


def test_a_dry_run_tells_what_a_freeze_then_does(api, of, labelled):
    dry = api.get(f"{of}/eligibility/dry-run").json()
    assert (dry["total"], dry["unlabelled"], dry["counts"]["train"]) == (3, 0, 2)
    assert [row["image"] for row in dry["images"]] == [str(image.pk) for image in labelled]
    assert {row["reason"] for row in dry["images"]} == {"", "not assessable"}
    assert not SplitAssignment.objects.exists()

    frozen = api.post(f"{of}/label-sets", {"if_manifest_sha256": dry["manifest_sha256"]}, format="json")
    assert frozen.status_code == 201
    body = frozen.json()
    assert (body["manifest_sha256"], body["counts"]) == (dry["manifest_sha256"], dry["counts"])
    assert (body["policy"], body["frozen_by"], body["runs"]) == (None, "erin", [])
    again = api.post(f"{of}/label-sets", {}, format="json")
    assert (again.status_code, again.json()["id"]) == (200, body["id"])
    refused = api.post(f"{of}/label-sets", {"if_manifest_sha256": "0" * 64}, format="json")
    assert (refused.status_code, LabelSet.objects.count()) == (412, 1)
    assert [row["id"] for row in api.get(f"{of}/label-sets").json()["results"]] == [body["id"]]
    assert api.get(f"/api/v1/label-sets/{body['id']}").json() == body


def test_another_policy_is_tried_out_narrowed_and_paged(api, of, labelled):
    tried = api.get(f"{of}/eligibility/dry-run", {"rule": "adjudicated"}).json()
    assert (tried["policy"]["rule"], tried["policy"]["version"]) == ("adjudicated", 0)
    assert tried["counts"]["reasons"] == {"no adjudicator has decided": 3}
    assert not EligibilityPolicy.objects.exists()
    used = api.get(f"{of}/eligibility/dry-run", {"split": "used", "size": 1}).json()
    assert (used["total"], len(used["images"])) == (2, 1)
    rest = api.get(f"{of}/eligibility/dry-run", {"split": "used", "size": 1, "start": used["next"]}).json()
    assert (len(rest["images"]), rest["next"]) == (1, None)
    assert rest["images"] != used["images"]
    assert api.get(f"{of}/eligibility/dry-run", {"colour": "red"}).status_code == 400


def test_entries_and_differences(api, of, alice, collection, labelled, read):
    first = api.post(f"{of}/label-sets", {}, format="json").json()
    entries = api.get(f"/api/v1/label-sets/{first['id']}/entries").json()["results"]
    assert [row["image"] for row in entries] == [str(image.pk) for image in labelled]
    assert entries[0]["provenance"]["source"] == "reading"
    used = api.get(f"/api/v1/label-sets/{first['id']}/entries", {"split": "used"}).json()["results"]
    assert len(used) == 2
    assert api.get(f"/api/v1/label-sets/{first['id']}/differences").status_code == 422

    late = [analysed_image(collection) for _ in range(2)]
    for image in late:
        read.finished(alice, image, "notumor")
    second = api.post(f"{of}/label-sets", {}, format="json").json()
    address = f"/api/v1/label-sets/{second['id']}/differences"
    found = api.get(address).json()
    assert (found["before"]["id"], found["counts"]["added"], found["counts"]["same"]) == (first["id"], 2, 3)
    assert {row["image"] for row in found["differences"]} == {str(image.pk) for image in late}
    one = api.get(address, {"against": first["id"], "change": "added", "size": 1}).json()
    rest = api.get(address, {"change": "added", "size": 1, "start": one["next"]}).json()
    assert one["differences"] + rest["differences"] == found["differences"]
    assert rest["next"] is None
    assert api.get(address, {"change": "colour"}).status_code == 400


def test_readers_and_strangers_get_nothing(api, of, alice, charlie, member, labelled):
    frozen = api.post(f"{of}/label-sets", {}, format="json").json()
    alice.memberships.create(collection=labelled[0].collection, role="ml_engineer")
    own = [f"/api/v1/label-sets/{frozen['id']}{more}" for more in ("", "/entries", "/differences")]
    shared = [f"{of}/eligibility", f"{of}/eligibility/dry-run", f"{of}/label-sets"]
    for address in own:
        assert client_of(alice).get(address).status_code == 404
        assert client_of(charlie).get(address).status_code == 404
    for address in shared:
        assert client_of(alice).get(address).status_code == 403
        assert client_of(charlie).get(address).status_code == 404
    assert client_of(alice).post(f"{of}/label-sets", {}, format="json").status_code == 403
    approver = client_of(member("paul", "approver"))
    assert approver.get(f"{of}/label-sets").status_code == 200
    assert approver.post(f"{of}/label-sets", {}, format="json").status_code == 403
