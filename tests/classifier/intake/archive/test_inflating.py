"""Entries come out whole, as the directory says, or not at all; and what is mutated never does worse than a refusal."""

import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.intake.archive import ArchiveLimits, ArchiveRefused, EntryDamaged, read_directory, read_entry
from tests.classifier.intake.archive.forged import Forged, InMemory, forge

LIMITS = ArchiveLimits(max_entry=2**20)


def taken(data: bytes, limits: ArchiveLimits = LIMITS) -> list[bytes]:
    archive = InMemory(data)
    entries = read_directory(archive, limits)
    return [read_entry(archive, entry, limits) for entry in entries if not entry.ignored]


@pytest.mark.parametrize("method", [0, 8])
def test_what_went_in_comes_out(method: int):
    contents = [b"", b"x", bytes(range(256)) * 40]
    entries = [Forged(b"%d.png" % number, data=data, method=method) for number, data in enumerate(contents)]
    assert taken(forge(*entries)) == contents
    assert taken(forge(*entries, zip64=True)) == contents


def test_sizes_that_follow_the_data():
    class Stream(io.RawIOBase):
        """Cannot be sought in: `zipfile` then writes the sizes behind the data."""

        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("1.png", b"content")
        archive.writestr("2.png", b"another")
    assert taken(stream.data) == [b"content", b"another"]


def refused(entry: Forged) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        taken(forge(Forged(b"1.png"), entry, Forged(b"3.png")))
    return caught.value.code


def test_an_entry_that_unpacks_to_more_than_it_says_is_stopped_there():
    body = Forged(b"2.png", data=bytes(64 * 2**20)).body()
    lying = forge(Forged(b"1.png"), Forged(b"2.png", packed=body, unpacked_size=7))
    tracemalloc.start()
    with pytest.raises(ArchiveRefused) as caught:
        taken(lying)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "zip_size_lies"
    assert peak < 2 * 2**20


def test_an_entry_that_unpacks_to_less_than_it_says():
    assert refused(Forged(b"2.png", unpacked_size=8)) == "zip_size_lies"


def test_bytes_behind_the_end_of_the_packed_data():
    entry = Forged(b"2.png")
    assert refused(Forged(b"2.png", packed=entry.body() + b"more")) == "zip_size_lies"


def test_its_own_header_says_something_else():
    assert refused(Forged(b"2.png", local_name=b"9.png")) == "zip_damaged"
    assert refused(Forged(b"2.png", local_method=0)) == "zip_damaged"
    assert refused(Forged(b"2.png", local_unpacked_size=8)) == "zip_size_lies"


@pytest.mark.parametrize(
    "start",
    [b"PK\x03\x04", b"Rar!\x1a\x07\x00", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00"],
)
def test_an_archive_under_an_images_name(start: bytes):
    assert refused(Forged(b"2.png", data=start + b"more of it")) == "zip_nested"


def damaged(entry: Forged) -> EntryDamaged:
    with pytest.raises(EntryDamaged) as caught:
        taken(forge(Forged(b"1.png"), entry))
    return caught.value


def test_one_entry_that_is_damaged_is_said_by_itself():
    assert damaged(Forged(b"2.png", crc=1)).status == 422
    assert damaged(Forged(b"2.png", packed=b"\xff\xff\xff")).code == "damaged_entry"
    assert (
        damaged(
            Forged(b"2.png", packed=Forged(b"", data=bytes(range(200))).body()[:50], unpacked_size=200)
        ).code
        == "damaged_entry"
    )


def test_an_entry_larger_than_any_image_is_not_unpacked():
    found = damaged(Forged(b"2.png", data=bytes(range(256)) * 8192, method=0))
    assert (found.code, found.status) == ("file_too_large", 413)


HONEST = forge(
    Forged(b"a/1.png", data=b"abc" * 50), Forged(b"2.png", method=0), Forged(b"__MACOSX/x"), zip64=False
)
WIDE = forge(Forged(b"a/1.png", data=b"abc" * 50), Forged(b"2.png", method=0), zip64=True)


@settings(max_examples=400, deadline=None)
@given(
    data=st.sampled_from([HONEST, WIDE]),
    edits=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.one_of(st.none(), st.integers(0, 400)),
    insert=st.tuples(st.integers(0, 400), st.binary(max_size=30)),
)
def test_a_mutated_archive_is_read_as_the_standard_library_does_or_refused(data, edits, cut, insert):
    mutated = bytearray(data)
    for place, change in edits:
        mutated[place % len(mutated) : place % len(mutated) + len(change)] = change
    mutated[insert[0] % len(mutated) : insert[0] % len(mutated)] = insert[1]
    raw = bytes(mutated[:cut])
    try:
        found = taken(raw)
    except (ArchiveRefused, EntryDamaged):
        return
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        theirs = [
            archive.read(info)
            for info in archive.infolist()
            if not info.is_dir()
            and "__MACOSX" not in info.filename
            and not info.filename.rsplit("/")[-1].startswith("._")
        ]
    assert found == theirs


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(data: bytes):
    for raw in (data, b"PK\x03\x04" + data, b"PK\x03\x04" + data + HONEST[-60:]):
        try:
            taken(raw)
        except (ArchiveRefused, EntryDamaged):
            continue
