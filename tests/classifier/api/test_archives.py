"""Archives through the API: begun, sent in parts that may be lost, completed, followed, stored, called off."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from classifier.jobs import archives as jobs
from classifier.models import Archive, ArchivePart, Image
from mriplatform.accounts.roles import Role
from tests.classifier.intake.archive_cases import archive, good, real, ten_and_one


@pytest.fixture
def alice(house):
    client, token = house.client("nobody"), house.token("alice")

    class Alice:
        """Asks as the uploader, with her token."""

        def __getattr__(self, method):
            def ask(path, data=None, **more):
                if method == "post" and not more.get("form"):
                    more.setdefault("content_type", "application/json")
                more.pop("form", None)
                return getattr(client, method)(f"/api/v1{path}", data, headers=token, **more)

            return ask

    return Alice()


def begin(alice, house, data: bytes, **options):
    return alice.post("/archives", {"collection": str(house.collection.pk), "size": len(data), **options})


def put(alice, archive_id: str, number: int, data: bytes):
    return alice.put(f"/archives/{archive_id}/parts/{number}", data, content_type="application/octet-stream")


def test_from_the_first_part_to_the_last_entry(house, alice, settings):
    settings.ARCHIVE_PART_BYTES = 4000
    mixed = ten_and_one()
    begun = begin(alice, house, mixed.data, partial=True)
    assert begun.status_code == 201
    shown = begun.json()
    assert begun["Location"] == shown["url"]
    assert (shown["status"], shown["part_bytes"], shown["arrived"]) == ("receiving", 4000, [])
    pieces = {n // 4000 + 1: mixed.data[n : n + 4000] for n in range(0, len(mixed.data), 4000)}
    assert shown["parts"] == len(pieces)
    lost = 2
    for number, piece in pieces.items():
        if number != lost:
            assert put(alice, shown["id"], number, piece).status_code == 204
    early = alice.post(f"/archives/{shown['id']}/complete", {})
    assert (early.status_code, early.json()["code"]) == (409, "parts_missing")
    parts = alice.get(f"/archives/{shown['id']}/parts").json()
    assert parts["missing"] == [lost]
    assert put(alice, shown["id"], lost, pieces[lost]).status_code == 204
    assert put(alice, shown["id"], lost, pieces[lost]).status_code == 204
    done = alice.post(f"/archives/{shown['id']}/complete", {})
    assert (done.status_code, done.json()["status"]) == (202, "checking")
    assert alice.post(f"/archives/{shown['id']}/complete", {}).status_code == 202
    while jobs.drain():
        pass
    told = alice.get(f"/archives/{shown['id']}").json()
    assert (told["status"], told["counts"]["new"], told["counts"]["refused"]) == ("stored", 10, 1)
    entries = alice.get(f"/archives/{shown['id']}/entries?page_size=200").json()["results"]
    assert [entry["number"] for entry in entries if entry["outcome"] == "stored"] == list(mixed.good)
    refused = alice.get(f"/archives/{shown['id']}/entries?outcome=refused").json()["results"]
    assert [(entry["number"], entry["code"]) for entry in refused] == [(4, "wrong_type")]
    assert all(len(entry["sha256"]) == 64 for entry in entries if entry["outcome"] != "ignored")


def test_a_small_one_in_one_request(house, alice):
    file = SimpleUploadedFile("Musterfrau.zip", real(2))
    sent = alice.post("/archives", {"collection": str(house.collection.pk), "file": file}, form=True)
    assert (sent.status_code, sent.json()["status"]) == (202, "checking")
    before = Image.objects.count()
    while jobs.drain():
        pass
    assert Image.objects.count() == before + 2


def test_a_dry_run_is_stored_by_a_word_or_cancelled(house, alice):
    for word, status in (("store", 202), ("cancel", 200)):
        file = SimpleUploadedFile("1.zip", real(2, 900 if word == "store" else 950))
        form = {"collection": str(house.collection.pk), "file": file, "dry_run": "true"}
        sent = alice.post("/archives", form, form=True).json()
        early = alice.post(f"/archives/{sent['id']}/store", {})
        assert early.status_code == 409
        while jobs.drain():
            pass
        checked = alice.get(f"/archives/{sent['id']}").json()
        assert (checked["status"], checked["counts"]["new"]) == ("checked", 2)
        assert alice.post(f"/archives/{sent['id']}/{word}", {}).status_code == status
        while jobs.drain():
            pass
    assert sorted(Archive.objects.values_list("status", flat=True)) == ["cancelled", "stored"]
    assert not ArchivePart.objects.exists()


def test_labels_need_the_right_to_freeze(house, alice):
    data = archive([good(1, "glioma/1.png")])
    assert begin(alice, house, data, folder_labels=True).status_code == 403
    house.people["alice"].memberships.create(collection=house.collection, role=Role.ML_ENGINEER)
    assert begin(alice, house, data, folder_labels=True, dataset="Ward").status_code == 201


def test_anothers_archive_is_not_there(house, alice):
    sent = begin(alice, house, b"x" * 100).json()
    missing = sent["id"].replace(sent["id"][-6:], "000000")
    for name in ("ann", "bob", "charlie", "both"):
        client, token = house.client("nobody"), house.token(name)
        for suffix in ("", "/parts", "/entries"):
            theirs = client.get(f"/api/v1/archives/{sent['id']}{suffix}", headers=token)
            assert theirs.status_code == 404
            absent = client.get(f"/api/v1/archives/{missing}{suffix}", headers=token)
            for answer in (theirs, absent):
                answer.document = answer.json() | {"request_id": ""}
            assert theirs.document == absent.document
        for act in ("complete", "store", "cancel"):
            path = f"/api/v1/archives/{sent['id']}/{act}"
            assert client.post(path, {}, content_type="application/json", headers=token).status_code == 404
    assert house.client("alice").get(reverse("api-archives")).json()["results"][0]["id"] == sent["id"]


def test_what_is_malformed(house, alice, settings):
    settings.ARCHIVE_PART_BYTES = 50
    sent = begin(alice, house, b"x" * 100).json()
    assert put(alice, sent["id"], 1, b"x" * 51).status_code == 413
    assert put(alice, sent["id"], 1, b"x" * 49).status_code == 400
    assert put(alice, sent["id"], 3, b"x" * 50).status_code == 404
    assert put(alice, sent["id"], 10**12, b"x" * 50).status_code == 404
    wrong = alice.put(f"/archives/{sent['id']}/parts/1", b"{}", content_type="application/json")
    assert wrong.status_code == 415
    for options in (
        {"size": -1},
        {"size": "x"},
        {"status": "stored"},
        {"dataset": "x" * 121},
        {"partial": "perhaps"},
    ):
        asked = {"collection": str(house.collection.pk), "size": 100} | options
        assert alice.post("/archives", asked).status_code == 400
    assert begin(alice, house, b"").status_code == 400
    assert alice.post("/archives", {"collection": str(house.elsewhere.pk), "size": 1}).status_code == 404
    assert alice.post(f"/archives/{sent['id']}/store", {"partial": True, "x": 1}).status_code == 400
    assert alice.get("/archives?status=nothing").status_code == 400
