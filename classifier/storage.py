"""A Django storage that keeps files in Postgres: rows and pixels then stand or fall in one transaction."""

from datetime import datetime
from io import BytesIO
from typing import IO, Any, cast

from django.apps import apps
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.db.models import QuerySet
from django.utils.deconstruct import deconstructible


def _files() -> QuerySet[Any]:
    # Fields make their storage while the models are being loaded, so the model is looked up when it is used.
    return apps.get_model("classifier", "StoredFile").objects.all()


@deconstructible
class PostgresStorage(Storage):
    """Keeps each file as one row of `StoredFile`. No URL: every door checks who asks before it serves bytes."""

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError(f"Files in Postgres are opened for reading in binary ('rb'), not {mode!r}.")
        stored = _files().filter(name=name).values_list("content", flat=True).first()
        if stored is None:
            raise FileNotFoundError(name)
        return ContentFile(bytes(stored), name=name)

    def _save(self, name: str, content: File[Any] | IO[Any]) -> str:
        buffer = BytesIO()
        for chunk in File(content).chunks():
            buffer.write(chunk)
        data = buffer.getvalue()
        _files().create(name=name, content=data, size=len(data))
        return name

    def delete(self, name: str) -> None:
        _files().filter(name=name).delete()

    def exists(self, name: str) -> bool:
        return _files().filter(name=name).exists()

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """The names right under a folder; folders are not told apart, because nobody keeps any within."""
        start = f"{path.rstrip('/')}/"
        names = _files().filter(name__startswith=start).order_by("name").values_list("name", flat=True)
        return [], [name.removeprefix(start) for name in names]

    def get_modified_time(self, name: str) -> datetime:
        stored = _files().filter(name=name).values_list("created_at", flat=True).first()
        if stored is None:
            raise FileNotFoundError(name)
        return cast("datetime", stored)

    def size(self, name: str) -> int:
        size = _files().filter(name=name).values_list("size", flat=True).first()
        if size is None:
            raise FileNotFoundError(name)
        return int(size)
