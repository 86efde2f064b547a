"""A POST that is sent again under its key: one row, and the same answer, whoever is quicker and whatever breaks."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone

from classifier.models import Promotion, Proposal, Study
from mriplatform.accounts.models import ApiToken, IdempotentAnswer
from mriplatform.accounts.services import forget_old_answers
from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import BOUNDARY, build_house, everything_stored, multipart, upload_file
from tests.factories import make_version
from tests.pictures import picture_png


@pytest.fixture
def house(db):
    return build_house()


def keyed(key=None) -> dict[str, str]:
    return {"HTTP_IDEMPOTENCY_KEY": str(key or uuid4())}


def post(client: Client, path: str, body: dict, key, **more):
    return client.post(f"/api/v1{path}", body, content_type="application/json", **keyed(key), **more)


def send(client: Client, house, key, seed: int = 5, **fields):
    files = [upload_file(picture_png(seed)), upload_file(picture_png(seed + 100))]
    sent = {"collection": str(house.collection.pk), "files": files, **fields}
    return client.post("/api/v1/studies", sent, **keyed(key))


def test_an_upload_sent_twice_is_one_study_and_the_same_answer(house):
    client, key, before = house.client("alice"), uuid4(), Study.objects.count()
    first, second = send(client, house, key), send(client, house, key)
    assert Study.objects.count() == before + 1
    assert (first.status_code, first.content) == (second.status_code, second.content) == (202, first.content)
    for header in ("Location", "Content-Type", "Cache-Control"):
        assert first[header] == second[header]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("other", [{"seed": 6}, {"grouping": "study_each"}])
def test_a_key_that_comes_with_something_else_is_refused(house, other):
    client, key = house.client("alice"), uuid4()
    assert send(client, house, key).status_code == 202
    refused = send(client, house, key, **other)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    elsewhere = post(client, "/predictions", {}, key)
    assert elsewhere.status_code == 422


def test_keys_of_two_people_have_nothing_to_do_with_each_other(house):
    key, before = uuid4(), Study.objects.count()
    for name, seed in (("alice", 5), ("ann", 6)):
        assert send(house.client(name), house, key, seed).status_code == 202
    assert Study.objects.count() == before + 2


def test_without_a_key_everything_is_as_it_was(house):
    for _ in range(2):
        assert send(house.client("alice"), house, uuid4()).status_code in (202, 200)
    assert IdempotentAnswer.objects.count() == 2
    client = house.client("alice")
    client.post("/api/v1/studies", {"collection": str(house.collection.pk)})
    assert IdempotentAnswer.objects.count() == 2


def test_a_key_that_is_no_uuid_is_named(house):
    answer = house.client("ann").post(
        "/api/v1/tokens", {"name": "a"}, content_type="application/json", HTTP_IDEMPOTENCY_KEY="one"
    )
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["Idempotency-Key"]


def test_a_push_whose_body_is_a_stream_leaves_its_key_alone(house):
    body = multipart({}, [("files", "1.dcm", b"no DICOM")])
    related = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    answers = [
        house.client("nobody", headers=house.token("alice")).generic(
            "POST", "/dicom-web/studies", body, related, headers=headers
        )
        for headers in ({}, {"Idempotency-Key": str(uuid4())})
    ]
    assert answers[0].status_code == answers[1].status_code
    assert not IdempotentAnswer.objects.exists()


def test_a_refusal_is_not_kept_and_what_was_written_down_about_it_is(house):
    client, key = house.client("alice"), uuid4()
    sent = {"collection": str(house.collection.pk)}
    bad = client.post("/api/v1/studies", sent | {"files": upload_file(b"GIF89a")}, **keyed(key))
    assert bad.status_code == 415
    assert AuditEvent.objects.filter(action="upload.refused").count() == 1
    assert not IdempotentAnswer.objects.exists()
    good = client.post("/api/v1/studies", sent | {"files": upload_file(picture_png(9))}, **keyed(key))
    assert good.status_code == 202


def test_nothing_of_the_act_stays_where_the_answer_could_not_be_kept(house, monkeypatch):
    """As when a process dies between the two: the same request may come again, and does it once."""
    client, key, before = house.client("alice", raise_request_exception=False), uuid4(), Study.objects.count()
    from mriplatform.api import idempotency

    def dies(*_):
        raise OSError("the power went")

    with monkeypatch.context() as patch:
        patch.setattr(idempotency._Kept, "keep", dies)
        assert send(client, house, key).status_code == 500
    assert Study.objects.count() == before
    assert not IdempotentAnswer.objects.exists()
    assert send(client, house, key).status_code == 202
    assert Study.objects.count() == before + 1


def test_a_secret_that_is_shown_once_lies_nowhere_and_comes_again_with_its_key(house):
    client, key = house.client("alice"), uuid4()
    first = post(client, "/tokens", {"name": "cron"}, key)
    assert first.status_code == 201
    token = first.json()["token"]
    stored = everything_stored()
    for part in (token, str(key)):
        assert part.encode() not in stored
    assert post(client, "/tokens", {"name": "cron"}, key).json() == first.json()
    assert ApiToken.objects.count() == 1


def test_an_answer_is_forgotten_in_time(house):
    client, key = house.client("alice"), uuid4()
    post(client, "/tokens", {"name": "cron"}, key)
    assert forget_old_answers() == 0
    long_ago = timezone.now() - timedelta(hours=25)
    IdempotentAnswer.objects.update(created_at=long_ago)
    assert post(client, "/tokens", {"name": "other"}, key).status_code == 201
    IdempotentAnswer.objects.update(created_at=long_ago)
    assert forget_old_answers() == 1
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_are_one_act_and_one_answer():
    house = build_house()
    key, headers = uuid4(), house.token("alice")
    before = Study.objects.count()

    def one(number: int):
        try:
            answer = send(Client(headers=headers), house, key)
            return answer.status_code, answer.content, answer["Location"]
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(one, range(20)))
    assert len(answers) == 1
    assert answers.pop()[0] == 202
    assert Study.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_too_long_is_told_to_ask_again(settings):
    settings.IDEMPOTENCY_WAIT_SECONDS = 1
    house = build_house()
    key, headers = uuid4(), house.token("alice")

    def other():
        try:
            return post(Client(headers=headers), "/tokens", {"name": "cron"}, key)
        finally:
            connection.close()

    from mriplatform.api import idempotency

    with transaction.atomic():
        held = idempotency._Kept(house.people["alice"], key, "x")
        assert held.hold() is None
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(other).result()
        transaction.set_rollback(True)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    assert answer["Retry-After"] == "5"


@pytest.fixture
def proposal(house, monkeypatch) -> Proposal:
    """A version that the gate did not judge, proposed by the engineer, that a worker can load."""
    from classifier.models import LoadCheck
    from classifier.services.promotion import propose

    version = make_version(promoted=False)
    for one in (version, house.prediction.model_version):
        LoadCheck.objects.create(
            model_version=one,
            passed=True,
            answered_at=timezone.now(),
            worker="w",
            runtime="onnx",
            device="cpu",
        )
    return propose(actor=house.people["erin"], version=version, reason="It is better.")


def test_an_approval_and_a_roll_back_sent_twice_happen_once(house, proposal):
    client = house.client("paul")
    for path, body in (
        (f"/proposals/{proposal.pk}/approve", {"reason": "r", "override_reason": "o"}),
        ("/model-versions/roll-back", {"reason": "r"}),
    ):
        key, before = uuid4(), Promotion.objects.count()
        first, second = post(client, path, body, key), post(client, path, body, key)
        assert first.status_code == 200, first.content
        assert (second.status_code, second.content) == (200, first.content)
        assert Promotion.objects.count() == before + 1


def test_what_the_same_request_did_while_this_one_prepared_is_answered(house, proposal, monkeypatch):
    """The other was quicker: by now the proposal is decided, which refuses whoever prepares to approve it."""
    from classifier.api.proposals import ApproveProposal

    client, key, prepare = house.client("paul"), uuid4(), ApproveProposal.prepare
    path, body = f"/proposals/{proposal.pk}/approve", {"reason": "r", "override_reason": "o"}
    others = []

    def while_another_decides(view, request, **kwargs):
        if not others:
            others.append(None)
            others[0] = post(house.client("paul"), path, body, key)
        prepare(view, request, **kwargs)

    monkeypatch.setattr(ApproveProposal, "prepare", while_another_decides)
    answer = post(client, path, body, key)
    assert (answer.status_code, answer.content) == (200, others[0].content)


def test_a_database_that_goes_away_is_said_and_nothing_is_kept(house, monkeypatch):
    from mriplatform.api import tokens

    def away(**_):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(tokens, "make_token", away)
    answer = post(house.client("alice"), "/tokens", {"name": "cron"}, uuid4())
    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
    assert not IdempotentAnswer.objects.exists()
    assert json.loads(answer.content)["status"] == 503
