"""Two versions side by side as an engineer sees them, and a collection that names the one that reads for it."""

import os
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mriplatform.demo.slices import draw_slice
from tests.checkpoints import TURNS_AWAY
from tests.e2e.portal import Portal, upload
from tests.pictures import png

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def tiny(portal: Portal) -> int:
    """The number of a second version, with another network, input size and map size than the one that reads."""
    said = portal.manage("register_model", str(TURNS_AWAY), "--name", "tiny")
    return int(re.search(r"Version (\d+) is registered", said)[1])


def view_of(page: Page, viewer: str) -> dict:
    found = page.evaluate(
        "(id) => ({...document.getElementById(id).view, ...document.getElementById(id).window})", viewer
    )
    return {name: round(found[name], 3) for name in ("zoom", "x", "y", "center", "width")}


def test_an_engineer_asks_another_version_and_sees_both_side_by_side(portal, own_collection, sign_in, tiny):
    study = upload(
        sign_in("uploader"), own_collection, "slice.png", png(draw_slice("meningioma", "axial", 91))
    )
    page = sign_in("engineer")
    page.goto(f"/studies/{study}")
    page.get_by_role("link", name="Compare versions").click()
    expect(page.get_by_text("No other version was asked")).to_be_visible()
    page.get_by_label("Version to ask").select_option(label=f"{tiny} · tiny")
    page.get_by_role("button", name="Ask this version").click()
    # The answer arrives without a reload, and both are there with words, figures and maps.
    expect(page.locator("#compare-progress strong")).to_have_text(
        re.compile("They (agree|differ)"), timeout=30_000
    )
    expect(page.locator("#pair .said")).to_have_count(2)
    expect(page.locator("table.paired tbody tr")).to_have_count(4)
    expect(page.locator("mri-viewer[data-state=ready]")).to_have_count(2)
    shapes = page.evaluate(
        "[...document.querySelectorAll('mri-viewer')].map((viewer) => [viewer.maps.rows, viewer.maps.columns])"
    )
    assert shapes[0] != shapes[1]

    # One tool bar: zoom, place, window and map of the one follow the other, from either side.
    expect(page.get_by_role("toolbar")).to_have_count(1)
    page.locator("#viewer-answer .stage, #viewer-answer canvas").first.focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.evaluate("document.getElementById('viewer-answer').panBy(12, -7)")
    page.evaluate("document.getElementById('viewer-other').setWindow(90, 120)")
    assert view_of(page, "viewer-answer") == view_of(page, "viewer-other")
    page.keyboard.press("h")
    maps = "[...document.querySelectorAll('mri-viewer')].map((viewer) => viewer.mapState)"
    assert [state["visible"] for state in page.evaluate(maps)] == [True, True]
    page.evaluate("document.getElementById('viewer-answer').setMapClass('pituitary')")
    assert {state["cls"] for state in page.evaluate(maps)} == {"pituitary"}
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=Path(folder) / "versions-beside.png", full_page=True)

    # A reader is told nothing of it, by no door.
    reader = portal.token("radiologist")
    assert portal.curl(reader, f"/predictions?study={study}")[1]["results"] == []
    assert sign_in("radiologist").request.get(f"/studies/{study}/compare").status == 403


def test_a_collection_names_the_version_that_reads_for_it(portal, own_collection, sign_in, tiny):
    approver = sign_in("approver")
    approver.goto(f"/collections/{own_collection}")
    approver.get_by_role("link", name="Change what reads here").click()
    approver.get_by_label("What reads from now on").select_option(label=f"{tiny} · tiny")
    approver.get_by_label("Why").fill("Only a test.")
    approver.get_by_role("button", name="Let it read here").click()
    expect(approver.get_by_text(f"From now on version {tiny} reads here.")).to_be_visible()
    if folder := os.environ.get("SCREENSHOTS"):
        approver.screenshot(path=Path(folder) / "version-choice.png", full_page=True)

    study = upload(sign_in("uploader"), own_collection, "slice.png", png(draw_slice("glioma", "axial", 92)))
    engineer, deadline = portal.token("engineer"), time.monotonic() + 30
    while not (found := portal.curl(engineer, f"/predictions?study={study}&status=succeeded")[1]["results"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert [row["model_version"]["number"] for row in found] == [tiny]
    assert [row["for_comparison"] for row in found] == [False]
    _, named = portal.curl(engineer, f"/collections/{own_collection}/version")
    assert (named["follows"], named["choices"][0]["by"]) == (False, "approver")
