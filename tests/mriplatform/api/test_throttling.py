"""How often one may ask: counted per person over all web processes, and no limit at all where Redis is away."""

import socket
from contextlib import suppress
from types import SimpleNamespace

import pytest
from django.core.cache import caches

from mriplatform.api import throttling
from mriplatform.settings import CACHES
from tests.classifier.doors import build_house


@pytest.fixture
def house(db):
    return build_house()


@pytest.fixture(autouse=True)
def own_minute(settings, monkeypatch):
    """A counter that nobody used, and clocks that stand still; Valkey may take its time on a machine that is busy."""
    monkeypatch.setattr(throttling, "counter", throttling.Counter())
    monkeypatch.setattr(
        throttling, "time", SimpleNamespace(time=lambda: 1_800_000_020.0, monotonic=lambda: 1000.0)
    )
    shared = settings.CACHES["shared"]
    patient = shared["OPTIONS"] | {"socket_connect_timeout": 60, "socket_timeout": 60}
    settings.CACHES = settings.CACHES | {"shared": shared | {"OPTIONS": patient}}
    caches["shared"].clear()
    settings.API_REQUESTS_PER_MINUTE, settings.API_ANONYMOUS_REQUESTS_PER_MINUTE = 3, 2


def test_who_asks_too_often_is_told_when_to_come_back(house):
    client, other = house.client("alice"), house.client("bob")
    answers = [client.get("/api/v1/collections") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    refused = answers[-1]
    assert (refused["X-RateLimit-Limit"], refused["Retry-After"], refused["X-RateLimit-Reset"]) == (
        "3",
        "40",
        "40",
    )
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "too_many_requests"
    assert other.get("/api/v1/collections").status_code == 200


def test_tokens_and_browsers_of_one_person_count_together(house):
    for headers in ({}, house.token("alice"), house.token("alice")):
        assert (
            house.client("alice" if not headers else "nobody", headers=headers)
            .get("/api/v1/collections")
            .status_code
            == 200
        )
    assert house.client("alice").get("/api/v1/collections").status_code == 429


def test_nobody_signed_in_and_tokens_that_are_none_count_by_address(house):
    nobody, guesser = (
        house.client("nobody"),
        house.client("nobody", headers={"Authorization": f"Token {'0' * 64}"}),
    )
    assert [
        nobody.get("/api/v1/collections").status_code,
        guesser.get("/api/v1/collections").status_code,
    ] == [401, 401]
    for client in (nobody, guesser):
        assert client.get("/api/v1/collections").status_code == 429
    assert house.client("alice").get("/api/v1/collections").status_code == 200
    elsewhere = nobody.get("/api/v1/collections", REMOTE_ADDR="192.0.2.7")
    assert elsewhere.status_code == 401


def test_without_redis_everybody_is_let_through_at_once_and_a_line_says_so(
    house, settings, caplog, private_valkey
):
    settings.CACHES = settings.CACHES | {
        "shared": settings.CACHES["shared"] | {"LOCATION": private_valkey.url}
    }
    client = house.client("alice")
    assert client.get("/api/v1/collections")["X-RateLimit-Limit"] == "3"
    private_valkey.stop()
    caplog.clear()
    answers = [client.get("/api/v1/collections") for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}
    assert "X-RateLimit-Limit" not in answers[-1]
    said = [record for record in caplog.records if record.name == "mriplatform.api.throttling"]
    assert len(said) == 1


def test_a_redis_that_hangs_is_waited_for_a_moment_and_only_by_one_request(house, settings):
    client = house.client("alice")
    as_set = CACHES["shared"]
    moments = ("socket_connect_timeout", "socket_timeout")
    assert all(as_set["OPTIONS"][moment] < 0.5 for moment in moments)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings.CACHES = settings.CACHES | {"shared": as_set | {"LOCATION": address}}
        assert {client.get("/api/v1/collections").status_code for _ in range(5)} == {200}
        silent.setblocking(False)
        tries = 0
        with suppress(BlockingIOError):
            while silent.accept():
                tries += 1
    # The first request asks, and once again.
    assert tries == 2
