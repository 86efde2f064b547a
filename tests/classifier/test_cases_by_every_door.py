"""Every bad DICOM file and every bad image of the lists, by every door: the same words, and nothing left but one line.

One house for a door: since nothing is stored, no case can stand in the way of the next.
"""

import io
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from classifier.jobs import archives as jobs
from classifier.models import Archive
from mriplatform import bell
from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import MULTIPART, House, build_house, files_in, left, multipart, refusals
from tests.classifier.intake import archive_cases
from tests.classifier.intake.cases import MODELS, Case, encode, picture
from tests.classifier.intake.cases import REFUSED as IMAGES
from tests.classifier.intake.dicom_cases import REFUSED as DICOM
from tests.classifier.intake.dicom_files import SENDERS_ROOT

pytestmark = pytest.mark.timeout(240)
# Of these a push says that it is no instance at all: it looks at nothing but DICOM.
NO_NAMES_IN_A_PUSH = {"dicom-named-png", "dicom-png-named-dcm"}


@pytest.fixture
def house(db) -> House:
    return build_house()


def by_page(house: House, case: Case, data: bytes) -> tuple[int, str]:
    address = reverse("upload", args=[house.collection.pk])
    body = multipart({"grouping": "one_study"}, [("files", case.filename, data)])
    response = house.client("alice").generic("POST", address, body, MULTIPART)
    text = response.content.decode()
    for code, sign in (("&quot;", '"'), ("&#x27;", "'"), ("&lt;", "<"), ("&gt;", ">")):
        text = text.replace(code, sign)
    return response.status_code, text


def by_drop_zone(house: House, case: Case, data: bytes) -> tuple[int, str]:
    address = reverse("upload", args=[house.collection.pk])
    body = multipart({"grouping": "one_study"}, [("files", case.filename, data)])
    accept = {"Accept": "application/json"}
    response = house.client("alice").generic("POST", address, body, MULTIPART, headers=accept)
    return response.status_code, response.json()["detail"]


def by_api(house: House, case: Case, data: bytes) -> tuple[int, str]:
    body = multipart({"collection": str(house.collection.pk)}, [("files", case.filename, data)])
    response = Client().generic("POST", "/api/v1/studies", body, MULTIPART, headers=house.token("alice"))
    assert not case.code or response.json()["code"] == case.code
    return response.status_code, response.json()["detail"]


