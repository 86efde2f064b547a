"""Every bad ZIP of the list by every door that takes one: the same words, and nothing left but one line of the audit.

What the directory shows is refused while the sender waits; what only shows when an entry is taken out or decoded, by
the worker, in the same words.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from classifier.jobs import archives as jobs
from classifier.models import Archive, ArchiveEntry
from tests.classifier.doors import MULTIPART, House, build_house, files_in, left, multipart, refusals
from tests.classifier.intake.archive_cases import REFUSED
from tests.classifier.intake.cases import MODELS, Case

pytestmark = pytest.mark.timeout(240)
# One of Keras is a ZIP, in which nothing is an image.
ALL = [
    *REFUSED,
    *(
        replace(model, status=422 if model.id == "type-keras" else 415, code="", sentence="")
        for model in MODELS
    ),
]


class Answer(NamedTuple):
    """What the sender gets; 202 for what the worker has to look at. An empty code is told nowhere on a page."""

    status: int
    words: str
    code: str = ""


@pytest.fixture
def house(db) -> House:
    return build_house()


def by_page(house: House, case: Case, data: bytes) -> Answer:
    body = multipart({}, [("file", case.filename, data)])
    address = reverse("archives", args=[house.collection.pk])
    response = house.client("alice").generic("POST", address, body, MULTIPART)
    status = 202 if response.status_code == 302 else response.status_code
    return Answer(status, response.content.decode().replace("&#x27;", "'").replace("&quot;", '"'))


def told(response) -> Answer:
    document = response.json()
    problem = response["Content-Type"] == "application/problem+json"
    assert problem == (response.status_code != 202)
    return Answer(response.status_code, document.get("detail", ""), document.get("code", ""))


def by_api(house: House, case: Case, data: bytes) -> Answer:
    body = multipart({"collection": str(house.collection.pk)}, [("file", case.filename, data)])
    return told(Client().generic("POST", "/api/v1/archives", body, MULTIPART, headers=house.token("alice")))


def by_parts(house: House, case: Case, data: bytes) -> Answer:
    client, token = Client(), house.token("alice")
    about = {"collection": str(house.collection.pk), "size": len(data)}
    begun = client.post("/api/v1/archives", about, "application/json", headers=token)
    if begun.status_code != 201:
        return told(begun)
    own, step = begun.json()["url"], begun.json()["part_bytes"]
    for number, start in enumerate(range(0, len(data), step), start=1):
        piece = data[start : start + step]
        put = client.put(f"{own}/parts/{number}", piece, "application/octet-stream", headers=token)
        assert put.status_code == 204
    return told(client.post(f"{own}/complete", {}, "application/json", headers=token))


def became(answer: Answer) -> Answer:
    """What was answered in the end: of what was taken at first, by the worker."""
    if answer.status != 202:
        return answer
    while jobs.drain():
        pass
    archive = Archive.objects.latest("created_at")
    assert archive.status == "refused"
    return Answer(422, archive.sentence, archive.code)


@pytest.mark.parametrize("door", [by_page, by_api, by_parts])
def test_a_refused_archive(
    house: House, door: Callable[..., Answer], temporary: Path, settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ARCHIVE_PART_BYTES = 2**20
    before, wrong = left(), []
    for case in ALL:
        data, events, archives = case.make(), len(refusals()), Archive.objects.count()
        with caplog.at_level(logging.DEBUG):
            first = door(house, case, data)
            answer = became(first)
        if (answer.status, answer.code or case.code) != (case.status, case.code or answer.code):
            wrong.append(f"{case.id}: {answer.status} {answer.code}")
        if case.sentence not in answer.words:
            wrong.append(f"{case.id}: {answer.words[-200:]}")
        if left() != before or Archive.objects.count() != archives + (first.status == 202):
            wrong.append(f"{case.id}: left something")
        # Of no bytes there is no hash.
        said = [event.data for event in refusals()[: len(refusals()) - events]]
        code, key_digits = answer.code or case.code, 64 if data else 0
        if len(said) != 1 or any(
            code not in ("", *one["codes"]) or [len(key) for key in one["bytes_keys"]] != [key_digits]
            for one in said
        ):
            wrong.append(f"{case.id}: {said}")
    assert not wrong, "\n".join(wrong)
    assert not ArchiveEntry.objects.filter(outcome="stored").exists()
    assert case.filename not in caplog.text
    assert not files_in(temporary)


def test_a_refused_archive_by_the_command(house: House, tmp_path: Path, temporary: Path) -> None:
    before, wrong = left(), []
    source = tmp_path / "scans.zip"
    for case in ALL:
        source.write_bytes(case.make())
        events = len(refusals())
        with pytest.raises(CommandError) as refused:
            call_command(
                "import_scans", str(source), "--collection", str(house.collection.pk), "--as", "alice"
            )
        if case.sentence not in str(refused.value):
            wrong.append(f"{case.id}: {refused.value}")
        if left() != before or Archive.objects.exists():
            wrong.append(f"{case.id}: left something")
        said = [event.data for event in refusals()[: len(refusals()) - events]]
        # Of an entry that cannot be taken out there are no bytes.
        if len(said) != 1 or not said[0]["codes"] or {*map(len, said[0]["bytes_keys"])} - {0, 64}:
            wrong.append(f"{case.id}: {said}")
    assert not wrong, "\n".join(wrong)
    assert not files_in(temporary)
