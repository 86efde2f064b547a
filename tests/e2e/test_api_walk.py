"""The round by curl of the README, run as it stands there."""

import csv
import os
import re
import subprocess
from pathlib import Path

import pytest

from mriplatform.demo.slices import draw_slice
from tests.pictures import png

pytestmark = pytest.mark.timeout(240)
README = Path(__file__).resolve().parents[2] / "README.md"


def test_the_documented_round(portal, own_collection, tmp_path):
    (script,) = re.findall(r"```bash\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "scan.png").write_bytes(png(draw_slice("glioma", "axial", 4711)))
    settings = {
        "HOST": portal.address,
        "COLLECTION": own_collection,
        "SCAN": str(tmp_path / "scan.png"),
        **{name: portal.token(name.lower()) for name in ("UPLOADER", "RADIOLOGIST", "ENGINEER")},
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "pixels.png").read_bytes().startswith(b"\x89PNG")
    (row,) = csv.DictReader((tmp_path / "labels.csv").open(encoding="utf-8-sig"))
    assert row["label"] == "glioma"
