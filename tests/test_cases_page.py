"""docs/cases.md names tests that there are, for every case of the list."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CASES = {"Images": 15, "DICOM": 11, "ZIP": 4, "API and pages": 12}


def test_every_case_has_tests_and_every_test_is_there() -> None:
    page = (ROOT / "docs" / "cases.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| case")]
    assert len(rows) == sum(CASES.values())
    missing = []
    for row in rows:
        found = re.findall(r"`(tests/[\w/]+\.py)`: ((?:`\w+`(?:, )?)+)", row)
        assert found, row
        for path, names in found:
            text = (ROOT / path).read_text() if (ROOT / path).exists() else ""
            missing += [
                f"{path}::{name}" for name in re.findall(r"`(\w+)`", names) if f"def {name}(" not in text
            ]
    assert not missing


def test_every_part_of_the_list_is_there() -> None:
    page = (ROOT / "docs" / "cases.md").read_text()
    for title, count in CASES.items():
        part = page.split(f"## {title}\n")[1].split("\n## ")[0]
        assert part.count("\n| ") - 1 == count, title
