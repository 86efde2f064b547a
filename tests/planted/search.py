"""Looks for planted identity wherever it could have got to: rows, files, logs, the queue, temporary files.

The database is searched as `COPY … (FORMAT binary)` writes every table out: text, JSON and bytes as they are.
"""

import base64
import io
import logging
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import connection


def spellings(word: str) -> dict[str, bytes]:
    """A word in the ways in which it could have been kept."""
    plain = word.encode()
    # What a word's base64 looks like depends on where in the whole it begins; its ends belong to its neighbours.
    coded = {f"base64 at {n}": base64.b64encode(bytes(n) + plain)[4:-4] for n in range(3)}
    return {
        "plain": plain,
        "utf-16": word.encode("utf-16-le"),
        "hexadecimal": plain.hex().encode(),
        "backwards": plain[::-1],
        **coded,
    }


class Search:
    """Everything that was looked through, and what was found in it."""

    def __init__(self, *words: str) -> None:
        self._patterns = {(word, how): spelt for word in words for how, spelt in spellings(word).items()}
        self.found: list[str] = []
        self.looked_at = 0

    def at(self, where: str, data: bytes) -> None:
        self.looked_at += len(data)
        for (word, how), spelt in self._patterns.items():
            at = data.find(spelt)
            if at >= 0:
                around = data[max(0, at - 60) : at + len(spelt) + 20]
                self.found.append(f"{where}: {word} ({how}) in {around!r}")

    def database(self) -> None:
        """Every table of every schema of ours."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            tables = [name for (name,) in cursor.fetchall()]
            for table in tables:
                dump = io.BytesIO()
                cursor.cursor.copy_expert(f"COPY {table} TO STDOUT (FORMAT binary)", dump)
                self.at(f"table {table}", dump.getvalue())

    def queue(self) -> None:
        """Every key of the broker and what stands under it."""
        client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
        for key in client.scan_iter():
            self.at("a key of the queue", key)
            self.at(f"queue {key!r}", client.dump(key) or b"")
            if client.type(key) == b"list":
                for message in client.lrange(key, 0, -1):
                    self.at(f"message in {key!r}", message)

    def files(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            self.at("a file's name", str(path.relative_to(folder)).encode("utf-8", "surrogateescape"))
            if path.is_file():
                self.at(f"file {path.name}", path.read_bytes())

    def records(self, records: Iterable[logging.LogRecord]) -> None:
        """Log records as they are written out, and everything else that they carry along."""
        formatter = logging.Formatter("%(name)s %(message)s")
        for record in records:
            carried = {name: value for name, value in vars(record).items() if name != "request"}
            self.at(
                f"log of {record.name}", f"{formatter.format(record)} {carried}".encode("utf-8", "replace")
            )


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def all_logs() -> Any:
    """Everything that any logger is told at any level, also those that keep it to themselves."""
    keeper, root = _Keeper(), logging.getLogger()
    alone = [
        logger
        for logger in logging.root.manager.loggerDict.values()
        if isinstance(logger, logging.Logger) and not logger.propagate
    ]
    levels = {
        logger: logger.level
        for logger in logging.root.manager.loggerDict.values()
        if isinstance(logger, logging.Logger)
    }
    before = root.level
    for logger in (root, *alone):
        logger.addHandler(keeper)
    for logger in levels:
        # What SQL is run with is whatever the search of the database finds.
        logger.setLevel(logging.INFO if logger.name == "django.db.backends" else logging.DEBUG)
    root.setLevel(logging.DEBUG)
    try:
        yield keeper.records
    finally:
        root.setLevel(before)
        for logger, level in levels.items():
            logger.setLevel(level)
        for logger in (root, *alone):
            logger.removeHandler(keeper)
