"""Downloads and label sets, for programs."""

import csv
import hashlib
import io
import json
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from mriplatform.audit.models import AuditEvent
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image, make_collection


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def api(engineer):
    return client_of(engineer)


@pytest.fixture
def labels(collection):
    return f"/api/v1/collections/{collection.pk}/labels"


def test_labels_come_as_json_or_csv(api, alice, collection, image, read, labels):
    read.finished(alice, image, "pituitary")
    document = api.get(labels)
    (row,) = json.loads(document.getvalue())["labels"]
    assert (row["said_by"], row["label"], row["model_version"], row["saw_prediction"]) == (
        "alice",
        "pituitary",
        1,
        True,
    )
    for response in (api.get(f"{labels}?format=csv"), api.get(labels, headers={"Accept": "text/csv"})):
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert response["Content-Disposition"] == f'attachment; filename="labels-{collection.pk}.csv"'
        (as_text,) = csv.DictReader(io.StringIO(response.getvalue().decode()))
        assert {name: "" if value is None else str(value) for name, value in row.items()} == as_text


def test_a_download_leaves_its_trace(api, engineer, alice, collection, image, read, labels):
    read.finished(alice, image, "pituitary")
    api.get(f"{labels}?format=csv")
    event = AuditEvent.objects.get(action="labels.downloaded")
    assert (event.actor, event.collection_id) == (engineer, collection.pk)
    assert event.data == {"rows": 1, "form": "csv"}


def test_another_format_is_not_offered(api, labels):
    response = api.get(f"{labels}?format=xlsx")
    assert (response.status_code, response["Content-Type"]) == (406, "application/problem+json")
    assert api.get(f"{labels}?form=csv").status_code == 400


def test_a_refusal_of_a_csv_is_a_problem_document(alice, labels):
    response = client_of(alice).get(f"{labels}?format=csv")
    assert (response.status_code, response["Content-Type"]) == (403, "application/problem+json")
    assert response.json()["code"] == "not_allowed"


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("uploader", 403),
        ("radiologist", 403),
        ("adjudicator", 403),
        ("ml_engineer", 200),
        ("approver", 200),
        ("auditor", 200),
        ("admin", 200),
    ],
)
def test_who_may_download(member, labels, role, status):
    assert client_of(member("nora", role)).get(labels).status_code == status


@pytest.mark.parametrize("other", ["ml_engineer", "approver", "auditor", "admin"])
def test_whoever_reads_there_gets_no_labels_whatever_else_they_are(alice, collection, labels, other):
    alice.memberships.create(collection=collection, role=other)
    response = client_of(alice).get(labels)
    assert response.status_code == 403
    assert "may have yet to read" in response.json()["detail"]
    assert client_of(alice).get("/api/v1/label-sets").json()["results"] == []


def test_anothers_labels_are_as_missing_as_those_of_no_collection(charlie, labels):
    answers = [
        client_of(charlie).get(address).json()
        for address in (labels, f"/api/v1/collections/{uuid4()}/labels")
    ]
    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]
    assert answers[0]["status"] == 404


def test_label_sets_and_their_manifests(api, alice, engineer, charlie, collection, image, read):
    read.finished(alice, image)
    frozen = freeze_label_set(actor=engineer, collection=collection)
    elsewhere = analysed_image(make_collection())
    read.finished(alice, elsewhere)
    freeze_label_set(actor=None, collection=elsewhere.collection)

    (row,) = api.get("/api/v1/label-sets").json()["results"]
    assert (row["id"], row["number"], row["counts"]["train"]) == (str(frozen.pk), 1, 1)
    address = f"/api/v1/label-sets/{frozen.pk}/manifest"
    manifest = api.get(address)
    assert manifest["Content-Type"] == "application/x-ndjson"
    assert hashlib.sha256(manifest.content).hexdigest() == row["manifest_sha256"]
    for somebody in (alice, charlie):
        assert client_of(somebody).get(address).status_code == 404
