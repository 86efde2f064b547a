"""The walk over a data set: whatever its lengths and its nesting say, it ends soon and takes little memory."""

import struct
import subprocess
import sys
import time
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from classifier.intake import IntakeRefused, Limits
from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.elements import PIXEL_DATA, Pixels, Walk
from classifier.intake.dicom.header import check_header, read_kept
from tests.classifier.intake.dicom_cases import deflated, nested, run_length_bomb
from tests.classifier.intake.dicom_files import as_file, element, mr, raw

ROOT = Path(__file__).resolve().parents[3]
OPEN = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = (struct.pack("<HH", 0xFFFE, number) for number in (0xE000, 0xE00D, 0xE0DD))
SEQUENCE = 0x00081140
FEW = settings(max_examples=300, deadline=None, derandomize=True, database=None)


def item(inside: bytes, *, sized: bool = True) -> bytes:
    if sized:
        return ITEM + struct.pack("<I", len(inside)) + inside
    return ITEM + struct.pack("<I", OPEN) + inside + ITEM_END + bytes(4)


def sequence(*items: bytes, sized: bool = True, kind: bytes = b"SQ") -> bytes:
    inside = b"".join(items)
    if sized:
        return element(8, 0x1140, kind, inside)
    return element(8, 0x1140, kind, b"", OPEN) + inside + SEQUENCE_END + bytes(4)


def walk(data: bytes, *, implicit: bool = False, compressed: bool = False, wanted=None):
    wanted = {SEQUENCE: {tags.ROWS: None}, tags.COLUMNS: None, PIXEL_DATA: None} if wanted is None else wanted
    return Walk(memoryview(data), compressed=compressed).dataset(0, wanted, implicit=implicit)


ROWS = element(0x28, 0x10, b"US", b"\x05\0")
COLUMNS = element(0x28, 0x11, b"US", b"\x07\0")


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "delimited"])
@pytest.mark.parametrize("item_sized", [True, False], ids=["item sized", "item delimited"])
def test_a_sequence_gives_what_is_wanted_of_its_items(sized: bool, item_sized: bool) -> None:
    other = element(0x10, 0x10, b"PN", b"Name")
    found = walk(sequence(item(other + ROWS, sized=item_sized), item(b""), sized=sized) + other + COLUMNS)
    assert found == {SEQUENCE: [{tags.ROWS: b"\x05\0"}, {}], tags.COLUMNS: b"\x07\0"}


def test_a_sequence_of_unknown_kind_is_written_without_kinds() -> None:
    inside = struct.pack("<HHI", 0x28, 0x10, 2) + b"\x05\0"
    found = walk(sequence(item(inside, sized=False), sized=False, kind=b"UN") + COLUMNS)
    assert found == {SEQUENCE: [{tags.ROWS: b"\x05\0"}], tags.COLUMNS: b"\x07\0"}


def test_unwanted_values_are_stepped_over_whatever_they_hold() -> None:
    assert walk(element(0x10, 0x4000, b"UN", ITEM * 9) + COLUMNS) == {tags.COLUMNS: b"\x07\0"}


def deep(depth: int, *, sized: bool) -> bytes:
    inside = b""
    for _ in range(depth):
        inside = sequence(item(inside, sized=sized), sized=sized)
    return inside


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "delimited"])
def test_depth(sized: bool) -> None:
    walk(deep(24, sized=sized))
    with pytest.raises(IntakeRefused, match="nested deeper than 24"):
        walk(deep(25, sized=sized))


IMPLICIT_ROWS = struct.pack("<HHI", 0x28, 0x10, 2) + b"\x05\0"


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (ROWS[:-1], {}),
        (ROWS + ROWS[:5], {}),
        (COLUMNS + COLUMNS, {}),
        (element(0x28, 0x11, b"XX", b"\x07\0"), {}),
        (element(0x28, 0x11, b"UT", b"", 2**32 - 2), {}),
        (element(0x28, 0x11, b"UT", b"", OPEN), {}),
        (element(0x28, 0x11, b"LO", bytes(4))[:-4] + bytes(2), {}),
        (ITEM + bytes(4), {}),
        (ITEM_END + bytes(4), {}),
        (SEQUENCE_END + bytes(4), {}),
        (sequence(ROWS), {}),
        (sequence(item(ROWS)[:-1]), {}),
        (element(8, 0x1140, b"SQ", b"", OPEN) + item(ROWS), {}),
        (sequence(item(ROWS, sized=False)[:-8], sized=False)[:-8], {}),
        (element(0x7FE0, 0x10, b"OB", b"", OPEN) + SEQUENCE_END + bytes(4), {"compressed": False}),
        (element(0x7FE0, 0x10, b"OB", b"", OPEN) + item(bytes(8)), {"compressed": True}),
        (element(0x7FE0, 0x10, b"OB", b"", OPEN) + ROWS, {"compressed": True}),
        (element(0x7FE0, 0x10, b"OB", b"", OPEN) + ITEM + struct.pack("<I", OPEN), {"compressed": True}),
        (struct.pack("<HHI", 0x28, 0x10, 2**31), {"implicit": True}),
        (element(0x28, 0x11, b"OB", bytes(2**16 + 2)), {}),
    ],
)
def test_unsound_data_sets(data: bytes, options: dict[str, bool]) -> None:
    with pytest.raises(IntakeRefused) as refused:
        walk(data, **options)
    assert refused.value.code == "damaged_dicom"


