"""Every endpoint of the machine reader, and who gets what there, by session and by token."""

import pytest
from django.test import Client
from django.urls import reverse

from mriplatform.accounts.roles import Role
from tests.classifier.doors import MARK, House
from tests.factories import make_version

PEOPLE = ("nobody", "charlie", "loner", "alice", "bob", "both", "erin", "paul", "otto", "ann")
MEMBERS = ("alice", "bob", "both", "erin", "paul", "otto", "ann")
EVERYBODY = (*MEMBERS, "charlie", "loner")
SEERS = ("erin", "paul", "ann")
MODELS = ("erin", "paul", "otto", "ann", "charlie")

# The ETag of a collection for which nothing was chosen yet.
UNCHOSEN = {"If-Match": '"0"'}

READS = {
    # path: (allowed, status for the others)
    "collections": (EVERYBODY, 404),
    "studies": (EVERYBODY, 404),
    "studies?collection={collection}": (MEMBERS, 404),
    "studies?status=succeeded": (EVERYBODY, 404),
    "studies/{study}": (MEMBERS, 404),
    "images/{image}": (MEMBERS, 404),
    "images/{image}/pixels": (MEMBERS, 404),
    "predictions": (EVERYBODY, 404),
    "predictions?collection={collection}": (MEMBERS, 404),
    "predictions?study={study}": (MEMBERS, 404),
    "predictions?image={image}": (MEMBERS, 404),
    "predictions/{prediction}": (SEERS, 404),
    "predictions?model_version={version}": (EVERYBODY, 404),
    "collections/{collection}/version": (("erin", "paul", "otto", "ann"), 404),
    "collections/{collection}/version?at=2026-03-01T12:00:00Z": (("erin", "paul", "otto", "ann"), 404),
    "model-versions": (MODELS, 403),
    "model-versions/{version}": (MODELS, 403),
    "model-versions/in-force": (MODELS, 403),
}


def address(house: House, path: str) -> str:
    return "/api/v1/" + path.format(
        collection=house.collection.pk,
        study=house.study.pk,
        image=house.image.pk,
        prediction=house.prediction.pk,
        version=house.prediction.model_version_id,
    )


def is_problem(response, status: int) -> bool:
    body = response.json()
    return (
        response["Content-Type"] == "application/problem+json"
        and body["status"] == status
        and bool(body["code"])
        and body["detail"].endswith(".")
        and body["request_id"] == response["X-Request-ID"]
    )


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("name", PEOPLE)
def test_reads(house: House, path: str, name: str) -> None:
    allowed, others = READS[path]
    response = house.client(name).get(address(house, path))
    wanted = 401 if name == "nobody" else 200 if name in allowed else others
    if path.startswith("collections/") and name in MEMBERS and name not in allowed:
        wanted = 403
    assert response.status_code == wanted
    if wanted != 200:
        assert is_problem(response, wanted)


WRITES = {
    # path: (body, allowed, those for whom it is not there, status)
    "images/{image}/hide": ({}, ("alice", "bob", "both", "erin", "ann"), (), 200),
    "studies/{study}/purge": ({"reason": "asked for"}, ("ann",), (), 200),
    "predictions/{prediction}/retry": ({}, ("erin", "ann"), ("alice", "bob", "both", "otto"), 202),
}


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("name", PEOPLE)
def test_writes(house: House, path: str, name: str) -> None:
    body, allowed, unseen, ok = WRITES[path]
    if "retry" in path:
        house.fail()
    response = house.client(name).post(address(house, path), body, content_type="application/json")
    if name == "nobody":
        wanted = 401
    elif name in allowed:
        wanted = ok
    else:
        wanted = 404 if name in unseen or name not in MEMBERS else 403
    assert response.status_code == wanted
    if wanted >= 400:
        assert is_problem(response, wanted)


@pytest.mark.parametrize("name", PEOPLE)
def test_who_asks_another_version(house: House, name: str) -> None:
    other = make_version(promoted=False)
    sent = {"study": str(house.study.pk), "model_version": str(other.pk)}
    response = house.client(name).post("/api/v1/predictions", sent, content_type="application/json")
    allowed = name in ("erin", "ann")
    wanted = 401 if name == "nobody" else 202 if allowed else 403 if name in MEMBERS else 404
    assert response.status_code == wanted
    assert house.image.predictions.filter(model_version=other).count() == allowed


@pytest.mark.parametrize("name", PEOPLE)
def test_who_names_the_version_that_reads(house: House, name: str) -> None:
    version = house.prediction.model_version
    sent = {"model_version": str(version.pk), "reason": "It reads well here."}
    at = address(house, "collections/{collection}/version")
    response = house.client(name).put(at, sent, content_type="application/json", headers=UNCHOSEN)
    allowed = name in ("paul", "ann")
    wanted = 401 if name == "nobody" else 200 if allowed else 403 if name in MEMBERS else 404
    assert response.status_code == wanted
    assert house.collection.version_choices.count() == allowed


