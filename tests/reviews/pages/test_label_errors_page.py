"""The ranking of likely errors and the doors beside it: who gets them, and that they do what they say."""

import json
import zipfile
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from reviews.models import ImportedLabel, LabelErrorSearch, LabelSet, SentBack
from reviews.selectors import manifest_of
from reviews.services.label_errors import find_due_label_errors
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image
from tests.pictures import picture, png


@pytest.fixture
def frozen(alice, bob, collection, read, engineer):
    """Three labels by alice; bob has read nothing."""
    for label in ("glioma", "meningioma", "pituitary"):
        read.finished(alice, analysed_image(collection), label)
    return freeze_label_set(actor=engineer, collection=collection)


@pytest.fixture
def ranked(frozen, version):
    rows = [
        [str(entry.image_id), entry.label, "notumor", 0.1, 0.8, 0.85, number == 0]
        for number, entry in enumerate(frozen.entries.all())
    ]
    return LabelErrorSearch.objects.create(
        label_set=frozen, model_version=version, status="succeeded", finished_at=frozen.created_at,
        result={"rows": rows, "likely": 1, "used": 3, "without": 0, "joint": [], "seconds": 0.2},
    )  # fmt: skip


def address(name, label_set):
    return reverse(name, args=[label_set.pk])


def test_the_page_ranks_labels_beside_what_blinded_readers_said(client, frozen, ranked, engineer):
    client.force_login(engineer)
    page = client.get(address("label-errors", frozen)).content.decode()
    first = frozen.entries.first().image
    assert "1 of 3 labels are likely wrong" in page
    assert reverse("image-pixels", args=[first.pk]) in page
    assert "1 of 1 said the label" in page
    assert "probability 0.10" in page
    assert client.get(address("label-errors", frozen) + "?page=x").status_code == 400


def test_looking_is_a_workers_and_the_page_asks_until_it_is_done(client, frozen, engineer):
    client.force_login(engineer)
    assert client.post(address("label-errors", frozen)).status_code == 302
    assert 'hx-trigger="every ' in client.get(address("label-errors", frozen)).content.decode()
    # Nothing takes the place of what is being ticked meanwhile.
    assert client.get(address("label-errors-live", frozen)).status_code == 204
    find_due_label_errors()
    page = client.get(address("label-errors-live", frozen)).content.decode()
    assert "hx-trigger" not in page
    assert "too few" in page  # of three labels each is alone in its class


@pytest.mark.parametrize("how", ["ticked", "top", "api"])
def test_labels_are_sent_back(client, frozen, ranked, engineer, how):
    client.force_login(engineer)
    first = frozen.entries.first().image
    if how == "api":
        body = json.dumps({"images": [str(first.pk)]})
        answer = client.post(
            address("api-label-set-send-back", frozen), body, content_type="application/json"
        )
        assert answer.json() == {"sent": [str(first.pk)], "kept": []}
    else:
        sent = {"image": [str(first.pk)]} if how == "ticked" else {"top": "1"}
        page = client.post(address("label-errors-send", frozen), sent, follow=True).content.decode()
        assert "1 label sent back to be read" in page
    assert SentBack.objects.get().image == first


def test_the_api_tells_the_same(client, frozen, ranked, engineer):
    client.force_login(engineer)
    shown = client.get(address("api-likely-errors", frozen) + "?size=2").json()
    assert (shown["status"], shown["total"], len(shown["labels"]), shown["likely"]) == ("succeeded", 3, 2, 1)
    assert shown["labels"][0]["blinded_reads"] == [shown["labels"][0]["label"]]
    asked = client.post(address("api-likely-errors", frozen), "{}", content_type="application/json")
    assert (asked.status_code, asked.json()["status"]) == (202, "queued")
    assert client.post(
        address("api-label-set-send-back", frozen), "{}", content_type="application/json"
    ).status_code == 400  # fmt: skip


@pytest.mark.parametrize("name", ["label-set-export", "api-label-set-export"])
def test_an_export_is_a_stream_of_everything(client, frozen, engineer, name):
    client.force_login(engineer)
    answer = client.get(address(name, frozen))
    with zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.read("manifest.jsonl") == manifest_of(frozen)
        assert len(archive.namelist()) == 5


GETS = ("label-errors", "label-errors-live", "label-set-export", "api-likely-errors", "api-label-set-export")
POSTS = ("label-errors", "label-errors-send", "api-likely-errors", "api-label-set-send-back")


