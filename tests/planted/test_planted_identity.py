"""Identity planted in everything that can be sent, by every door, and what the platform then does with it: 0 found.

Searched are every table, the storage, all logs at DEBUG, the broker, temporary files, every answer that was given on
the way, every address that can be looked at, exports, and what webhooks carry.
"""

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.util import get_temp_dir
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from tests.classifier.intake.cases import chunk, encode, exif, jpeg, picture, with_chunk, with_segment
from tests.classifier.intake.dicom_files import SENDERS_ROOT, as_file, mr

pytestmark = pytest.mark.timeout(600)
PLANTED = "Zq7Musterfrau"
NAME = f"{PLANTED}^Wilhelmine 1961-03-12"
# A form that comes back holds it, as it was typed; it is looked for everywhere else.
PSEUDONYM = "Zq7Pseudo-4711"
# The root alone is also that of the library that writes DICOM.
WORDS = (PLANTED, *(f"{SENDERS_ROOT}.{number}." for number in (1, 2, 3, 4)))
# Built here: whoever builds an Exif block with Pillow has it say in the log what goes in.
EXIF = exif(1, NAME)


def planted_png(seed: int) -> bytes:
    text = chunk(b"tEXt", f"PatientName\0{NAME}".encode()) + chunk(b"eXIf", EXIF)
    more = chunk(b"iTXt", f"Title\0\0\0de\0Titel\0{NAME}".encode()) + chunk(b"paTi", NAME.encode())
    return with_chunk(encode(picture(seed)), text + more) + f"<html>{NAME}".encode()


def planted_jpeg(seed: int) -> bytes:
    whole = with_segment(jpeg(seed, comment=NAME.encode()), 0xE1, b"Exif\0\0" + EXIF)
    return with_segment(whole, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + NAME.encode()) + NAME.encode()


def planted_dicom(seed: int, **changes: Any) -> bytes:
    said = {
        "PatientName": NAME, "PatientID": f"{PLANTED}-4711", "PatientBirthDate": "19610312",
        "InstitutionName": PLANTED, "ReferringPhysicianName": PLANTED, "StudyDescription": f"{PLANTED} head",
        "SeriesDescription": f"{PLANTED} T1", "AccessionNumber": PLANTED, "StationName": PLANTED,
    }  # fmt: skip
    return as_file(mr(seed, **said | changes), preamble=PLANTED.encode().ljust(128, b"\0"))