@pytest.mark.parametrize("door", [by_page, by_drop_zone, by_api])
def test_a_refused_dicom_file(
    house: House, door: Callable[..., tuple[int, str]], temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, wrong = left(), []
    for case in DICOM:
        events = len(refusals())
        with caplog.at_level(logging.DEBUG):
            status, words = door(house, case, case.make())
        if status != case.status or case.sentence not in words:
            wrong.append(f"{case.id}: {status}, {words[-200:] if len(words) < 2000 else ''}")
        if left() != before or len(refusals()) != events + 1:
            wrong.append(f"{case.id}: left something, or no line of the audit")
        said = AuditEvent.objects.filter(action="upload.refused").latest("pk").data
        if (case.code and said["codes"] != [case.code]) or [len(key) for key in said["bytes_keys"]] != [64]:
            wrong.append(f"{case.id}: {said}")
    assert not wrong, "\n".join(wrong)
    assert SENDERS_ROOT not in caplog.text
    assert not files_in(temporary)


def test_a_refused_dicom_file_in_a_push(house: House, temporary: Path, caplog) -> None:
    before, wrong = left(), []
    token = house.token("alice")
    for case in DICOM:
        if case.id in NO_NAMES_IN_A_PUSH:
            continue
        events = len(refusals())
        pushed = b"--B\r\nContent-Type: application/dicom\r\n\r\n" + case.make() + b"\r\n--B--\r\n"
        with caplog.at_level(logging.DEBUG):
            response = Client().generic(
                "POST", "/dicom-web/studies", pushed, 'multipart/related; type="application/dicom"; boundary=B',
                headers=token,
            )  # fmt: skip
        if (response.status_code, response["Content-Type"]) != (409, "application/dicom+json"):
            wrong.append(f"{case.id}: {response.status_code}")
        if SENDERS_ROOT in response.content.decode():
            wrong.append(f"{case.id}: answered with the sender's UID")
        if left() != before or len(refusals()) != events + 1:
            wrong.append(f"{case.id}: left something, or no line of the audit")
    assert not wrong, "\n".join(wrong)
    assert SENDERS_ROOT not in caplog.text
    assert not files_in(temporary)


def packed(cases: list[Case]) -> bytes:
    """The cases as entries of one archive, in their order."""
    return archive_cases.archive(
        [
            archive_cases.Entry(f"{number}.{case.filename.rpartition('.')[2]}", case.make(), method=0)
            for number, case in enumerate(cases, start=1)
        ]
    )


def by_archive(house: House, cases: list[Case], **fields: str) -> Archive:
    """The archive of the cases, worked through; its workers have nothing more to do."""
    body = multipart(
        {"collection": str(house.collection.pk), **fields}, [("file", "scans.zip", packed(cases))]
    )
    sent = Client().generic("POST", "/api/v1/archives", body, MULTIPART, headers=house.token("alice"))
    assert sent.status_code == 202, sent.content
    while jobs.drain():
        pass
    return Archive.objects.get(pk=sent.json()["id"])


# What is an archive itself, or begins like one: an archive that holds it is refused whole.
NESTED = ("type-zip", "type-keras", "dicom-preamble-zip")
ALL = [*IMAGES, *DICOM]


@pytest.mark.parametrize("fields", [{}, {"partial": "true"}], ids=["whole", "partial"])
def test_refused_files_in_an_archive(house: House, fields: dict[str, str], temporary: Path) -> None:
    before, cases = left(), [case for case in ALL if case.id not in NESTED]
    archive = by_archive(house, cases, **fields)
    became = {entry.number: entry for entry in archive.entries.all()}
    wrong = [
        f"{case.id}: {became[number].outcome} {became[number].code}"
        for number, case in enumerate(cases, start=1)
        if became[number].outcome != "refused" or case.code not in ("", became[number].code)
    ]
    assert not wrong, "\n".join(wrong)
    assert left() == before
    assert SENDERS_ROOT not in json.dumps(
        [[entry.code, entry.sentence, entry.sha256] for entry in became.values()]
    )
    assert not files_in(temporary)


def test_a_refused_file_that_makes_its_archive_a_nested_one(house: House, temporary: Path) -> None:
    before = left()
    for case in (case for case in ALL if case.id in NESTED):
        events = len(refusals())
        archive = by_archive(house, [case])
        assert (archive.status, archive.code) == ("refused", "zip_nested"), case.id
        assert (left(), len(refusals())) == (before, events + 1), case.id
    assert not files_in(temporary)


def test_refused_files_by_the_command(house: House, tmp_path: Path, temporary: Path) -> None:
    before, wrong = left(), []
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, case in enumerate(ALL, start=1):
        ending = case.filename.rpartition(".")[2]
        # It passes over what says that it is no image.
        (folder / f"{number:03}.{ending if ending in ('png', 'jpg', 'dcm') else 'png'}").write_bytes(
            case.make()
        )
    for partial in ((), ("--partial",)):
        said = io.StringIO()
        with pytest.raises(CommandError, match="refused"):
            call_command(
                "import_scans", str(folder), "--collection", str(house.collection.pk), "--as", "alice", *partial,
                stdout=said,
            )  # fmt: skip
        found = re.findall(r"^File (\d+): .* \((\w+)\)$", said.getvalue(), re.MULTILINE)
        codes = {int(number): code for number, code in found}
        wrong += [
            f"{case.id}: {codes.get(number)}"
            for number, case in enumerate(ALL, start=1)
            if number not in codes or case.code not in ("", codes[number])
        ]
        assert SENDERS_ROOT not in said.getvalue()
    assert not wrong, "\n".join(wrong)
    assert left() == before
    assert not files_in(temporary)


def test_a_model_file_among_what_is_imported_with_labels(house: House, temporary: Path) -> None:
    """Of several files each is answered by its number; that the export of a label set is none is said at once."""
    before, token, engineer = left(), house.token("erin"), house.client("erin")
    images, page, label_sets = (
        reverse(name, args=[house.collection.pk])
        for name in ("api-imports", "import-labels", "api-label-set-imports")
    )
    said = {"dataset": "Ward", "labels": json.dumps([{"label": "glioma"}])}
    for model in MODELS:
        file = (model.filename, model.make())
        body = multipart(said, [("files", *file)])
        imported = Client().generic("POST", images, body, MULTIPART, headers=token).json()["files"]
        assert [(one["became"], one["code"]) for one in imported] == [("refused", model.code)], model.id
        body = multipart({"dataset": "Ward", "label": "glioma"}, [("files", *file)])
        shown = engineer.generic("POST", page, body, MULTIPART)
        assert model.sentence in shown.content.decode(), model.id
        body = multipart({"dataset": "Ward"}, [("header", *file), ("manifest", *file)])
        adopted = Client().generic("POST", label_sets, body, MULTIPART, headers=token)
        assert (adopted.status_code, adopted.json()["code"]) == (400, "bad_export"), model.id
        assert left() == before, model.id
    assert not files_in(temporary)


def test_the_queue_hears_of_no_refused_file(
    house: House, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "_silent_until", 0.0)
    queues = ("inference", "training", "intake")
    broker: Any = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.delete(*queues)
    for case in (*DICOM[:3], IMAGES[0], IMAGES[1]):
        with django_capture_on_commit_callbacks(execute=True) as committed:
            by_api(house, case, case.make())
        assert not committed, case.id
    assert not broker.exists(*queues)
    good = Case("good", "scan.png", "image/png", lambda: encode(picture(4711)))
    with django_capture_on_commit_callbacks(execute=True):
        body = multipart({"collection": str(house.collection.pk)}, [("files", good.filename, good.make())])
        sent = Client().generic("POST", "/api/v1/studies", body, MULTIPART, headers=house.token("alice"))
    assert sent.status_code == 202
    assert broker.llen("inference") == 1
    broker.delete(*queues)
