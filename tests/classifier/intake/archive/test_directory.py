"""What an archive's directory shows is refused before an entry is touched."""

import io
import struct
import time
import zipfile

import pytest

from classifier.intake.archive import ArchiveLimits, ArchiveRefused, class_of_path, read_directory
from tests.classifier.intake.archive.forged import (
    DEVICE,
    SYMLINK,
    Forged,
    InMemory,
    central,
    end,
    forge,
    local,
)

LIMITS = ArchiveLimits()


def refusal(data: bytes, limits: ArchiveLimits = LIMITS) -> ArchiveRefused:
    with pytest.raises(ArchiveRefused) as caught:
        read_directory(InMemory(data), limits)
    return caught.value


def good(*names: str) -> list[Forged]:
    return [Forged(name.encode()) for name in names or ("1.png", "2.png")]


UNSAFE = [
    b"../x.png",
    b"a/../../x.png",
    b"/etc/x.png",
    b"C:/x.png",
    b"c:x.png",
    b"a\\x.png",
    b"..\\x.png",
    b"a\0.png",
    b"a/..",
    b"",
]


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_path_is_named_by_its_number(name: bytes):
    found = refusal(forge(*good(), Forged(name)))
    assert (found.code, found.status) == ("unsafe_path", 422)
    assert found.sentence == "Entry 3 has an unsafe path."


def test_a_second_name_that_is_unsafe_counts_too():
    second = b"\x01" + bytes(4) + b"../../x.png"
    extra = struct.pack("<HH", 0x7075, len(second)) + second
    assert refusal(forge(*good(), Forged(b"x.png", extra=extra))).code == "unsafe_path"


@pytest.mark.parametrize("attributes", [SYMLINK, DEVICE, 0o010644 << 16, 0o140644 << 16, 0o020644 << 16])
@pytest.mark.parametrize("host", [3, 0, 19])
def test_links_and_devices_are_refused_whoever_made_them(attributes: int, host: int):
    found = refusal(forge(*good(), Forged(b"x.png", attributes=attributes, host=host)))
    assert (found.code, found.status) == ("unsafe_path", 422)
    assert "Entry 3" in found.sentence


def test_a_ratio_over_the_limit():
    found = refusal(forge(*good(), Forged(b"x.png", data=bytes(10 * 2**20))))
    assert (found.code, found.status) == ("zip_ratio", 422)
    assert refusal(forge(Forged(b"x.png", packed_size=0, packed=b"", unpacked_size=1))).code == "zip_ratio"


def test_a_stored_entry_with_two_sizes():
    assert refusal(forge(Forged(b"x.png", method=0, unpacked_size=50))).code == "zip_size_lies"


def test_more_than_may_be_unpacked():
    entries = [Forged(b"%d.png" % n, data=bytes(range(256)) * 8, method=0) for n in range(5)]
    found = refusal(forge(*entries), ArchiveLimits(max_unpacked=10_000))
    assert (found.code, found.status) == ("zip_unpacks_too_large", 422)


def test_two_entries_of_one_place_overlap():
    first, second = good()
    second.offset = 0
    second.name = second.local_name = b"1.png"
    assert refusal(forge(first, second)).code == "zip_overlap"


def test_an_entry_that_reaches_into_the_next():
    first, second = good()
    first.packed_size = 60
    assert refusal(forge(first, second)).code == "zip_overlap"


def test_an_entry_that_reaches_into_the_directory():
    only = Forged(b"1.png", method=0, packed_size=500, unpacked_size=500)
    assert refusal(forge(only)).code == "zip_overlap"


def test_a_hundred_thousand_entries_are_counted_by_the_end_record_alone():
    # In the zip64 record; what would be the directory is never read.
    directory = b"x" * 4_600_000
    from tests.classifier.intake.archive.forged import end64

    data = local(good()[0]) + directory
    data += end64(100_000, len(directory), len(local(good()[0])), len(data)) + end(
        0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    )
    archive, before = InMemory(data), time.process_time()
    with pytest.raises(ArchiveRefused) as caught:
        read_directory(archive, LIMITS)
    assert caught.value.code == "zip_too_many_entries"
    assert "100,000 entries; the limit is 1,000" in caught.value.sentence
    assert archive.read < 70_000
    assert time.process_time() - before < 1


def test_one_entry_more_than_allowed():
    entries = [Forged(b"%d.png" % number) for number in range(1001)]
    assert refusal(forge(*entries)).code == "zip_too_many_entries"
    assert len(read_directory(InMemory(forge(*entries[:1000])), LIMITS)) == 1000


def test_an_end_record_that_says_fewer_entries_than_there_are():
    assert refusal(forge(*good("1.png", "2.png", "3.png"), count=2)).code == "zip_damaged"
    assert refusal(forge(*good(), count=3)).code == "zip_damaged"


def test_a_directory_too_large_for_its_entries_is_not_read():
    data = local(good()[0]) + b"x" * (3 * 2**20)
    data += end(10, 3 * 2**20, len(local(good()[0])))
    archive = InMemory(data)
    with pytest.raises(ArchiveRefused):
        read_directory(archive, LIMITS)
    assert archive.read < 70_000


@pytest.mark.parametrize("name", [b"inner.zip", b"a/b.TAR", b"x.tar.gz", b"x.7z", b"x.rar"])
def test_a_nested_archive_by_its_name(name: bytes):
    found = refusal(forge(*good(), Forged(name)))
    assert (found.code, found.status) == ("zip_nested", 422)


@pytest.mark.parametrize(("flags", "method"), [(0x0801, 8), (0x0040, 8), (0x2000, 8), (0x0800, 99)])
def test_an_encrypted_entry(flags: int, method: int):
    found = refusal(forge(*good(), Forged(b"x.png", flags=flags, method=method)))
    assert (found.code, found.status) == ("zip_encrypted", 422)


