"""Every image case of the list, through the page and through the API: the same answer, and nothing left behind."""

import json
import logging

import pytest
from django.urls import reverse

from classifier.models import Image
from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import MULTIPART, House, build_house, everything_stored, multipart, stored_rows
from tests.classifier.intake.cases import ACCEPTED, REFUSED, Case


@pytest.fixture
def house(db) -> House:
    return build_house()


def send(house: House, door: str, case: Case, data: bytes, accept: str = "text/html"):
    files = [("files", case.filename, data)]
    client = house.client("alice")
    if door == "page":
        body = multipart({"grouping": "one_study"}, files)
        address = reverse("upload", args=[house.collection.pk])
        return client.generic("POST", address, body, MULTIPART, headers={"Accept": accept})
    body = multipart({"collection": str(house.collection.pk)}, files)
    return client.generic("POST", "/api/v1/studies", body, MULTIPART)


def words(response) -> str:
    """What the answer says, as a person reads it."""
    text = response.content.decode()
    return text.replace("&quot;", '"').replace("&#x27;", "'").replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(house: House, door: str, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    before, events = stored_rows(), AuditEvent.objects.count()
    data = case.make()
    with caplog.at_level(logging.DEBUG):
        response = send(house, door, case, data)
    assert response.status_code == case.status
    if door == "api":
        problem = response.json()
        assert (problem["code"], problem["status"]) == (case.code, case.status)
        assert case.sentence in problem["detail"]
    else:
        assert case.sentence in words(response)
    assert stored_rows() == before
    assert AuditEvent.objects.count() == events + 1
    audit = AuditEvent.objects.get(action="upload.refused")
    assert audit.data["codes"] == [case.code]
    assert [len(key) for key in audit.data["bytes_keys"]] == [64]
    assert case.filename not in caplog.text
    assert case.filename not in json.dumps(audit.data)


@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepted(house: House, door: str, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    data = case.make()
    with caplog.at_level(logging.DEBUG):
        response = send(house, door, case, data)
    image = Image.objects.exclude(pk=house.image.pk).get()
    address = reverse("study" if door == "page" else "api-study", args=[image.study_id])
    assert (response.status_code, response["Location"]) == (302 if door == "page" else 202, address)
    page = house.client("alice").get(address)
    stored = everything_stored()
    for planted in (*case.planted, case.filename):
        assert planted.encode("utf-8", "surrogatepass") not in stored
        assert planted not in caplog.text
        assert planted not in page.content.decode()


def test_the_drop_zone_gets_a_problem_document(house: House) -> None:
    response = send(house, "page", REFUSED[0], REFUSED[0].make(), accept="application/json")
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["entries"] == [
        {"number": 1, "verdict": "refused", "message": response.json()["detail"]}
    ]
