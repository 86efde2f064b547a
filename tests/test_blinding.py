"""Before the first read, nothing that a reader can get depends on what the machine said.

The same world is built twice, equal in everything but the machine's answers, and a reader asks every address of the
platform in both. Whatever differs between the two walks would carry the answer: there must be no such thing.
"""

import itertools
import re
import uuid
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from classifier.models import Prediction
from mriplatform.accounts.roles import Role
from reviews.services.protocols import ensure_protocol
from reviews.services.reading import claim_image, commit_first_read, reveal
from tests.factories import make_collection, make_prediction, make_study, make_user, make_version

pytestmark = pytest.mark.django_db

THEN = datetime(2026, 3, 3, tzinfo=UTC)
QUERIES = (
    "",
    "?status=succeeded",
    "?ordering=probabilities",
    "?ordering=-prediction",
    "?label=glioma",
    "?page_size=1",
    "?expand=predictions",
    "?format=csv",
    "?format=json",
)
# What a request makes anew each time, whoever asks.
FLEETING = re.compile(
    r'nonce-?="?[^"\' ]+|name="csrfmiddlewaretoken" value="[^"]+"|csrf[^,;]{0,20}[:=] ?"?[\w-]{32,}|X-CSRFToken[^}]+'
    r"|[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
    re.IGNORECASE,
)
FLEETING_HEADERS = {"x-request-id", "set-cookie", "content-security-policy", "expires", "date"}


def every_pattern(patterns, prefix="") -> list[str]:
    """Every address of the platform, as the patterns spell them."""
    found = []
    for pattern in patterns:
        here = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += every_pattern(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern):
            found.append(here)
    return found


def addresses(known: dict[str, list[str]]) -> list[str]:
    """Every pattern with every known identifier in place of its parameters."""
    found = []
    for pattern in every_pattern(get_resolver().url_patterns):
        if "(?P" in pattern or pattern.startswith("admin/"):
            pattern = re.sub(r"\(\?P<\w+>[^)]*\)|\^|\$|\\Z", "x", pattern)
        names = re.findall(r"<(?:\w+:)?(\w+)>", pattern)
        choices = [known.get(name, [str(uuid.UUID(int=1))]) for name in names]
        for values in itertools.product(*choices):
            remaining = iter(values)
            found.append("/" + re.sub(r"<[^>]+>", lambda _: next(remaining), pattern))  # noqa: B023
    return sorted(set(found))


def normal(text: str) -> str:
    return FLEETING.sub("~", text)


def walk(client: Client, known: dict[str, list[str]]) -> dict[str, str]:
    """What each address answers: status, headers and body, without what is made anew for every request."""
    answers = {}
    for address in addresses(known):
        for query in QUERIES if "/api/" in address or address.count("/") <= 3 else ("",):
            response = client.get(address + query)
            body = b"".join(response) if response.streaming else response.content
            headers = sorted(
                f"{name}: {value}" for name, value in response.items() if name.lower() not in FLEETING_HEADERS
            )
            answers[address + query] = f"{response.status_code}\n{normal(chr(10).join(headers))}\n" + normal(
                body.decode("utf-8", "replace")
            )
    return answers


@pytest.fixture
def world():
    """A blinded collection with two images, one of them claimed by the reader; the predictions are still to come."""
    collection = make_collection("Neuro")
    ensure_protocol(collection)
    version = make_version()
    studies = [make_study(collection, images=2) for _ in range(2)]
    images = [image for study in studies for image in study.images.all()]
    return collection, version, studies, images


def predicted(images, version, labels) -> list[Prediction]:
    """Predictions that are equal in all but their answer."""
    return [
        make_prediction(
            image,
            label=label,
            version=version,
            id=uuid.UUID(int=100 + number),
            queued_at=THEN,
            finished_at=THEN,
        )
        for number, (image, label) in enumerate(zip(images, labels, strict=True))
    ]


@pytest.mark.parametrize(
    "roles", [[Role.RADIOLOGIST], [Role.RADIOLOGIST, Role.UPLOADER, Role.ML_ENGINEER, Role.APPROVER]]
)
def test_no_answer_to_a_reader_depends_on_what_the_machine_said(world, roles):
    collection, version, studies, images = world
    reader = make_user("rhea", collection=collection, role=roles[0])
    for role in roles[1:]:
        reader.memberships.create(collection=collection, role=role)
    client = Client()
    client.force_login(reader)
    walks = []
    for labels in (
        ["glioma", "pituitary", "notumor", "meningioma"],
        ["notumor", "glioma", "meningioma", "pituitary"],
    ):
        with transaction.atomic():
            rows = predicted(images, version, labels)
            reading = claim_image(reader=reader, image=images[0])
            type(reading).objects.filter(pk=reading.pk).update(
                id=uuid.UUID(int=7), claimed_at=THEN, lease_expires_at=datetime(2100, 1, 1, tzinfo=UTC)
            )
            known = {
                "collection_id": [str(collection.pk)],
                "study_id": [str(study.pk) for study in studies],
                "image_id": [str(image.pk) for image in images],
                "prediction_id": [str(row.pk) for row in rows],
                "version_id": [str(version.pk)],
                "reading_id": [str(uuid.UUID(int=7))],
            }
            walks.append(walk(client, known))
            transaction.set_rollback(True)
    first, second = walks
    assert len(first) > 60
    assert sum(answer.startswith("200") for answer in first.values()) > 10
    assert {address for address in first if first[address] != second[address]} == set()


def test_the_walk_would_notice_an_answer(world):
    """The same walk after the reveal does differ, so the test above can fail."""
    collection, version, _, images = world
    reader = make_user("rhea", collection=collection, role=Role.RADIOLOGIST)
    client = Client()
    client.force_login(reader)
    pages = []
    for label in ("glioma", "pituitary"):
        with transaction.atomic():
            predicted(images[:1], version, [label])
            reading = claim_image(reader=reader, image=images[0])
            commit_first_read(
                reader=reader, reading=reading, label="notumor", confidence=2, idempotency_key=uuid.uuid4()
            )
            reveal(reader=reader, reading=reading)
            pages.append(normal(client.get(f"/readings/{reading.pk}").content.decode()))
            transaction.set_rollback(True)
    assert pages[0] != pages[1]
    assert "Probably glioma" in pages[0]
