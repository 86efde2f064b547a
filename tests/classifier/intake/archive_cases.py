"""Every odd and bad ZIP that must be refused or taken in, built on the spot, for all doors' tests.

`REFUSED` and `ACCEPTED` are meant for `pytest.mark.parametrize(..., ids=str)`. The writer puts down whatever it is
told: names with a NUL, sizes that lie, entries that overlap, a directory that promises more than there is.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.classifier.intake.cases import Case, encode, picture

MIME = "application/zip"
STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
SYMLINK, DEVICE, PIPE, DIRECTORY = 0o120777, 0o020666, 0o010666, 0o040755
UNSAFE = "Entry 3 has an unsafe path."
IGNORED_NAMES = ("__MACOSX/._1.png", ".DS_Store", "glioma/.DS_Store", "Thumbs.db", "glioma/")


@dataclass(frozen=True)
class Entry:
    """One file of an archive, and the lies told of it.

    Attributes:
        size, packed_size, crc: what the headers say, where that is not so.
        local_name: the name in its own header, where it is not that of the directory.
        mode: of Unix, as its type and permissions.
    """

    name: str
    data: bytes = b""
    method: int = DEFLATED
    mode: int = 0o100644
    flags: int = 0
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    local_name: str | None = None
    comment: bytes = b""
    extra: bytes = b""

    def packed(self) -> bytes:
        if self.method != DEFLATED:
            return self.data
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        return deflater.compress(self.data) + deflater.flush()

    def header(self, name: bytes, packed: bytes) -> bytes:
        """What the local header and the directory say alike, from the flags to the length of the extra field."""
        said = (
            zlib.crc32(self.data) if self.crc is None else self.crc,
            len(packed) if self.packed_size is None else self.packed_size,
            len(self.data) if self.size is None else self.size,
        )
        kind = (20, self.flags | 0x800, self.method, 0, 0x21)
        return struct.pack("<HHHHHIIIHH", *kind, *said, len(name), len(self.extra))


def archive(
    entries: Sequence[Entry],
    *,
    comment: bytes = b"",
    said_entries: int | None = None,
    disk: int = 0,
    before: bytes = b"",
    overlap: bool = False,
) -> bytes:
    """The entries as a ZIP; with `overlap` every record of the directory points to the first entry's data."""
    body, directory = bytearray(before), bytearray()
    for number, entry in enumerate(entries):
        name, packed = entry.name.encode("utf-8", "surrogatepass"), entry.packed()
        local = name if entry.local_name is None else entry.local_name.encode()
        offset = len(before) if overlap else len(body)
        if not overlap or number == 0:
            body += b"PK\x03\x04" + entry.header(local, packed) + local + entry.extra + packed
        directory += b"PK\x01\x02" + struct.pack("<H", 0x031E) + entry.header(name, packed)
        directory += struct.pack("<HHHII", len(entry.comment), disk, 0, (entry.mode & 0xFFFF) << 16, offset)
        directory += name + entry.extra + entry.comment
    count = len(entries) if said_entries is None else said_entries
    end = struct.pack(
        "<HHHHIIH", disk, disk, count & 0xFFFF, count & 0xFFFF, len(directory), len(body), len(comment)
    )
    return bytes(body) + bytes(directory) + b"PK\x05\x06" + end + comment


def good(seed: int, name: str | None = None) -> Entry:
    """An entry with an image of its own."""
    return Entry(name or f"{seed}.png", encode(picture(seed)))


def with_third(third: Entry) -> bytes:
    """Two good entries, and one that is not."""
    return archive([good(501), good(502), third])


