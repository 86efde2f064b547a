"""Where scans lie that are brought in on this machine: a folder or a ZIP, of which only numbers are told."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

from classifier.exceptions import UploadRefused
from classifier.intake.archive import EntryDamaged, class_of_path, read_directory, read_entry
from classifier.intake.archive.naming import extension_of, is_clutter
from classifier.services.archive_parts import archive_limits

_PIECE = 2**20


@dataclass(frozen=True)
class Scan:
    """One file to be brought in.

    Attributes:
        number: from 1, in the order of the paths in a folder or of a ZIP's directory; by which reports name it.
        label: the class that its folder names, where that is wanted; empty for none.
        read: gives its bytes; called in each pass, so that a set of any size is never whole in memory.
    """

    number: int
    size: int
    extension: str
    label: str
    read: Callable[[], bytes] = field(repr=False)


def scans_in_folder(folder: Path, *, labels: bool) -> tuple[list[Scan], int]:
    """The files below a folder by their paths, and how many were left out: links are, to files or to folders, and what
    systems leave there.

    Raises:
        UploadRefused: there is none, or something below cannot be read: it would be missed in silence.
    """
    found: list[Scan] = []
    ignored = 0
    for path in sorted(_below(folder)):
        name = path.relative_to(folder).as_posix()
        try:
            status = path.lstat()
        except OSError as error:
            _unreadable(error)
        if stat.S_ISDIR(status.st_mode):
            continue
        if is_clutter(name) or not stat.S_ISREG(status.st_mode):
            ignored += 1
            continue
        label = class_of_path(name) if labels else ""
        read = partial(_read_file, path)
        found.append(Scan(len(found) + 1, status.st_size, extension_of(name), label, read))
    if not found:
        raise UploadRefused("There is no file in the folder.", code="no_file", status=400)
    return found, ignored


def scans_in_zip(archive: "FileOnDisk", *, labels: bool) -> tuple[list[Scan], int]:
    """The entries of a ZIP, after the checks that every archive gets.

    Raises:
        ArchiveRefused: of the whole of it.
    """
    limits = archive_limits()
    entries = read_directory(archive, limits)
    found = [
        Scan(
            entry.number, entry.unpacked, extension_of(entry.name), class_of_path(entry.name) if labels else "",
            partial(read_entry, archive, entry, limits),
        )
        for entry in entries
        if not entry.ignored
    ]  # fmt: skip
    return found, sum(entry.ignored == "clutter" for entry in entries)


class FileOnDisk:
    """A ZIP that lies on this machine."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read_at(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def pieces(self) -> Iterator[bytes]:
        """All of it, a part at a time."""
        for offset in range(0, self.size, _PIECE):
            yield self.read_at(offset, _PIECE)


def _below(folder: Path) -> Iterator[Path]:
    """The files and folders below a folder. A link to a folder is called one, too, and not gone into."""
    for place, folders, names in os.walk(folder, followlinks=False, onerror=_unreadable):
        yield from (Path(place, name) for name in (*folders, *names))


def _unreadable(_: OSError) -> NoReturn:
    # Its words name what it is about.
    raise UploadRefused(
        "A folder below cannot be read, or what was in it is gone since it was listed. Nothing was stored.",
        code="unreadable",
        status=422,
    ) from None


def _read_file(path: Path) -> bytes:
    limit = archive_limits().max_entry
    try:
        # No link is followed, also not one that was put here since the folder was listed.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            data = file.read(limit + 1)
    except OSError:
        raise EntryDamaged("unreadable", "The file cannot be read.", 422) from None
    if len(data) > limit:
        raise EntryDamaged(
            "file_too_large", f"The file is too large; the limit is {limit / 2**20:g} MiB.", 413
        )
    return data
