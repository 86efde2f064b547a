from dataclasses import replace
from pathlib import Path

import pytest

from ml.manifest import ManifestError, Row, manifest_bytes, read_manifest, write_manifest

ROWS = (
    Row("a/1.png", "glioma", "train", "s1", "ab" * 32, "d1"),
    Row('odd, "name".png', "notumor", "test", "s2"),
)


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    sha256 = write_manifest(ROWS, tmp_path / name)
    read = read_manifest(tmp_path / name)
    assert read.rows == ROWS
    assert read.sha256 == sha256
    assert read.part("test") == ROWS[1:]


def test_bytes_are_the_same_for_the_same_rows() -> None:
    assert manifest_bytes(ROWS) == manifest_bytes(list(ROWS))
    assert manifest_bytes(ROWS) != manifest_bytes(ROWS[::-1])


@pytest.mark.parametrize("lines", [False, True])
def test_a_mask_is_kept_and_without_one_there_is_no_column(tmp_path: Path, lines: bool) -> None:
    assert b"mask" not in manifest_bytes(ROWS, lines=lines)
    path = tmp_path / ("m.jsonl" if lines else "m.csv")
    masked = (replace(ROWS[0], mask="masks/1.png"), ROWS[1])
    write_manifest(masked, path)
    assert read_manifest(path).rows == masked


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.csv", "image,label\na.png,glioma\n", "Line 2 has no split"),
        ("m.csv", "image,label,split\na.png,cyst,train\n", "Line 2: The label 'cyst'"),
        ("m.csv", "image,label,split\na.png,glioma,dev\n", "Line 2: the split 'dev'"),
        ("m.csv", "image,label,split\n" + "a.png,glioma,train\n" * 2, "stands in it twice"),
        ("m.csv", "image,label,split\n", "lists no image"),
        ("m.jsonl", "{}\n[]\n", "Line 1 has no image"),
        ("m.jsonl", "[]\n", "Line 1 is not a JSON object"),
        ("m.jsonl", "{\n", "Line 1 is not JSON"),
        (
            "m.jsonl",
            '{"image": "a.png", "label": 3, "split": "train"}',
            "Line 1: label must be a text, got 3",
        ),
    ],
)
def test_errors_name_the_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / name)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(b"\xef\xbb\xbf" + manifest_bytes(ROWS))
    assert read_manifest(path).rows == ROWS


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes("image,label,split\nschädel.png,glioma,train\n".encode("latin-1"))
    with pytest.raises(ManifestError, match=r"m\.csv is not UTF-8 text: line 2"):
        read_manifest(path)