@pytest.mark.parametrize(
    ("roles", "gets", "posts"),
    [
        (["ml_engineer"], 200, (302, 302, 202, 400)),
        (["admin"], 200, (302, 302, 202, 400)),
        (["approver"], 200, (403,) * 4),
        (["auditor"], 200, (403,) * 4),
        (["uploader"], 404, (404,) * 4),
        (["radiologist"], 404, (404,) * 4),
        (["ml_engineer", "radiologist"], 404, (404,) * 4),
        ([], 404, (404,) * 4),
    ],
)
def test_who_gets_what(client, frozen, ranked, collection, charlie, roles, gets, posts):
    for role in roles:
        charlie.memberships.create(collection=collection, role=role)
    client.force_login(charlie)
    assert {name: client.get(address(name, frozen)).status_code for name in GETS} == dict.fromkeys(GETS, gets)
    answers = []
    for name in POSTS:
        body = (
            {"content_type": "application/json", "data": "{}"}
            if name.startswith("api")
            else {"data": {"top": "1"}}
        )
        answers.append(client.post(address(name, frozen), **body).status_code)
    assert tuple(answers) == posts


def test_labelled_images_come_in_by_page_and_by_api(client, collection, engineer):
    client.force_login(engineer)
    file = SimpleUploadedFile("a.png", png(picture(1)), "image/png")
    form = {"dataset": "figshare", "label": "glioma", "split": "test", "files": [file]}
    page = client.post(reverse("import-labels", args=[collection.pk]), form).content.decode()
    assert "1 stored with the label" in page
    files = [SimpleUploadedFile(f"{seed}.png", png(picture(seed)), "image/png") for seed in (1, 2)]
    labels = json.dumps([{"label": "glioma"}, {"label": "pituitary", "plane": "axial", "subject": "s1"}])
    address = reverse("api-imports", args=[collection.pk])
    said = client.post(address, {"dataset": "figshare", "labels": labels, "files": files}).json()
    assert [line["became"] for line in said["files"]] == ["unchanged", "stored"]
    assert ImportedLabel.objects.count() == 2
    bad = client.post(address, {"dataset": "x", "labels": "[]", "files": [SimpleUploadedFile("a.png", b"x")]})
    assert (bad.status_code, bad.json()["code"]) == (400, "malformed_labels")
    for odd in ("\0", float("nan"), "\ud800"):
        said = json.dumps([{"label": "glioma", "provenance": {"path": odd}}])
        file = SimpleUploadedFile("3.png", png(picture(3)), "image/png")
        assert client.post(address, {"dataset": "x", "labels": said, "files": [file]}).status_code == 400, odd


def test_a_label_set_comes_in_by_api(client, frozen, engineer, collection):
    """Images first, each with the hash of its pixels; then the manifest, byte for byte."""
    from tests.factories import make_collection

    other = make_collection("Fresh")
    engineer.memberships.create(collection=other, role="ml_engineer")
    client.force_login(engineer)
    with zipfile.ZipFile(
        BytesIO(b"".join(client.get(address("api-label-set-export", frozen)).streaming_content))
    ) as zipped:
        members = {name: zipped.read(name) for name in zipped.namelist()}
    lines = [json.loads(line) for line in members["manifest.jsonl"].splitlines()]
    into = reverse("api-label-set-imports", args=[other.pk])

    def set_of(**more):
        files = {name: SimpleUploadedFile(name, members[file]) for name, file in
                 (("header", "label-set.json"), ("manifest", "manifest.jsonl"))}  # fmt: skip
        return client.post(into, {"dataset": "copy"} | files | more)

    missing = set_of()
    assert (missing.status_code, missing.json()["code"]) == (422, "images_missing")
    files = [SimpleUploadedFile("x.png", members[f"images/{line['pixel_sha256']}.png"]) for line in lines]
    said = [{name: line[name] for name in ("label", "split", "pixel_sha256", "provenance")} for line in lines]
    sent = {"dataset": "copy", "labels": json.dumps(said), "files": files}
    assert client.post(reverse("api-imports", args=[other.pk]), sent).json()["counts"]["stored"] == 3
    assert set_of().status_code == 200
    assert LabelSet.objects.get(collection=other).manifest_sha256 == frozen.manifest_sha256


def test_the_admin_looks_for_them_and_sends_them_back(client, frozen, ranked, engineer):
    client.force_login(engineer)
    address = reverse("admin:reviews_labelset_likely_errors", args=[frozen.pk])
    assert "1 of 3 labels are likely wrong" in client.get(address).content.decode()
    assert "1 labels sent back to be read" in client.post(address, {"top": "1"}, follow=True).content.decode()
    assert SentBack.objects.count() == 1
    client.post(address, {})
    assert LabelErrorSearch.objects.filter(status="queued").count() == 1
    engineer.memberships.all().delete()
    assert client.get(address).status_code in (403, 404)