def real(count: int, first: int = 600, folder: str = "") -> bytes:
    """An archive of good images as an ordinary program writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for seed in range(first, first + count):
            out.writestr(f"{folder}{seed}.png", encode(picture(seed)))
    return buffer.getvalue()


def many(count: int = 100_000) -> bytes:
    """An archive of so many tiny entries."""
    return archive([Entry(f"{number}.png", b"x", STORED) for number in range(count)])


def zeros(length: int, **lies: int) -> Entry:
    """An entry of nothing but zeros, packed a thousandfold."""
    return Entry("3.png", bytes(length), **lies)


def _refused(id: str, make: Callable[[], bytes], code: str, sentence: str = "", status: int = 422) -> Case:
    return Case(f"zip-{id}", "scans.zip", MIME, make, status, code, sentence)


def _unsafe(id: str, name: str, mode: int = 0o100644, data: bytes | None = None) -> Case:
    third = replace(good(503, name), mode=mode)
    third = third if data is None else replace(third, data=data)
    return _refused(id, lambda: with_third(third), "unsafe_path", UNSAFE)


def _third(id: str, third: Entry, code: str) -> Case:
    return _refused(id, lambda: with_third(third), code)


def _split() -> bytes:
    return archive([good(501), good(502)], disk=1)


def _cut(keep: float) -> bytes:
    whole = real(3)
    return whole[: int(len(whole) * keep)]


_FOURTEEN_MIB = 14 * 2**20
REFUSED: list[Case] = [
    _unsafe("climbing", "../3.png"),
    _unsafe("climbing-inside", "a/../../3.png"),
    _unsafe("absolute", "/etc/cron.d/3.png"),
    _unsafe("drive", "C:/windows/3.png"),
    _unsafe("drive-relative", "C:3.png"),
    _unsafe("backslashes", "..\\..\\3.png"),
    _unsafe("backslash", "a\\3.png"),
    _unsafe("share", "//server/share/3.png"),
    _unsafe("nul", "3.png\0.exe"),
    _unsafe("symlink", "3.png", SYMLINK, b"/etc/passwd"),
    _unsafe("device", "3.png", DEVICE, b""),
    _unsafe("pipe", "3.png", PIPE, b""),
    _third("two-names", Entry("3.png", encode(picture(503)), local_name="../3.png"), ""),
    _third("ratio", zeros(_FOURTEEN_MIB), "zip_ratio"),
    _third("ratio-hidden", zeros(_FOURTEEN_MIB, size=20_000), ""),
    _third("size-says-less", Entry("3.png", encode(picture(503)), STORED, size=10), ""),
    _third("size-says-more", Entry("3.png", encode(picture(503)), size=50_000), ""),
    _third("packed-says-more", Entry("3.png", encode(picture(503)), packed_size=2**30), ""),
    _third("unpacked-3-gib", Entry("3.png", encode(picture(503)), size=3 * 2**30), ""),
    _third("checksum", Entry("3.png", encode(picture(503)), crc=1), ""),
    _refused("overlapping", lambda: archive([replace(good(501), name=f"{n}.png") for n in range(50)], overlap=True),
             "zip_overlap"),
    _refused("100000-entries", many, "zip_too_many_entries"),
    _refused("100000-entries-said-few", lambda: archive(
        [Entry(f"{n}.png", b"x", STORED) for n in range(2000)], said_entries=3), ""),
    _refused("1001-entries", lambda: archive(
        [Entry(f"{n}.png", b"x", STORED) for n in range(1001)]), "zip_too_many_entries"),
    _third("nested", Entry("3.zip", real(2)), "zip_nested"),
    _third("nested-renamed", Entry("3.png", real(2)), ""),
    _third("encrypted", replace(good(503, "3.png"), flags=1), "zip_encrypted"),
    _third("encrypted-strong", replace(good(503, "3.png"), flags=0x41), "zip_encrypted"),
    _refused("split", _split, "zip_split"),
    _third("bzip2", replace(good(503, "3.png"), method=BZIP2), "zip_method"),
    _third("lzma", replace(good(503, "3.png"), method=LZMA), "zip_method"),
    _refused("cut-half", lambda: _cut(0.5), "zip_damaged"),
    _refused("cut-in-the-directory", lambda: _cut(0.98), "zip_damaged"),
    _refused("no-entries", lambda: archive([]), "zip_empty"),
    _refused("only-ignored", lambda: archive([Entry(name, b"x") for name in IGNORED_NAMES]), "zip_empty"),
    _refused("0-bytes", lambda: b"", "", status=400),
    _refused("not-a-zip", lambda: encode(picture(1)), "", status=415),
    _refused("nothing-but-an-end", lambda: b"PK\x05\x06" + bytes(18), "zip_empty"),
    _third("bad-image", Entry("3.png", b"Only words.\n"), "wrong_type"),
    _third("empty-entry", Entry("3.png", b""), ""),
]  # fmt: skip
"""A code that is empty is not the same everywhere: the status is. Statuses of the whole archive, all or nothing."""

SUM_BOMB = [zeros(_FOURTEEN_MIB)] * 10
"""Each within limits that are set to it, all together over them: for a test that lowers the limits."""


@dataclass(frozen=True)
class Mixed:
    """Good entries, one bad one, and those that are not looked at; by their numbers in the directory from 1."""

    data: bytes
    good: tuple[int, ...]
    bad: tuple[int, ...]
    ignored: tuple[int, ...]


def ten_and_one(bad: bytes = b"Only words.\n") -> Mixed:
    """Ten good entries, a bad one as the fourth, and what Macs and Windows add."""
    entries = [good(seed) for seed in range(510, 520)]
    entries.insert(3, Entry("4.png", bad))
    entries += [Entry(name, b"x" if not name.endswith("/") else b"", STORED) for name in IGNORED_NAMES]
    numbers = range(1, len(entries) + 1)
    return Mixed(
        archive(entries),
        tuple(number for number in numbers if number <= 11 and number != 4),
        (4,),
        tuple(numbers)[11:],
    )


def _taken(id: str, make: Callable[[], bytes], planted: tuple[str, ...] = ()) -> Case:
    return Case(f"zip-{id}", "scans.zip", MIME, make, planted=planted)


PLANTED = "Musterfrau_Wilhelmine_1961"
ACCEPTED: list[Case] = [
    _taken("plain", lambda: real(2, 700)),
    _taken("folders", lambda: real(2, 710, "glioma/")),
    _taken("stored", lambda: archive([replace(good(720), method=STORED)])),
    _taken("ignored", lambda: archive([good(730), *(Entry(name, b"x", STORED) for name in IGNORED_NAMES)])),
    _taken("named", lambda: archive([good(740, f"{PLANTED}.png"), good(741, f"{PLANTED}/2.png")]), (PLANTED,)),
    _taken("comments", lambda: archive(
        [replace(good(750), comment=PLANTED.encode(), extra=b"\xfe\xca" + struct.pack("<H", 26) + PLANTED.encode())],
        comment=PLANTED.encode()), (PLANTED,)),
    _taken("names-odd", lambda: archive([good(760, "scan\u202egpj.png"), good(761, "🧠🩻.png"),
                                         good(762, "a" * 296 + ".png")])),
]  # fmt: skip
