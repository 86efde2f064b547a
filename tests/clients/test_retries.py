"""What the client sends again, how often, and that it is the same request each time."""

import httpx
import pytest


@pytest.fixture
def sent():
    return []


@pytest.fixture
def client(sent):
    """A client that is answered by a list, and notes its pauses instead of making them."""
    from mri_client.requests import Requests

    def make(*answers, tries=6):
        waiting = iter(answers)

        def answer(request):
            sent.append((request.headers.get("Idempotency-Key"), request.read()))
            now = next(waiting)
            if isinstance(now, Exception):
                raise now
            return now

        pauses = []
        made = Requests(
            "https://portal.example.org", "t" * 64, tries=tries,
            transport=httpx.MockTransport(answer), pause=pauses.append,
        )  # fmt: skip
        return made, pauses

    return make


def problem(status, code="x", **headers):
    body = {"status": status, "code": code, "detail": "A sentence.", "request_id": "r"}
    return httpx.Response(status, json=body, headers=headers)


def test_the_same_request_with_the_same_key_until_it_is_answered(client, sent):
    requests, pauses = client(httpx.ConnectError("down"), problem(503), problem(409, "idempotency_key_in_use"),
                              httpx.ReadTimeout("slow"), httpx.Response(201, json={"id": 1}))  # fmt: skip
    assert requests.send("POST", "/api/v1/tokens", json={"name": "a"}).json() == {"id": 1}
    assert len(sent) == 5
    assert len(set(sent)) == 1
    assert sent[0][0]
    assert len(pauses) == 4
    assert all(0 < pause <= 30 for pause in pauses)


def test_two_requests_have_two_keys_and_a_look_has_none(client, sent):
    requests, _ = client(*[httpx.Response(200, json={})] * 3)
    for method in ("POST", "POST", "GET"):
        requests.send(method, "/")
    keys = [key for key, _ in sent]
    assert keys[0] != keys[1]
    assert keys[2] is None


def test_it_waits_as_long_as_it_is_told(client):
    requests, pauses = client(problem(429, **{"Retry-After": "7"}), httpx.Response(200, json={}))
    requests.send("GET", "/")
    assert pauses == [7.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 415, 422, 428, 500, 507])
def test_a_refusal_is_said_at_once(client, sent, status):
    from mri_client import ApiError

    requests, pauses = client(problem(status, "why"))
    with pytest.raises(ApiError) as raised:
        requests.send("POST", "/")
    assert (raised.value.status, raised.value.code, raised.value.request_id) == (status, "why", "r")
    assert str(raised.value) == f"A sentence. ({status} why)"
    assert (len(sent), pauses) == (1, [])


def test_it_gives_up(client, sent):
    from mri_client import ApiError

    requests, _ = client(*[problem(503)] * 3, tries=3)
    with pytest.raises(ApiError):
        requests.send("GET", "/")
    requests, _ = client(*[httpx.ConnectError("down")] * 2, tries=2)
    with pytest.raises(httpx.ConnectError):
        requests.send("GET", "/")
    assert len(sent) == 5


def test_an_answer_that_is_no_document_is_still_said(client):
    from mri_client import ApiError

    requests, _ = client(httpx.Response(502, text="<html>"), tries=1)
    with pytest.raises(ApiError, match="answered 502"):
        requests.send("GET", "/")
