"""Protocols and known cases, for programs."""

import pytest
from rest_framework.test import APIClient

from reviews.models import KnownCase, ReadingProtocol
from tests.factories import make_collection


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def admin(member):
    return member("ada", "admin", is_staff=True)


@pytest.fixture
def api(admin):
    return client_of(admin)


@pytest.fixture
def protocol(collection):
    return f"/api/v1/collections/{collection.pk}/protocol"


@pytest.fixture
def cases(collection):
    return f"/api/v1/collections/{collection.pk}/known-cases"


def put(api, address, etag, **rules):
    headers = {"If-Match": etag} if etag else {}
    return api.put(address, {"mode": "blinded_first"} | rules, format="json", headers=headers)


def test_the_protocol_is_read_and_changed_with_its_etag(api, protocol):
    default = api.get(protocol)
    assert (default["ETag"], default.json()["version"], default.json()["history"]) == ('"0"', 0, [])
    first = put(api, protocol, default["ETag"], readers_per_image=3, adjudication_rule="majority")
    assert (first.status_code, first["ETag"], first.json()["version"]) == (200, '"1"', 1)
    second = put(api, protocol, 'W/"1-gzip"', mode="assisted", order="margin", random_share=0.5)
    document = second.json()
    assert (document["version"], document["order"], document["set_by"]) == (2, "margin", "ada")
    assert [row["version"] for row in document["history"]] == [2, 1]
    assert document["history"][1]["readers_per_image"] == 3
    assert api.get(protocol).json() == document


@pytest.mark.parametrize(
    ("etag", "rules", "status", "code"),
    [
        (None, {}, 428, "if_match_missing"),
        ('"7"', {}, 412, "changed_meanwhile"),
        ('"none"', {}, 412, "changed_meanwhile"),
        ('"0"', {"mode": "unaided", "order": "entropy"}, 422, "order_tells_answer"),
        ('"0"', {"readers_per_image": 6}, 400, None),
        ('"0"', {"repeat_rate": 0.5}, 400, None),
        ('"0"', {"nonsense": 1}, 400, None),
    ],
)
def test_what_may_not_be_set_is_refused(api, protocol, etag, rules, status, code):
    answer = put(api, protocol, etag, **rules)
    assert answer.status_code == status
    if code:
        assert answer.json()["code"] == code
    assert not ReadingProtocol.objects.exists()


def test_known_cases_are_listed_set_and_taken_back(api, cases, image):
    assert api.get(cases).json()["results"] == []
    said = {"image": str(image.pk), "label": "not_assessable", "source": "Phantom"}
    made = api.post(cases, said, format="json")
    assert made.status_code == 201
    assert {**said, "set_by": "ada", "read": 0}.items() <= made.json().items()
    assert api.post(cases, said, format="json").status_code == 201
    assert KnownCase.objects.count() == 1
    assert api.get(cases).json()["results"] == [made.json()]
    taken = api.post(f"{cases}/{image.pk}/take-back", {"reason": "No phantom"}, format="json")
    assert taken.status_code == 204
    assert api.get(cases).json()["results"] == []
    again = api.post(f"{cases}/{image.pk}/take-back", {"reason": "No phantom"}, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "no_known_case")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"label": "meningitis"}, 400),
        ({"source": ""}, 400),
        ({"source": "x" * 301}, 400),
        ({"source": " a\0"}, 400),
    ],
)
def test_a_malformed_known_case_is_refused(api, cases, image, wrong, status):
    said = {"image": str(image.pk), "label": "glioma", "source": "Histology"} | wrong
    assert api.post(cases, said, format="json").status_code == status
    assert not KnownCase.objects.exists()


def test_an_image_that_nobody_may_see_is_no_known_case(api, admin, cases, image):
    from classifier.services.removal import hide_image

    hide_image(actor=admin, image=image)
    said = {"image": str(image.pk), "label": "glioma", "source": "Histology"}
    assert api.post(cases, said, format="json").status_code == 409


def test_not_yours_is_not_there_and_readers_never_get_known_cases(alice, engineer, charlie, protocol, cases):
    for user, status in ((alice, 403), (engineer, 403), (charlie, 404)):
        for address in (protocol, cases):
            assert client_of(user).get(address).status_code == status
    assert APIClient().get(protocol).status_code == 401
    make_collection("None of these")
