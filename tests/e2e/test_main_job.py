"""The main job as people do it: an image in, read blind by keys alone, revealed, kept, and in the label download."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ml.labels import CLASSES
from mriplatform.demo.slices import draw_slice
from tests.e2e.conftest import watch
from tests.e2e.portal import Portal
from tests.pictures import png

pytestmark = pytest.mark.timeout(240)

MAKE_COLLECTION = """
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.services import grant_role
from mriplatform.demo.people import ACCOUNTS
from reviews.services.protocols import ensure_protocol
collection = Collection.objects.create(name={name!r})
ensure_protocol(collection)
for account, role in ACCOUNTS.items():
    grant_role(actor=None, user=User.objects.get(username=account), collection=collection, role=role)
print("collection", collection.pk)
"""
ANSWER = """
from classifier.models import Prediction
print("answer", Prediction.objects.get(image__study={study!r}).predicted_class)
"""
SECRETS = re.compile(r"probabilit|data-maps|map-controls|the model says: |\bversion 1\b", re.IGNORECASE)


def said(output: str, word: str) -> str:
    return re.search(rf"^{word} (\S+)$", output, re.MULTILINE)[1]


@pytest.fixture
def collection(portal: Portal, request: pytest.FixtureRequest) -> str:
    """A collection of this test's own, with the demo's people in it."""
    return said(portal.manage("shell", "-c", MAKE_COLLECTION.format(name=request.node.name)), "collection")


@pytest.fixture
def sign_in(browser: Browser, portal: Portal):
    """Opens a browser of one's own for an account, signed in; any script error or CSP breach fails the test."""
    contexts, faults = [], []

    def _sign_in(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=portal.address)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        faults.append(watch(page))
        page.goto("/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(portal.passwords[name])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Collections")).to_be_visible()
        return page

    yield _sign_in
    for context in contexts:
        context.close()
    assert [fault for group in faults for fault in group] == []


def upload(page: Page, collection: str, name: str, data: bytes) -> str:
    """Uploads one image through the page; returns the study's identifier once it is analysed, without a reload."""
    page.goto(f"/collections/{collection}/upload")
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/studies/[0-9a-f-]+$"))
    expect(page.locator("main").get_by_text("Analysed").first).to_be_visible(timeout=30_000)
    return page.url.rsplit("/", 1)[1]


def read_by_keys(page: Page, collection: str, own: str) -> None:
    """Reads the waiting image by keys alone: first read, reveal, map, and the own read kept against the model."""
    page.goto(f"/collections/{collection}/worklist")
    page.keyboard.press("n")
    panel = page.locator("#panel[data-step=first_read]")
    expect(panel).to_be_visible()
    assert not SECRETS.search(panel.inner_html())
    for key in (str(CLASSES.index(own) + 1), "k", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#panel[data-step=reveal]")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#panel[data-step=verdict]")).to_be_visible()
    expect(page.locator("#panel .says")).to_be_visible()
    page.keyboard.press("h")
    page.keyboard.press("a")
    page.keyboard.press("s")
    page.keyboard.press("Enter")
    expect(page.locator("#panel[data-step=verdict]")).not_to_be_visible()


def real_image(folder: Path) -> bytes:
    return (folder / "nickparvar/Testing/glioma/Te-gl_0010.jpg").read_bytes()


@pytest.fixture(params=["synthetic", pytest.param("real", marks=pytest.mark.data)])
def scan(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    """A synthetic slice always, and a real image where the data is."""
    if request.param == "synthetic":
        return "slice.png", png(draw_slice("meningioma", "axial", 77))
    folder = request.getfixturevalue("real_data") / "nickparvar" / "Testing" / "glioma"
    return "scan.jpg", sorted(folder.iterdir())[0].read_bytes()


def test_a_scan_in_a_reviewed_label_out(portal, collection, sign_in, scan):
    study = upload(sign_in("uploader"), collection, *scan)
    machine = said(portal.manage("shell", "-c", ANSWER.format(study=study)), "answer")
    own = next(name for name in CLASSES if name != machine)
    read_by_keys(sign_in("radiologist"), collection, own)

    engineer = sign_in("engineer")
    engineer.goto(f"/collections/{collection}/labels")
    with engineer.expect_download() as download:
        engineer.get_by_role("link", name="JSON").click()
    content = json.loads(Path(download.value.path()).read_text())
    (row,) = content if isinstance(content, list) else content["labels"]
    assert (row["label"], row["verdict"], row["saw_prediction"]) == (own, "correct", True)
    assert row["first_read_label"] == own
