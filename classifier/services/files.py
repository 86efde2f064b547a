"""Files that are known by the hash of their bytes: written with the row that names them, or swept away."""

import logging
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone

logger = logging.getLogger(__name__)

FOLDERS: Final = ("checkpoints", "manifests")
# A file that no row names is left alone for so long: a copy that is being restored may bring its rows last.
LEFT_ALONE: Final = timedelta(minutes=10)

_FILES_LOCK: Final = 0x6D7269_6669  # "mri fi"
_PATH_LOCK: Final = 0x6D7269


def keep_file(path: str, content: bytes) -> str:
    """Store bytes under a path that their own hash names; to be called in the transaction that records the path.

    A storage outside the database knows nothing of that transaction. Who is killed while writing leaves half a file
    under the final name, or a whole one that no row names: the first is found here and written anew, the second is
    found here and used, or swept away (`sweep_files`).

    Returns:
        The path.
    """
    storage = storages["checkpoints"]
    _hold(path)
    if storage.exists(path):
        with storage.open(path, "rb") as stored:
            if stored.read() == content:
                return path
        storage.delete(path)
    saved = storage.save(path, ContentFile(content))
    if saved != path:
        storage.delete(saved)
        raise RuntimeError(f"The storage kept {path} under another name, {saved}.")
    return path


@transaction.atomic
def sweep_files(*, left_alone: timedelta = LEFT_ALONE) -> list[str]:
    """Delete checkpoints and manifests that no row names: what a killed worker left in the storage.

    Returns:
        What was deleted.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_FILES_LOCK])
        if not cursor.fetchone()[0]:
            return []
    storage, named = storages["checkpoints"], _named()
    before = timezone.now() - left_alone
    orphans = [
        path for path in _stored(storage) if path not in named and storage.get_modified_time(path) <= before
    ]
    for path in orphans:
        storage.delete(path)
        logger.warning("%s was in the storage and no row names it; it was deleted.", path)
    return orphans


def _hold(path: str) -> None:
    """Keep the sweeper out, and whoever else would write the same path, until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_FILES_LOCK])
        number = zlib.crc32(path.encode()) - 2**31
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_PATH_LOCK, number])


def _stored(storage: Storage) -> Iterator[str]:
    for folder in FOLDERS:
        try:
            _, names = storage.listdir(folder)
        except FileNotFoundError:
            continue
        yield from (f"{folder}/{name}" for name in names)


def _named() -> set[str]:
    """Every path in these folders that a row of any app has, whatever storage its field keeps files in."""
    named: set[str] = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.FileField):
                ours = Q(
                    *((f"{field.name}__startswith", f"{folder}/") for folder in FOLDERS), _connector=Q.OR
                )
                named.update(model._default_manager.filter(ours).values_list(field.name, flat=True))
    return named
