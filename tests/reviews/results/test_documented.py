"""The columns and codes that docs/results.md lists are those that go out."""

import re
from pathlib import Path

import pytest

from classifier.selectors.prediction_table import PREDICTION_COLUMNS
from ml.labels import CLASSES
from reviews.selectors.entry_table import ENTRY_COLUMNS
from reviews.selectors.label_files import COLUMNS as LABEL_COLUMNS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "results.md").read_text()


@pytest.mark.parametrize(
    ("title", "columns"),
    [("Predictions", PREDICTION_COLUMNS), ("Labels", LABEL_COLUMNS), ("Label set", ENTRY_COLUMNS)],
)
def test_every_column_is_documented_in_its_order(title, columns):
    section = re.split(r"\n#+ ", TEXT.split(f"\n### {title}\n")[1])[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(columns)


def test_every_code_is_documented():
    from reviews.dicom import codes

    for finding in codes.FINDINGS.values():
        if finding.scheme_designator == "SCT":
            assert f"SCT {finding.value} {finding.meaning}" in TEXT
        else:
            assert f"{finding.scheme_designator} `{finding.value}`" in TEXT
    own = [
        codes.CLASS, codes.SAID_BY, codes.HOW_FINAL, codes.NOVELTY, codes.NOVELTY_THRESHOLD,
        *codes.PROBABILITIES.values(), *codes.CLASS_CODES.values(),
        *map(codes.path_code, ("one reader", "agreed", "majority 2 of 3", "senior reader", "adjudicated")),
    ]  # fmt: skip
    for code in own:
        assert f"`{code.value}`" in TEXT
        assert len(code.value) <= 16
    assert len(codes.PROBABILITIES) == len(CLASSES)