@pytest.mark.parametrize("method", [1, 6, 9, 12, 14, 93, 95, 98])
def test_another_method_than_store_and_deflate(method: int):
    found = refusal(forge(*good(), Forged(b"x.png", method=method)))
    assert (found.code, found.status) == ("zip_method", 422)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bzip2_and_lzma_as_the_standard_library_writes_them(method: int):
    assert refusal(written({"1.png": b"content"}, method)).code == "zip_method"


def test_a_split_archive():
    assert refusal(forge(*good(), disk=1)).code == "zip_split"
    assert refusal(forge(*good(), here=1)).code == "zip_split"
    assert refusal(forge(Forged(b"x.png", disk=1))).code == "zip_split"
    assert refusal(b"PK\x07\x08" + forge(*good())[:60]).code == "zip_split"


@pytest.mark.parametrize("cut", [4, 30, 60, -1, -10, -22, -30])
def test_a_truncated_archive_is_damaged(cut: int):
    found = refusal(forge(*good())[:cut])
    assert (found.code, found.status) == ("zip_damaged", 422)


@pytest.mark.parametrize(
    "data", [b"x", b"\x89PNG\r\n\x1a\n" + bytes(100), b"PK", b"\x1f\x8b\x08" + bytes(50)]
)
def test_what_is_no_zip(data: bytes):
    found = refusal(data)
    assert (found.code, found.status) == ("not_a_zip", 415)


def test_bytes_before_or_behind_in_which_another_reader_may_see_another_archive():
    data = forge(*good())
    assert refusal(data + b"tail").code == "zip_damaged"
    assert refusal(data + forge(*good("3.png"))).code == "zip_damaged"
    assert refusal(forge(*good(), comment=end(0, 0, 0))).code == "zip_damaged"
    assert len(read_directory(InMemory(forge(*good(), comment=b"made by hand")), LIMITS)) == 2


def test_an_archive_with_nothing_in_it():
    assert refusal(end(0, 0, 0)).code == "zip_empty"
    assert refusal(forge(Forged(b"a/", data=b"", method=0), Forged(b"__MACOSX/._1.png"))).code == "zip_empty"


def test_too_large_as_it_is():
    found = refusal(forge(*good()), ArchiveLimits(max_bytes=100))
    assert (found.code, found.status) == ("zip_too_large", 413)


def test_folders_and_clutter_are_ignored_and_said():
    names = ["a/", "a/1.png", "__MACOSX/a/._1.png", "a/.DS_Store", "Thumbs.db", "a/._1.png", "2.png"]
    data = written({name: b"" if name.endswith("/") else b"content" for name in names})
    found = read_directory(InMemory(data), LIMITS)
    assert [entry.ignored for entry in found] == [
        "folder",
        "",
        "clutter",
        "clutter",
        "clutter",
        "clutter",
        "",
    ]
    assert [entry.number for entry in found] == [1, 2, 3, 4, 5, 6, 7]


def test_zip64_is_read_right():
    entries = good("1.png", "2.png", "3.png")
    found = read_directory(InMemory(forge(*entries, zip64=True)), LIMITS)
    assert [entry.name for entry in found] == ["1.png", "2.png", "3.png"]
    wide = Forged(b"x.png", packed_size=0xFFFFFFFF, unpacked_size=0xFFFFFFFF, offset=0xFFFFFFFF)
    wide.extra = struct.pack("<HH3Q", 1, 24, 7, len(Forged(b"x.png").body()), 0)
    (entry,) = read_directory(InMemory(_only(wide)), LIMITS)
    assert (entry.unpacked, entry.packed, entry.offset) == (7, len(Forged(b"x.png").body()), 0)


def _only(wide: Forged) -> bytes:
    body = local(Forged(wide.name))
    directory = central(wide, 0)
    return body + directory + end(1, len(directory), len(body))


def test_zip64_without_its_field_or_that_contradicts_itself():
    wide = Forged(b"x.png", unpacked_size=0xFFFFFFFF)
    assert refusal(_only(wide)).code == "zip_damaged"
    wide.extra = 2 * struct.pack("<HHQ", 1, 8, 7)
    assert refusal(_only(wide)).code == "zip_damaged"
    data = bytearray(forge(*good(), zip64=True))
    data[-12:-10] = (7).to_bytes(2, "little")  # the plain record names another number of entries
    assert refusal(bytes(data)).code in ("zip_damaged", "zip_split")


def test_what_the_standard_library_writes_as_zip64_is_read():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("1.png", "w", force_zip64=True) as entry:
            entry.write(b"content")
    (found,) = read_directory(InMemory(buffer.getvalue()), LIMITS)
    assert found.unpacked == 7


def test_a_name_in_another_alphabet():
    data = written({"Befund/Schädel 1.png": b"content", "患者/2.png": b"content"})
    assert [entry.ignored for entry in read_directory(InMemory(data), LIMITS)] == ["", ""]


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("Train/Glioma/1.png", "glioma"),
        ("no_tumor/1.png", "notumor"),
        ("notumor/1.png", "notumor"),
        ("No Tumour/x/1.png", "notumor"),
        ("no-tumour/1.png", "notumor"),
        ("meningioma_tumor/1.png", "meningioma"),
        ("PITUITARY TUMOUR/1.png", "pituitary"),
        ("glioma/pituitary/1.png", "pituitary"),
        ("glioma.png", ""),
        ("somebody/1.png", ""),
        ("1.png", ""),
    ],
)
def test_the_nearest_folder_that_names_a_class(path: str, label: str):
    assert class_of_path(path) == label


def written(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()
