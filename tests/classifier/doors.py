"""What the tests of the pages and of the API share: who knocks, and what is behind the door."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from classifier.models import (
    ArchivePart,
    DicomFacts,
    Image,
    Prediction,
    QuarantinedImage,
    ReceiptLine,
    StoredFile,
    Study,
)
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from mriplatform.accounts.services import make_token
from mriplatform.audit.models import AuditEvent
from tests.factories import make_collection, make_image, make_prediction, make_study, make_user, make_version

NAMES = {
    "alice": Role.UPLOADER,
    "bob": Role.RADIOLOGIST,
    "erin": Role.ML_ENGINEER,
    "paul": Role.APPROVER,
    "otto": Role.AUDITOR,
    "ann": Role.ADMIN,
}
MARK = "meningioma"
"""What the machine says in `House`: it may stand in nothing that those who may not see it get."""


@dataclass
class House:
    """A collection with an analysed study, its people, and a stranger who is all they are elsewhere.

    `both` is an uploader and a radiologist at once.
    """

    collection: Collection
    elsewhere: Collection
    people: dict[str, User]
    study: Study
    image: Image
    prediction: Prediction

    def client(self, name: str, **options: Any) -> Client:
        """A browser in which `name` is signed in; "nobody" is not."""
        client = Client(**options)
        if name != "nobody":
            client.force_login(self.people[name], "mriplatform.accounts.backends.RoleBackend")
        return client

    def token(self, name: str) -> dict[str, str]:
        """The headers with which a program of `name` comes."""
        return {"Authorization": f"Token {make_token(user=self.people[name], name='test')[1]}"}

    def fail(self) -> None:
        """Add an image whose prediction has failed, and make that the prediction."""
        image = make_image(self.study, position=1)
        self.prediction = make_prediction(
            image,
            status="failed",
            probabilities=None,
            maps=None,
            failure_code="x",
            failure_reason="It broke.",
        )


def build_house() -> House:
    version = make_version()
    collection, elsewhere = make_collection("Neuro"), make_collection("Elsewhere")
    people = {
        name: make_user(name, collection=collection, role=role, is_staff=role is Role.ADMIN)
        for name, role in NAMES.items()
    }
    people["charlie"] = make_user("charlie", collection=elsewhere, role=Role.ADMIN)
    people["both"] = make_user("both", collection=collection, role=Role.UPLOADER)
    people["both"].memberships.create(collection=collection, role=Role.RADIOLOGIST)
    people["loner"] = make_user("loner")
    study = make_study(collection, uploader=people["alice"])
    image = study.images.get()
    prediction = make_prediction(image, label=MARK, version=version)
    return House(collection, elsewhere, people, study, image, prediction)


def upload_file(data: bytes, name: str = "1.png", content_type: str = "image/png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, content_type)


def stored_rows() -> dict[str, int]:
    """How much there is of everything that an upload could leave behind."""
    counted = (Study, Image, Prediction, StoredFile)
    return {model.__name__: model.objects.count() for model in counted}


def left() -> dict[str, int]:
    """All that an upload by any door could leave behind, but for lines of the audit and what an archive's sender is
    told of it."""
    more = (DicomFacts, ReceiptLine, QuarantinedImage, ArchivePart)
    return stored_rows() | {model.__name__: model.objects.count() for model in more}


def files_in(folder: Path) -> list[Path]:
    """The sockets of the decoder's children are none."""
    return [path for path in folder.rglob("*") if path.is_file()]


def refusals() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action="upload.refused"))


BOUNDARY = "a-boundary-of-the-tests"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def multipart(fields: dict[str, str], files: list[tuple[str, str, bytes]], closed: bool = True) -> bytes:
    """A form as a browser or curl sends it, the files (field, name, content) with their names untouched."""
    parts = [f'form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    for field, name, data in files:
        escaped = name.replace("\\", "\\\\").replace('"', "%22")
        head = f'form-data; name="{field}"; filename="{escaped}"\r\nContent-Type: application/octet-stream\r\n\r\n'
        parts.append(head.encode("utf-8", "surrogatepass") + data + b"\r\n")
    opened = b"".join(f"--{BOUNDARY}\r\nContent-Disposition: ".encode() + part for part in parts)
    return opened + (f"--{BOUNDARY}--\r\n".encode() if closed else b"")


def everything_stored() -> bytes:
    """Every row of every table, files included, as bytes to look through."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            found += [row[0].encode() for row in cursor.fetchall()]
    return b"\n".join([*found, *(bytes(file.content) for file in StoredFile.objects.all())])
