"""Vendored files, those of the pages and those of the tests, are what VENDORED.json says they are, and no others."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "mriplatform" / "static"
folders = pytest.mark.parametrize(
    "vendor", [STATIC / "vendor", ROOT / "tests" / "vendor"], ids=["pages", "tests"]
)


@folders
def test_every_vendored_file_has_its_recorded_hash(vendor):
    recorded = {
        f"{folder}/{name}": digest
        for folder, entry in json.loads((vendor / "VENDORED.json").read_text()).items()
        for name, digest in entry["files"].items()
    }
    present = {
        str(file.relative_to(vendor)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in vendor.rglob("*")
        if file.is_file() and file.name != "VENDORED.json"
    }
    assert present == recorded


@folders
def test_every_vendored_folder_carries_its_licence(vendor):
    folders = [folder for folder in vendor.iterdir() if folder.is_dir()]
    assert folders
    assert [folder.name for folder in folders if not (folder / "LICENSE").is_file()] == []


def test_own_modules_stay_readable():
    long = {
        str(file.relative_to(STATIC)): count
        for file in STATIC.joinpath("js").rglob("*.js")
        if (count := len(file.read_text().splitlines())) > 300
    }
    assert long == {}