def planted_zip(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in members:
            entry = zipfile.ZipInfo(name)
            entry.comment = NAME.encode()
            out.writestr(entry, data)
        out.comment = NAME.encode()
    return buffer.getvalue()


def related(*files: bytes) -> tuple[bytes, str]:
    """A push as a gateway sends it that tells in its headers what it knows."""
    head = (
        f"--B\r\nContent-Type: application/dicom\r\nContent-Location: /{PLANTED}/1.dcm\r\n"
        f'Content-Description: {PLANTED}\r\nContent-Disposition: attachment; filename="{PLANTED}.dcm"\r\n\r\n'
    ).encode()
    kind = 'multipart/related; type="application/dicom"; boundary=B'
    return b"".join(head + data + b"\r\n" for data in files) + b"--B--\r\n", kind


@pytest.fixture
def search() -> Any:
    from tests.planted.search import Search

    return Search(*WORDS)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where all temporary files of this process go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    # The fork server's sockets stay where they are: the folder is too long a path for one, and would be kept for good.
    get_temp_dir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def logs() -> Iterator[Any]:
    from tests.planted.search import all_logs

    with all_logs() as records:
        yield records


class Sender:
    """An uploader who sends by every door, and keeps what was answered."""

    def __init__(self, house: Any) -> None:
        self.house, self.answers = house, []
        self.client = house.client("alice", raise_request_exception=False)
        self.token = house.token("alice")
        self.bare = Client(raise_request_exception=False)

    def kept(self, response: Any) -> Any:
        body = b"".join(response.streaming_content) if response.streaming else response.content
        self.answers.append(
            (response.request["PATH_INFO"], response.status_code, f"{response.headers}".encode() + body)
        )
        return response

    def form(self, *files: tuple[str, bytes], address: str = "", accept: str = "text/html") -> Any:
        from tests.classifier.doors import MULTIPART, multipart

        api = address.startswith("/api/")
        fields = {"collection": str(self.house.collection.pk)} if api else {"grouping": "study_each"}
        fields |= (
            {"subject_pseudonym" if api else "pseudonym": PSEUDONYM} if "archives" not in address else {}
        )
        field = "file" if "archives" in address else "files"
        body = multipart(fields, [(field, name, data) for name, data in files])
        at = address or reverse("upload", args=[self.house.collection.pk])
        if api:
            return self.kept(self.bare.generic("POST", at, body, MULTIPART, headers=self.token))
        return self.kept(self.client.generic("POST", at, body, MULTIPART, headers={"Accept": accept}))

    def push(self, *files: bytes, address: str = "/dicom-web/studies") -> Any:
        body, kind = related(*files)
        return self.kept(self.bare.generic("POST", address, body, kind, headers=self.token))


def send_everywhere(sender: Sender, folder: Path, capsys: Any) -> None:
    """The same kinds of files by every door, good ones, refused ones, and ones at which something breaks."""
    from tests.classifier.intake.test_dicom_identity import everything_planted

    names = (f"{PLANTED}.png", f"../{PLANTED}/{NAME}.jpg", f"{PLANTED}.dcm")
    doors: list[Callable[..., Any]] = [
        sender.form,
        lambda *files: sender.form(*files, accept="application/json"),
        lambda *files: sender.form(*files, address="/api/v1/studies"),
    ]
    for number, door in enumerate(doors):
        seed = 7000 + 20 * number
        good = (planted_png(seed), planted_jpeg(seed + 1), planted_dicom(seed + 2))
        for name, data in zip(names, good, strict=True):
            assert door((name, data)).status_code in (201, 202, 302), (number, name)
        cut = [data[: len(data) * 2 // 3] for data in good] + [
            planted_dicom(seed, Modality="CT"),
            NAME.encode(),
        ]
        for name, data in zip((*names, names[2], f"{PLANTED}.svg"), cut, strict=True):
            assert door((name, data)).status_code in (415, 422), (number, name)
    assert sender.form((names[2], everything_planted())).status_code == 302
    writing = planted_dicom(7080, BurnedInAnnotation="YES")
    assert sender.form((names[2], writing), address="/api/v1/studies").status_code == 202
    assert sender.push(planted_dicom(7090), planted_dicom(7091)).status_code == 200
    assert sender.push(planted_dicom(7092), planted_dicom(7093, Modality="CT")).status_code == 202
    assert sender.push(planted_dicom(7094, Rows=PLANTED)).status_code == 409
    assert sender.push(planted_dicom(7095)[:900]).status_code == 409
    for address in (f"/dicom-web/studies/{SENDERS_ROOT}.2.9", f"/dicom-web/studies/{PLANTED}"):
        assert sender.push(planted_dicom(7096), address=address).status_code >= 400
    _archives(sender)
    _import(sender, folder, capsys)


def _archives(sender: Sender) -> None:
    from classifier.jobs.archives import drain
    from classifier.models import Archive

    good = [(f"glioma/{NAME}.png", planted_png(7200)), (f"{PLANTED}/1.dcm", planted_dicom(7201))]
    for members in (
        good,
        [*good, (f"{PLANTED}/2.png", NAME.encode())],
        [(f"../{PLANTED}.png", planted_png(7203))],
    ):
        sender.form((f"{PLANTED}.zip", planted_zip(*members)), address="/api/v1/archives")
        while drain():
            pass
    told = {archive.status for archive in Archive.objects.all()}
    assert {"stored", "refused"} <= told


def _import(sender: Sender, folder: Path, capsys: Any) -> None:
    scans = folder / PLANTED / NAME
    scans.mkdir(parents=True)
    (scans / f"{NAME}.png").write_bytes(planted_png(7300))
    (scans / f"{NAME}.dcm").write_bytes(planted_dicom(7301))
    (scans / f"{NAME}.jpg").write_bytes(planted_jpeg(7302)[:500])
    said = io.StringIO()
    for partial in ((), ("--partial",)):
        with pytest.raises(CommandError) as refused:
            call_command(
                "import_scans", str(scans.parent), "--collection", str(sender.house.collection.pk),
                "--as", "alice", *partial, stdout=said,
            )  # fmt: skip
        sender.answers.append(("import_scans", 1, f"{said.getvalue()}{refused.value}".encode()))


def break_decoding(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder's child is killed while it works."""
    from classifier.intake import Decoder
    from classifier.services import decoding

    dying = Decoder(seconds=0.001, memory_bytes=2**28)
    with monkeypatch.context() as within:
        within.setattr(decoding, "decoder", lambda: dying)
        for name, data in ((f"{PLANTED}.dcm", planted_dicom(7400)), (f"{PLANTED}.png", planted_png(7401))):
            assert sender.form((name, data), address="/api/v1/studies").status_code in (202, 422, 503)


def break_storing(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours when everything is decoded and about to be stored."""

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a fault of ours")

    with monkeypatch.context() as within:
        within.setattr("classifier.services.groups.store_image", broken)
        for name, data in ((f"{PLANTED}.dcm", planted_dicom(7500)), (f"{PLANTED}.png", planted_png(7501))):
            assert sender.form((name, data)).status_code == 500
            assert sender.form((name, data), address="/api/v1/studies").status_code == 500
        assert sender.push(planted_dicom(7502)).status_code == 500


def live_on(sender: Sender) -> None:
    """What becomes of images here: released, predicted, read, made final, frozen; and somebody is told."""
    from classifier.models import Image, QuarantinedImage, Study
    from classifier.services.quarantine_decisions import release_quarantined
    from reviews.exceptions import ReadingConflict
    from reviews.services.label_sets import freeze_label_set
    from reviews.services.protocols import set_protocol
    from tests.factories import make_prediction
    from tests.reviews.acts import Read

    house, people = sender.house, sender.house.people
    for row in QuarantinedImage.objects.filter(status="waiting"):
        release_quarantined(actor=people["ann"], quarantined=row, reason="A ruler, no name.")
    set_protocol(actor=people["ann"], collection=house.collection, mode="blinded_first", readers_per_image=1)
    for image in Image.objects.filter(collection=house.collection):
        if (waiting := image.predictions.filter(status="queued").first()) is not None:
            waiting.delete()
            make_prediction(image, label="glioma")
        with suppress(ReadingConflict):
            Read().finished(people["bob"], image)
    assert Study.objects.filter(finalised_at__isnull=False).count() > 15
    freeze_label_set(actor=people["erin"], collection=house.collection)


def look_at_everything(sender: Sender) -> int:
    """Every address that can be looked at, as somebody who may see most; returns how many were answered."""
    from classifier.models import Archive, Image, QuarantinedImage, Study
    from reviews.models import LabelSet
    from tests.matrix_house import addresses

    root = sender.house.client("ann", raise_request_exception=False)
    reader = sender.house.client("bob", raise_request_exception=False)
    things = {
        "collection_id": [sender.house.collection.pk],
        "study_id": list(Study.objects.values_list("pk", flat=True)),
        "image_id": list(Image.objects.values_list("pk", flat=True)),
        "label_set_id": list(LabelSet.objects.values_list("pk", flat=True)),
        "archive_id": list(Archive.objects.values_list("pk", flat=True)),
        "quarantined_id": list(QuarantinedImage.objects.values_list("pk", flat=True)),
    }
    # Some of each kind, from the first to the last: every door has sent several.
    things = {name: found[:: max(1, len(found) // 8)] for name, found in things.items()}
    answered = 0
    for address in addresses():
        names = address.parameters
        if len(names) > 1 or not set(names) <= things.keys():
            continue
        for thing in things[names[0]] if names else [None]:
            at = address.filled({names[0]: thing} if names else {})
            for client in (root, sender.client, reader) if not names else (root,):
                answered += sender.kept(client.get(at)).status_code == 200
    return answered


def unpacked(data: bytes) -> bytes:
    """What an answer holds, and what lies in it where it is an archive."""
    at = data.find(b"PK\x03\x04")
    if at < 0 or not zipfile.is_zipfile(io.BytesIO(data[at:])):
        return data
    with zipfile.ZipFile(io.BytesIO(data[at:])) as archive:
        return data + b"".join(name.encode() + archive.read(name) for name in archive.namelist())


@pytest.fixture
def house(transactional_db: None, listening: Any) -> Any:
    """The collection, and somebody outside who is told of everything."""
    from mriplatform.outbox.kinds import Kind
    from tests.classifier.doors import build_house

    house = build_house()
    prediction = (Kind.PREDICTION_SUCCEEDED, Kind.PREDICTION_FAILED)
    listening(house.people["erin"], house.collection, *prediction, Kind.REVIEW_SUBMITTED, Kind.STUDY_FINAL)
    return house


def test_nothing_planted_is_anywhere(
    house, search, logs, receiver, temporary, tmp_path, monkeypatch, capsys
) -> None:
    from mriplatform.outbox.delivering import drain

    sender = Sender(house)
    send_everywhere(sender, tmp_path / "scans", capsys)
    break_decoding(sender, monkeypatch)
    break_storing(sender, monkeypatch)
    live_on(sender)
    assert look_at_everything(sender) > 100
    while drain():
        pass
    assert len(receiver.got) > 10
    everywhere = type(search)(*WORDS, PSEUDONYM)
    everywhere.database()
    everywhere.queue()
    everywhere.files(temporary)
    everywhere.records(logs)
    for path, status, body in sender.answers:
        search.at(f"answer {status} of {path}", unpacked(body))
    for headers, body in receiver.got:
        search.at("webhook", f"{headers}".encode() + body)
    captured = capsys.readouterr()
    search.at("what was printed", (captured.out + captured.err).encode("utf-8", "replace"))
    assert everywhere.looked_at > 2_000_000
    assert search.looked_at > 1_000_000
    assert not everywhere.found + search.found, "\n".join([*everywhere.found, *search.found][:40])


def test_the_search_finds_what_is_there(db, search, logs, tmp_path) -> None:
    """A name put into each place by hand is found there, in every way in which it is spelt."""
    import base64
    import logging

    from classifier.models import StoredFile
    from mriplatform.audit.recording import record
    from tests.factories import make_collection
    from tests.planted.search import spellings

    make_collection(f"Ward {NAME}")
    record(action="upload.refused", actor=None, codes=[f"by {PLANTED}"])
    StoredFile.objects.create(
        name="a", content=b"\x89PNG\xff" + base64.b64encode(b"12" + NAME.encode()), size=9
    )
    search.database()
    assert {where.split(":")[0].rpartition(".")[2] for where in search.found} >= {
        "accounts_collection", "audit_auditevent", "classifier_storedfile",
    }  # fmt: skip
    search.found.clear()
    logging.getLogger("classifier").debug("a file %s", NAME)
    logging.getLogger("django.request").warning("x", extra={"more": NAME})
    search.records(logs)
    assert len(search.found) >= 2
    search.found.clear()
    broker = redis.Redis.from_url(django_settings.CELERY_BROKER_URL)
    broker.lpush("a-list-of-this-test", f"a message of {NAME}")
    search.queue()
    broker.delete("a-list-of-this-test")
    assert search.found
    search.found.clear()
    (tmp_path / f"{PLANTED}.tmp").write_bytes(b"x" + NAME.encode("utf-16-le"))
    search.files(tmp_path)
    assert len(search.found) == 2
    search.found.clear()
    for spelt in spellings(PLANTED).values():
        search.at("bytes", b"..." + spelt + b"...")
    assert len(search.found) == len(spellings(PLANTED))
