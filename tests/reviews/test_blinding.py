"""Before the first read of a blinded reading nothing that the reader can get depends on the machine's answer.

Two worlds differ in nothing but what the machine answered; even the identifiers of new rows are the same. Whatever
the reader asks in them, at every address that there is, by GET and by POST, must be answered with the same bytes and
the same headers.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from mriplatform.identifiers import uuid7
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image, commit_first_read, give_verdict, reveal
from tests.factories import make_prediction, make_study, make_version

# Nothing of ours, and the same for everybody: the admin lets no reader in, the API's description reads no rows.
ELSEWHERE = ("admin/", "api/v1/schema", "api/v1/docs")
# New with every request, and so different in the same world too.
RANDOM = [
    (re.compile(rb"nonce[-=]\"?[\w+/=-]{16,}"), b"NONCE"),
    (
        re.compile(rb"(csrfmiddlewaretoken\" value=\"|X-CSRFToken\": ?\"|X-CSRFToken&quot;: &quot;)\w+"),
        b"TOKEN",
    ),
    (re.compile(rb"\d\d:\d\d(:\d\d(\.\d+)?)?"), b"TIME"),
    (re.compile(rb"seconds=\"\d+\"|\d+ (seconds?|minutes?) ago|just now"), b"AGO"),
]
RANDOM_HEADERS = {"Content-Security-Policy", "Set-Cookie", "Content-Length"}
# What a form of a page sends, with everything that any of them asks for; and what an endpoint of the API takes.
FORM = {
    "label": "glioma",
    "confidence": "2",
    "verdict": "confirm",
    "reason": "other",
    "note": "n",
    "step": "first_read",
}
VERDICT = {"verdict": "confirm", "label": "glioma", "reason": "other", "note": "n"}
DOCUMENTS = {"first-read": {"label": "glioma", "confidence": 2}, "verdict": VERDICT, "amend": VERDICT}
NOTHING = UUID(int=7)
WAITING = {"status": "queued", "probabilities": None, "maps": None, "embedding": None, "finished_at": None}
FIXED, MOMENT, NANOSECONDS = uuid7(), timezone.now(), time.time_ns()


def routes(patterns, prefix="") -> Iterator[str]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if route.startswith(ELSEWHERE):
            continue
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from routes(entry.url_patterns, route)


def addresses(known) -> list[str]:
    """Every address there is, with the identifiers of things that exist in place of its parameters.

    `labels.<str:…>` and the like get each of the words that the platform knows.
    """
    found = []
    for route in routes(get_resolver().url_patterns):
        filled = re.sub(r"<uuid:(\w+)>", lambda match: str(known[match[1]]), route)
        words = ("csv", "json") if re.search(r"<\w+:\w+>", filled) else ("",)
        found += [f"/{re.sub(r'<\w+:\w+>', word, filled)}" for word in words]
    return sorted(set(found))


@pytest.fixture
def world(monkeypatch, version):
    """A world in which the machine answered `label`, taken back afterwards."""

    @contextmanager
    def _world(image, label):
        NUMBERS.start(1)
        monkeypatch.setattr("mriplatform.identifiers.os", NUMBERS)
        monkeypatch.setattr("mriplatform.identifiers.time", SimpleNamespace(time_ns=lambda: NANOSECONDS))
        fixed = {"pk": FIXED, "queued_at": MOMENT, "started_at": MOMENT, "finished_at": MOMENT}
        with transaction.atomic():
            make_prediction(image, label=label, version=version, **fixed)
            yield
            transaction.set_rollback(True)

    return _world


class Numbers:
    """Stands in for chance: the same numbers in both worlds, for each request from the same one on."""

    def start(self, number):
        self._numbers = count(number)

    def urandom(self, size):
        return next(self._numbers).to_bytes(size)


NUMBERS = Numbers()


def asked(client_cookie, collection_id, method, address, aside=False, **headers):
    """What an address answers, without what is random; what the request changed is taken back."""
    NUMBERS.start(1000)
    client = Client(headers=headers)
    client.cookies[settings.SESSION_COOKIE_NAME] = client_cookie
    with transaction.atomic():
        if method == "GET":
            response = client.get(address)
        elif address == "/api/v1/readings":
            document = {"collection": collection_id, "not_assessable": aside}
            response = client.post(address, document, content_type="application/json")
        elif address.startswith("/api/"):
            document = DOCUMENTS.get(address.rpartition("/")[2], {})
            response = client.post(address, document, content_type="application/json")
        else:
            response = client.post(address, FORM | ({"aside": "1"} if aside else {}))
        body = b"".join(response.streaming_content) if response.streaming else response.content
        transaction.set_rollback(True)
    headers = [f"{name}: {value}" for name, value in response.headers.items() if name not in RANDOM_HEADERS]
    answer = "\n".join(sorted(headers)).encode() + b"\n\n" + body
    for pattern, stand_in in RANDOM:
        answer = pattern.sub(stand_in, answer)
    return response.status_code, answer


def everything(client_cookie, known):
    """All answers there are to get, by method, address and way of asking."""
    ways = {"page": {}, "fragment": {"HX-Request": "true"}, "aside": {"aside": True}}
    return {
        (method, address, way): asked(client_cookie, known["collection_id"], method, address, **headers)
        for address in addresses(known)
        for method in ("GET", "POST")
        for way, headers in ways.items()
        if way == "page"
        or (way == "fragment" and _has_fragments(address))
        or (way == "aside" and method == "POST" and address.endswith(("/readings", "/read-next")))
    }


def _has_fragments(address):
    """The pages about something that has an identifier; the API has none, nor have the account's pages."""
    return not address.startswith(("/api/", "/account")) and address.count("/") > 1


