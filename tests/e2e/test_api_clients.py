"""Programs that nobody here wrote for this platform drive it: docs/api.md as it stands, a generated client, ours."""

import importlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest

from mriplatform.demo.slices import draw_slice
from tests.pictures import png

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.png"
    path.write_bytes(png(draw_slice("meningioma", "axial", 8150)))
    return path


def test_ten_minutes_as_the_page_has_them(portal, own_collection, scan, tmp_path):
    """Each block of the page, one after another, with one token."""
    blocks = re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    settings = {
        "HOST": portal.address,
        "COLLECTION": own_collection,
        "SCAN": str(scan),
        "TOKEN": portal.token("admin"),
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
        cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "probabilities" in done.stdout
    assert "colour" in done.stdout
    assert (tmp_path / "pixels.png").read_bytes().startswith(b"\x89PNG")


def mri(portal, token: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    settings = {
        "MRI_ADDRESS": portal.address,
        "MRI_TOKEN": token,
        "PYTHONPATH": str(ROOT / "clients" / "python"),
    }
    return subprocess.run(
        [sys.executable, "-m", "mri_client.command", *map(str, arguments)],
        env=os.environ | settings, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_the_command_sends_waits_and_takes_labels_away(portal, own_collection, scan, tmp_path):
    token = portal.token("admin")
    sent = mri(portal, token, "upload", own_collection, scan, "--wait")
    assert sent.returncode == 0, sent.stderr
    verdict, study = (json.loads(line) for line in sent.stdout.splitlines())
    assert (verdict["outcome"], study["status"]) == ("stored", "succeeded")
    assert study["images"][0]["prediction"]["probabilities"]
    labels = tmp_path / "labels.csv"
    assert mri(portal, token, "labels", own_collection, "--format", "csv", "--output", labels).returncode == 0
    assert "label" in labels.read_text(encoding="utf-8-sig").splitlines()[0]
    # Nobody has read anything, so there is nothing to train on, and it says so.
    refused = mri(portal, token, "retrain", "--collection", own_collection)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("mri: ")


def test_a_client_that_is_generated_from_the_description_works(
    portal, own_collection, scan, tmp_path, monkeypatch
):
    """Upload, wait, read the answer, with nothing but what the generator made of the platform's own description."""
    target, told = tmp_path / "generated_client", ROOT / "docs" / "openapi" / "python-client.yaml"
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += [
        "--url",
        f"{portal.address}/api/v1/schema/",
        "--config",
        str(told),
        "--output-path",
        str(target),
    ]
    made = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert made.returncode == 0, made.stdout + made.stderr
    assert "warning" not in (made.stdout + made.stderr).lower(), made.stdout + made.stderr
    monkeypatch.syspath_prepend(str(tmp_path))
    client_module = importlib.import_module("generated_client")
    types = importlib.import_module("generated_client.types")
    models = importlib.import_module("generated_client.models")
    send, study, listed = (
        importlib.import_module(f"generated_client.api.{name}")
        for name in ("studies.send_images", "studies.get_study", "collections.list_collections")
    )
    client = client_module.AuthenticatedClient(base_url=portal.address, token=portal.token("admin"))
    with client:
        assert own_collection in {str(row.id) for row in listed.sync(client=client).results}
        file = types.File(payload=scan.open("rb"), file_name="1.png", mime_type="image/png")
        body = models.UploadRequest(collection=UUID(own_collection), files=[file])
        uploaded = send.sync(client=client, body=body)
        assert uploaded.files[0].outcome == "stored"
        deadline = time.monotonic() + 60
        while (found := study.sync(uploaded.studies[0].id, client=client)).status in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert found.images[0].prediction.label
        assert found.images[0].prediction.model_version.number == 1
        gone = study.sync(UUID(int=1), client=client)
        assert (gone.status, gone.code) == (404, "not_found")
