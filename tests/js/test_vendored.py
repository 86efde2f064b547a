"""Vendored files are what VENDORED.json says they are, all of them and no others."""

import hashlib
import json
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "mriplatform" / "static"
VENDOR = STATIC / "vendor"


def test_every_vendored_file_has_its_recorded_hash():
    recorded = {
        f"{folder}/{name}": digest
        for folder, entry in json.loads((VENDOR / "VENDORED.json").read_text()).items()
        for name, digest in entry["files"].items()
    }
    present = {
        str(file.relative_to(VENDOR)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in VENDOR.rglob("*")
        if file.is_file() and file.name != "VENDORED.json"
    }
    assert present == recorded


def test_every_vendored_folder_carries_its_licence():
    folders = [folder for folder in VENDOR.iterdir() if folder.is_dir()]
    assert folders
    assert [folder.name for folder in folders if not (folder / "LICENSE").is_file()] == []


def test_own_modules_stay_readable():
    long = {
        str(file.relative_to(STATIC)): count
        for file in STATIC.joinpath("js").rglob("*.js")
        if (count := len(file.read_text().splitlines())) > 300
    }
    assert long == {}
