"""Tables to be taken away: cells that no spreadsheet runs and that give their text back, and pieces of any number."""

import csv
import io
import json
import tracemalloc
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mriplatform.tables import as_csv, as_json_lines, plain_cell, safe_cell

RUN = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@given(st.text(st.characters(blacklist_categories=["Cs"])) | st.sampled_from([f"{start}x" for start in RUN]))
def test_no_text_begins_like_a_formula_and_every_text_comes_back(text):
    cell = safe_cell(text)
    assert not cell.startswith(RUN)
    assert plain_cell(cell) == text
    written = "".join(as_csv(["a", "b"], [{"a": text, "b": "x"}]))
    _, read = csv.reader(io.StringIO(written, newline=""))
    assert [plain_cell(cell) for cell in read] == [text, "x"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (-0.5, "-0.5"),
        (3, "3"),
        (True, "True"),
        ("'=1", "''=1"),
        ("=1", "'=1"),
        ({"b": 1, "a": "=2"}, '{"a": "=2", "b": 1}'),
        (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00+00:00"),
        (UUID(int=7), str(UUID(int=7))),
    ],
)
def test_a_value_as_a_cell(value, cell):
    assert safe_cell(value) == cell


def test_json_lines_keep_what_a_value_is():
    row = {"a": None, "b": -0.5, "c": True, "d": "=1", "e": {"x": 1}, "f": datetime(2026, 3, 1, tzinfo=UTC)}
    (line,) = "".join(as_json_lines(list(row), [row])).splitlines()
    assert json.loads(line) == row | {"f": "2026-03-01T00:00:00+00:00"}


@pytest.mark.parametrize("write", [as_csv, as_json_lines])
def test_a_hundred_thousand_rows_are_never_together_in_memory(write):
    rows = ({"number": number, "text": "some words of a row " * 5} for number in range(100_000))
    tracemalloc.start()
    length = sum(len(piece) for piece in write(["number", "text"], rows))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length > 10_000_000
    assert most < 1_000_000
