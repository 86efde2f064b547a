"""The pages of archives: a plain form, what they show of an archive in each state, and what they refuse."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from classifier.jobs import archives as jobs
from classifier.models import Archive, Study
from classifier.services.archives import create_archive
from mriplatform.accounts.roles import Role
from tests.classifier.doors import build_house
from tests.classifier.intake.archive_cases import archive, good, real, ten_and_one


@pytest.fixture
def house(db):
    return build_house()


def send(house, data: bytes, who: str = "alice", **options):
    url = reverse("archives", args=[house.collection.pk])
    return house.client(who).post(url, {"file": SimpleUploadedFile("Musterfrau.zip", data), **options})


def drained() -> None:
    while jobs.drain():
        pass


def text(response) -> str:
    return " ".join(response.content.decode().split())


def test_a_plain_form_sends_a_small_zip_and_its_page_follows_it(house):
    sent = send(house, ten_and_one().data, partial="on")
    found = Archive.objects.get()
    assert sent["Location"] == reverse("archive", args=[found.pk])
    client = house.client("alice")
    page = text(client.get(sent["Location"]))
    assert "0 of 11" in page
    assert reverse("archive-live", args=[found.pk]) in page
    drained()
    live = text(client.get(reverse("archive-live", args=[found.pk]) + "?asked=3"))
    assert 'data-announce="Stored. "' in live
    assert "Refused: " in live
    assert "hx-get" not in live
    refused = text(client.get(sent["Location"] + "?outcome=refused"))
    assert refused.count("<tbody><tr>") == 1
    assert "text" in refused
    ignored = text(client.get(sent["Location"] + "?outcome=ignored"))
    assert "it is what a system adds" in ignored


def test_a_refused_zip_says_why_on_the_form(house):
    sent = send(house, archive([good(1), good(2), good(3, "../3.png")]))
    assert sent.status_code == 422
    assert "Entry 3 has an unsafe path." in text(sent)
    assert not Archive.objects.exists()
    assert send(house, b"").status_code == 400


def test_a_dry_run_waits_for_a_word(house):
    send(house, real(2), dry_run="on")
    drained()
    found, client = Archive.objects.get(), house.client("alice")
    before = Study.objects.count()
    page = text(client.get(reverse("archive", args=[found.pk])))
    assert "Nothing is stored yet." in page
    assert "Looked at first: nothing is stored until you say so." in page
    assert f"{round(found.size / 1024)} KiB, sent" in page
    assert "Store it" in page
    assert client.post(reverse("archive-store", args=[found.pk])).status_code == 302
    drained()
    assert Study.objects.count() == before + 2
    assert "Looked at first" not in text(client.get(reverse("archive", args=[found.pk])))
    assert client.post(reverse("archive-cancel", args=[found.pk])).status_code == 409


def test_an_archive_that_is_being_sent_can_be_gone_on_with_and_cancelled(house):
    begun = create_archive(actor=house.people["alice"], collection=house.collection, size=100)
    client = house.client("alice")
    page = text(client.get(reverse("archive", args=[begun.pk])))
    assert f'data-archive="{begun.pk}"' in page
    assert "0 of 1 parts have arrived." in page
    assert client.post(reverse("archive-cancel", args=[begun.pk])).status_code == 302
    assert "You cancelled it. Nothing was stored." in text(client.get(reverse("archive", args=[begun.pk])))


def test_only_who_may_freeze_labels_is_asked_about_folders(house):
    url = reverse("archives", args=[house.collection.pk])
    assert "folder_labels" not in text(house.client("alice").get(url))
    house.people["alice"].memberships.create(collection=house.collection, role=Role.ML_ENGINEER)
    assert "folder_labels" in text(house.client("alice").get(url))
    send(house, archive([good(1, "glioma/1.png"), good(2, "ward/2.png")]), folder_labels="on", dry_run="on")
    drained()
    page = text(house.client("alice").get(reverse("archive", args=[Archive.objects.get().pk])))
    assert "<dt>Glioma</dt><dd>1</dd>" in page
    assert "The folders of 1 entry name no class" in page


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("charlie", 404), ("loner", 404), ("ann", 200)])
def test_who_may_send(house, who, status):
    assert house.client(who).get(reverse("archives", args=[house.collection.pk])).status_code == status


def test_nobody_sees_anothers(house):
    begun = create_archive(actor=house.people["alice"], collection=house.collection, size=100)
    for who in ("bob", "ann", "both", "charlie"):
        for name in ("archive", "archive-live"):
            assert house.client(who).get(reverse(name, args=[begun.pk])).status_code == 404
        for name in ("archive-store", "archive-cancel"):
            assert house.client(who).post(reverse(name, args=[begun.pk])).status_code == 404


def test_queries_that_the_page_does_not_know(house):
    begun = create_archive(actor=house.people["alice"], collection=house.collection, size=100)
    for query in ("outcome=x", "after=x", "after=-1", "x=1", "after=99999999999"):
        assert house.client("alice").get(reverse("archive", args=[begun.pk]) + f"?{query}").status_code == 400
