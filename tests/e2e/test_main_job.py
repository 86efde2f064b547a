"""The main job as people do it: an image in, read blind by keys alone, revealed, kept, and in the label download."""

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ml.labels import CLASSES
from mriplatform.demo.slices import draw_slice
from tests.e2e.portal import upload
from tests.e2e.waiting import image_ready, press
from tests.pictures import png

pytestmark = pytest.mark.timeout(240)

SECRETS = re.compile(r"probabilit|data-maps|map-controls|the model says: |\bversion 1\b", re.IGNORECASE)


def read_by_keys(page: Page, collection: str, own: str) -> None:
    """Reads the waiting image by keys alone: first read, reveal, map, and the own read kept against the model."""
    page.goto(f"/collections/{collection}/worklist")
    page.keyboard.press("n")
    panel = page.locator("#panel[data-step=first_read]")
    expect(panel).to_be_visible()
    image_ready(page)
    assert not SECRETS.search(panel.inner_html())
    for key in (str(CLASSES.index(own) + 1), "8", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#panel[data-step=reveal]")).to_be_visible()
    press(page, "Enter")
    expect(page.locator("#panel[data-step=verdict]")).to_be_visible()
    expect(page.locator("#panel .says")).to_be_visible()
    page.keyboard.press("h")
    page.keyboard.press("a")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator("#panel[data-step=verdict]")).not_to_be_visible()


@pytest.fixture(params=["synthetic", pytest.param("real", marks=pytest.mark.data)])
def scan(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """A synthetic slice always, and a real image where the data is."""
    if request.param == "synthetic":
        return "slice.png", png(draw_slice("meningioma", "axial", 77))
    folder = request.getfixturevalue("real_data") / "nickparvar" / "Testing" / "glioma"
    return "scan.jpg", sorted(folder.iterdir())[0].read_bytes()


def test_a_scan_in_a_reviewed_label_out(portal, own_collection, sign_in, scan):
    study = upload(sign_in("uploader"), own_collection, *scan)
    machine = portal.answer(study)
    own = next(name for name in CLASSES if name != machine)
    read_by_keys(sign_in("radiologist"), own_collection, own)

    engineer = sign_in("engineer")
    engineer.goto(f"/collections/{own_collection}/labels")
    with engineer.expect_download() as download:
        engineer.get_by_role("link", name="Download JSON").click()
    content = json.loads(Path(download.value.path()).read_text())
    (row,) = content if isinstance(content, list) else content["labels"]
    assert (row["label"], row["verdict"], row["saw_prediction"]) == (own, "correct", True)
    assert row["first_read_label"] == own


def test_the_same_by_curl_with_a_token(portal, own_collection, tmp_path):
    (tmp_path / "slice.png").write_bytes(png(draw_slice("pituitary", "sagittal", 78)))
    uploader, reader, engineer = (portal.token(name) for name in ("uploader", "radiologist", "engineer"))
    form = ("-F", f"collection={own_collection}", "-F", f"files=@{tmp_path / 'slice.png'}")
    status, sent = portal.curl(uploader, "/studies", *form)
    assert status == 202
    study = sent["studies"][0]["id"]
    deadline = time.monotonic() + 30
    while portal.curl(uploader, f"/studies/{study}")[1]["status"] != "succeeded":
        assert time.monotonic() < deadline
        time.sleep(0.1)

    machine = portal.answer(study)
    own = next(name for name in CLASSES if name != machine)
    reading = portal.post(reader, "/readings", collection=own_collection)
    assert machine not in json.dumps(reading)
    at = f"/readings/{reading['id']}"
    assert portal.curl(reader, f"{at}/reveal", "-X", "POST")[0] == 409
    portal.post(reader, f"{at}/first-read", label=own, confidence=2)
    assert portal.post(reader, f"{at}/reveal")["machine_answer"]["label"] == machine
    portal.post(reader, f"{at}/verdict", verdict="correct", label=own, reason="morphology")

    status, text = portal.curl(engineer, f"/collections/{own_collection}/labels?format=csv")
    assert status == 200
    assert own in text
    assert portal.curl("not-a-token", "/studies")[0] == 401