def test_fragments_and_plain_pixels() -> None:
    packed = element(0x7FE0, 0x10, b"OB", b"", OPEN) + item(b"") + item(b"abcd") + SEQUENCE_END + bytes(4)
    found = walk(packed + element(0xFFFC, 0xFFFC, b"OB", bytes(6)), compressed=True)[PIXEL_DATA]
    assert isinstance(found, Pixels)
    assert [bytes(part) for part in found.fragments] == [b"", b"abcd"]
    plain = walk(element(0x7FE0, 0x10, b"OW", b"abcd"))[PIXEL_DATA]
    assert isinstance(plain, Pixels)
    assert ([bytes(part) for part in plain.fragments], plain.compressed) == ([b"abcd"], False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: element(0x10, 0x10, b"PN", b"") * 8_000_000,
        lambda: sequence(*[item(b"")] * 6_000_000),
        lambda: element(0x7FE0, 0x10, b"OB", b"", OPEN) + item(b"") * 8_000_000,
        lambda: (element(8, 0x1140, b"SQ", b"", OPEN) + ITEM + struct.pack("<I", OPEN)) * 3_000_000,
    ],
    ids=["elements", "items", "fragments", "depth"],
)
def test_millions_of_parts_are_not_read_to_the_end(make) -> None:
    data = raw(make()[: 60 * 2**20], syntax=RLELossless)
    began = time.process_time()
    with pytest.raises(IntakeRefused) as refused:
        read_kept(memoryview(data))
    assert refused.value.code == "damaged_dicom"
    assert time.process_time() - began < 2


# The peak of a process alone: what a header says costs nothing, whatever it says.
MEASURE = """
import resource, sys
from pathlib import Path
from classifier.intake import IntakeRefused, Limits
from classifier.intake.dicom.header import check_header, read_kept
data = memoryview(Path(sys.argv[1]).read_bytes())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    check_header(*read_kept(data), Limits())
    raise SystemExit("accepted")
except IntakeRefused as refused:
    assert refused.code == sys.argv[2], refused.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: deflated(64 * 2**20), "unsupported_transfer_syntax"),
        (run_length_bomb, "too_many_pixels"),
        (nested, "damaged_dicom"),
        (lambda: as_file(mr(1, NumberOfFrames=str(2**31 - 1))), "too_many_frames"),
    ],
    ids=["deflated", "run-length", "nested", "frames"],
)
def test_memory(make, code: str, tmp_path: Path) -> None:
    file = tmp_path / "bomb"
    file.write_bytes(make())
    command = [sys.executable, "-c", MEASURE, str(file), code]
    grown = int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert grown < 20 * 1024, f"{grown} KiB"


SOUND = [as_file(mr(1), ExplicitVRLittleEndian), as_file(mr(1), ImplicitVRLittleEndian)]


@FEW
@given(data=st.binary(max_size=400), implicit=st.booleans(), compressed=st.booleans())
def test_any_bytes(data: bytes, implicit: bool, compressed: bool) -> None:
    refused = None
    try:
        walk(data, implicit=implicit, compressed=compressed, wanted=tags.DATASET)
    except IntakeRefused as refusal:
        refused = refusal
    assert refused is None or refused.code == "damaged_dicom"


@FEW
@given(
    which=st.sampled_from(SOUND),
    edits=st.lists(st.tuples(st.integers(132, 1300), st.binary(max_size=8)), max_size=5),
)
def test_a_spoilt_header_is_read_or_refused(which: bytes, edits: list[tuple[int, bytes]]) -> None:
    data = bytearray(which)
    for at, new in edits:
        data[at : at + len(new)] = new
    try:
        header = check_header(*read_kept(memoryview(bytes(data))), Limits())
    except IntakeRefused:
        return
    assert header.frames * header.rows * header.columns <= Limits().max_stack_pixels
