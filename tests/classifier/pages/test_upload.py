"""The upload page: as a plain form, and as the drop zone asks."""

from django.urls import reverse

from classifier.models import Image, Study
from tests.classifier.doors import House, upload_file
from tests.pictures import picture_png

JSON = {"Accept": "application/json"}


def send(house: House, *seeds: int, grouping: str = "one_study", name: str = "alice", headers=None, **more):
    files = [
        upload_file(picture_png(seed), f"{seed}.png") if seed else upload_file(b"", "0.png") for seed in seeds
    ]
    sent = {"files": files, "grouping": grouping, **more}
    return house.client(name).post(reverse("upload", args=[house.collection.pk]), sent, headers=headers or {})


def newest() -> Study:
    return Study.objects.order_by("-pk")[0]


def test_the_page_says_what_it_takes_and_what_is_kept(house):
    body = house.client("alice").get(reverse("upload", args=[house.collection.pk])).content.decode()
    for said in (
        "PNG, JPEG or DICOM",
        "at most 50",
        "up to 20 MiB",
        "DICOM up to 64 MiB",
        "one study each",
        "keyed hash",
        "Contains identity",
    ):
        assert said in body
    assert 'enctype="multipart/form-data"' in body


def test_one_study_leads_to_its_page(house):
    response = send(house, 1, 2)
    assert (response.status_code, response["Location"]) == (302, reverse("study", args=[newest().pk]))
    assert newest().images.count() == 2
    assert newest().origin == "portal"


def test_a_study_each_leads_to_a_verdict_each_by_number(house):
    response = send(house, 1, 0, 2, grouping="study_each")
    assert response.status_code == 202
    body = response.content.decode()
    assert body.count("Stored.") == 2
    assert "The file is empty." in body
    for study in Study.objects.exclude(pk=house.study.pk):
        assert reverse("study", args=[study.pk]) in body


def test_a_refused_form_comes_back_with_the_sentence(house):
    response = send(house, 1, 0)
    assert response.status_code == 400
    assert "Image 2: The file is empty." in response.content.decode()
    assert "<drop-zone" in response.content.decode()
    assert Study.objects.count() == 1


def test_the_same_pixels_lead_to_the_study_that_has_them(house):
    send(house, 1)
    first = newest()
    response = send(house, 1)
    assert response["Location"] == reverse("study", args=[first.pk])
    assert Study.objects.count() == 2


def test_the_drop_zone_gets_an_entry_per_file(house):
    response = send(house, 1, 0, 1, grouping="study_each", headers=JSON)
    assert response.status_code == 202
    study = newest()
    entries = response.json()["entries"]
    assert [(entry["number"], entry["verdict"]) for entry in entries] == [
        (1, "stored"),
        (2, "refused"),
        (3, "duplicate"),
    ]
    assert entries[0]["url"] == entries[2]["url"] == reverse("study", args=[study.pk])
    assert entries[0]["fragment"] == reverse("study-word", args=[study.pk])
    assert "url" not in entries[1]


def test_the_drop_zone_learns_why_good_files_went_down_with_a_bad_one(house):
    problem = send(house, 1, 0, headers=JSON)
    assert problem.status_code == 400
    entries = problem.json()["entries"]
    assert [entry["verdict"] for entry in entries] == ["waiting", "refused"]
    assert entries[0]["message"].startswith("Not stored yet, because another image of the study was refused.")
    assert entries[1]["message"] == "The file is empty."


def test_all_duplicates_are_no_new_upload(house):
    send(house, 1)
    assert send(house, 1, headers=JSON).status_code == 200


def test_the_pseudonym_is_kept_as_a_keyed_hash_only(house):
    from tests.classifier.doors import everything_stored

    send(house, 1, pseudonym="Subject Nightingale-0815")
    assert len(newest().subject_key) == 64
    assert b"Nightingale" not in everything_stored()


def test_too_many_uploads_say_when_to_come_back(house, settings):
    settings.UPLOADS_PER_MINUTE = 1
    send(house, 1)
    response = send(house, 2, headers=JSON)
    assert (response.status_code, response["Retry-After"]) == (429, "60")
    page = send(house, 3)
    assert (page.status_code, page["Retry-After"]) == (429, "60")
    assert "Wait a minute" in page.content.decode()


def test_a_full_storage_is_said(house, settings):
    settings.UPLOAD_BYTES_PER_USER = 1
    assert send(house, 1).status_code == 507
    assert Image.objects.count() == 1