def test_an_approver_or_engineer_who_reads_here_gets_neither_reasons_nor_comparisons(house: House) -> None:
    for role in (Role.ML_ENGINEER, Role.APPROVER):
        house.people["both"].memberships.create(collection=house.collection, role=role)
    other, client = make_version(promoted=False), house.client("both")
    at = address(house, "collections/{collection}/version")
    assert client.get(at).status_code == 403
    sent = {"model_version": None, "reason": "r"}
    assert client.put(at, sent, content_type="application/json", headers=UNCHOSEN).status_code == 403
    sent = {"study": str(house.study.pk), "model_version": str(other.pk)}
    assert client.post("/api/v1/predictions", sent, content_type="application/json").status_code == 403
    for page in ("study-compare", "study-compare-status"):
        assert client.get(reverse(page, args=[house.study.pk])).status_code == 403
    assert client.post(reverse("study-ask", args=[house.study.pk]), {"version": other.pk}).status_code == 403


@pytest.mark.parametrize(
    "name", ["nobody", "charlie", "loner", "alice", "bob", "both", "erin", "paul", "otto", "ann"]
)
def test_who_sends_images(house: House, name: str) -> None:
    from classifier.models import Study
    from tests.classifier.doors import upload_file
    from tests.pictures import picture_png

    before = Study.objects.count()
    sent = {"collection": str(house.collection.pk), "files": upload_file(picture_png(77))}
    response = house.client(name).post("/api/v1/studies", sent)
    allowed = name in ("alice", "both", "ann")
    wanted = 401 if name == "nobody" else 202 if allowed else 403 if name in MEMBERS else 404
    assert response.status_code == wanted
    assert Study.objects.count() - before == (1 if allowed else 0)


@pytest.mark.parametrize("name", MEMBERS)
def test_the_answer_is_only_in_what_those_get_who_may_see_it(house: House, name: str) -> None:
    client = house.client(name)
    for path in ("studies", "studies/{study}", "images/{image}", "predictions", "predictions?study={study}"):
        body = client.get(address(house, path)).content.decode()
        assert (MARK in body) == (name in SEERS), path


@pytest.mark.parametrize(("name", "sees"), [("alice", True), ("otto", True), ("bob", False), ("both", False)])
def test_the_answer_of_a_final_study(house: House, name: str, sees: bool) -> None:
    from classifier.services.studies import set_finality

    set_finality(study=house.study, final=True)
    client = house.client(name)
    for path in ("studies/{study}", "images/{image}", "predictions", "predictions?image={image}"):
        assert (MARK in client.get(address(house, path)).content.decode()) == sees, path
    assert client.get(address(house, "predictions/{prediction}")).status_code == (200 if sees else 404)


def test_somebody_elses_is_answered_like_what_is_missing(house: House) -> None:
    missing = "019b1f6e-8a01-7c3e-9d55-0a6f1e2b7f3a"
    client = house.client("charlie")
    paths = ["studies/{study}", "images/{image}", "images/{image}/pixels", "predictions/{prediction}"]
    paths += ["studies?collection={collection}", "predictions?collection={collection}"]
    paths += ["predictions?study={study}", "predictions?image={image}"]
    for path in paths:
        real = client.get(address(house, path))
        gone = client.get(
            "/api/v1/" + path.format(**dict.fromkeys(("study", "image", "prediction", "collection"), missing))
        )
        assert real.status_code == gone.status_code == 404
        assert {**real.json(), "request_id": ""} == {**gone.json(), "request_id": ""}


def test_a_token_opens_what_a_session_opens_and_no_more(house: House) -> None:
    client = Client()
    path = address(house, "studies/{study}")
    assert client.get(path, headers=house.token("alice")).status_code == 200
    assert client.get(path, headers=house.token("charlie")).status_code == 404
    assert client.get(path, headers={"Authorization": "Token " + "0" * 64}).status_code == 401
    refused = client.get(path)
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Token")


def test_an_expired_or_revoked_token_opens_nothing(house: House) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from mriplatform.accounts.models import ApiToken

    headers = house.token("alice")
    path = address(house, "studies/{study}")
    ApiToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert Client().get(path, headers=headers).status_code == 401
    headers = house.token("alice")
    ApiToken.objects.all().delete()
    assert Client().get(path, headers=headers).status_code == 401


def test_a_session_needs_the_csrf_token_to_write(house: House) -> None:
    client = house.client("ann", enforce_csrf_checks=True)
    response = client.post(address(house, "images/{image}/hide"), {}, content_type="application/json")
    assert response.status_code == 403
    house.image.refresh_from_db()
    assert house.image.hidden_at is None


def test_what_stands_in_an_answer(house: House) -> None:
    client = house.client("erin")
    study = client.get(address(house, "studies/{study}")).json()
    assert study["status"] == "succeeded"
    prediction = study["images"][0]["prediction"]
    assert prediction["label"] == MARK
    assert sum(prediction["probabilities"].values()) == pytest.approx(1)
    detail = client.get(address(house, "predictions/{prediction}")).json()
    maps = detail["maps"]
    assert (len(maps["values"]), len(maps["values"][0]), len(maps["values"][0][0])) == (
        7,
        7,
        len(maps["classes"]),
    )
    assert maps["box"] == [0, 0, 64, 64]
    version = client.get(address(house, "model-versions/in-force")).json()
    assert version["id"] == prediction["model_version"]["id"]
    assert version["in_force"] is True
    assert version["promotions"][0]["reason"] == "for the test"