@pytest.fixture
def study(collection):
    return make_study(collection, subject="anna")


@pytest.fixture
def known(collection, study, version):
    """Something that exists for each parameter that an address has."""
    return {
        "collection_id": collection.pk,
        "study_id": study.pk,
        "image_id": study.images.get().pk,
        "prediction_id": FIXED,
        "version_id": version.pk,
        "label_set_id": NOTHING,
        "reading_id": NOTHING,
    }


def signed_in(user):
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture
def differences(world, known):
    """Which answers differ between the world of a glioma and others: by default that in which it gives no class."""

    def _differences(user, image, prepare, others=("not_assessable",)):
        cookie, answers = signed_in(user), []
        for label in ("glioma", *others):
            with world(image, label):
                prepare()
                answers.append(everything(cookie, known))
        one, *others = answers
        assert all(other.keys() == one.keys() for other in others)
        served = [key for key, answer in one.items() if answer[0] < 400]
        assert len(served) > 20, served
        return {key for key in one for other in others if one[key] != other[key]}

    return _differences


@pytest.mark.parametrize(
    ("roles", "step"),
    [
        ([], "unclaimed"),
        ([], "claimed"),
        ([], "first_read"),
        (["uploader"], "claimed"),
        (["uploader"], "first_read"),
        (["ml_engineer", "approver"], "claimed"),
    ],
)
def test_no_answer_depends_on_the_machines_before_the_reveal(
    alice, collection, study, known, differences, roles, step
):
    for role in roles:
        alice.memberships.create(collection=collection, role=role)
    if "uploader" in roles:
        type(study).objects.filter(pk=study.pk).update(uploaded_by=alice)
    image = study.images.get()

    def _prepare():
        if step == "unclaimed":
            return
        reading = claim_image(reader=alice, image=image)
        known["reading_id"] = reading.pk
        if step == "first_read":
            commit_first_read(
                reader=alice, reading=reading, label="notumor", confidence=1, idempotency_key=NOTHING
            )

    others = ("not_assessable", "pituitary") if (roles, step) == ([], "claimed") else ("not_assessable",)
    found = differences(alice, image, _prepare, others)
    if step == "first_read":
        # A reveal is the one request that is allowed to show it now.
        revealing = [key for key in found if key[0] == "POST" and key[1].endswith("/reveal")]
        found -= set(revealing)
    assert not found


def test_an_unaided_reading_stays_blind_to_its_end(alice, collection, study, known, differences):
    set_protocol(actor=None, collection=collection, mode="unaided")
    image = study.images.get()

    def _prepare():
        reading = claim_image(reader=alice, image=image)
        known["reading_id"] = reading.pk
        said = {"reader": alice, "reading": reading}
        commit_first_read(**said, label="notumor", confidence=1, idempotency_key=NOTHING)
        give_verdict(**said, verdict="confirm", idempotency_key=FIXED)

    assert not differences(alice, image, _prepare)


def test_after_the_reveal_the_walk_sees_the_answer_and_only_in_that_reading(alice, study, known, differences):
    """Without this the tests above could pass because they look at nothing."""
    image = study.images.get()

    def _prepare():
        reading = claim_image(reader=alice, image=image)
        known["reading_id"] = reading.pk
        commit_first_read(
            reader=alice, reading=reading, label="notumor", confidence=1, idempotency_key=NOTHING
        )
        reveal(reader=alice, reading=reading)

    found = differences(alice, image, _prepare)
    mine = str(known["reading_id"])
    for expected in (("/api/v1/readings/", "page"), ("/readings/", "page"), ("/readings/", "fragment")):
        assert ("GET", expected[0] + mine, expected[1]) in found
    # Asking for what is next gives the open reading.
    assert {address for _, address, _ in found if mine not in address} <= {"/api/v1/readings"}


@pytest.mark.parametrize(("roles", "step"), [(["ml_engineer", "approver"], "first_read"), ([], "reveal")])
def test_nothing_depends_on_what_other_versions_were_asked_or_said(
    alice, collection, study, known, world, roles, step
):
    """Before and after the reveal: beside the same answer, a world in which nobody asked, one in which another
    version said something else, and one in which it is still in line."""
    for role in roles:
        alice.memberships.create(collection=collection, role=role)
    image, other, cookie, answers = study.images.get(), make_version(promoted=False), signed_in(alice), []
    for asked_of_other in (None, {"label": "pituitary"}, WAITING):
        with world(image, "glioma"):
            if asked_of_other:
                make_prediction(
                    image, version=other, pk=uuid7(), for_comparison=True, queued_at=MOMENT, **asked_of_other
                )
            NUMBERS.start(500)
            reading = claim_image(reader=alice, image=image)
            known["reading_id"] = reading.pk
            commit_first_read(
                reader=alice, reading=reading, label="notumor", confidence=1, idempotency_key=NOTHING
            )
            if step == "reveal":
                reveal(reader=alice, reading=reading)
            answers.append(everything(cookie, known))
    plain, said, waits = answers
    assert len([key for key, answer in plain.items() if answer[0] < 400]) > 20
    assert {key for key in plain if not plain[key] == said[key] == waits[key]} == set()
