"""The loop, thin, with the real model: ten corrections retrain the head; promoted from the admin, used, rolled back."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import Portal, upload
from tests.pictures import slice_png

pytestmark = pytest.mark.timeout(300)


def correct_ten(portal: Portal, collection: str, folder) -> None:
    """Uploads ten images and has a radiologist read each and call it pituitary, all by the API."""
    for seed in range(10):
        (folder / f"{seed}.png").write_bytes(slice_png(4000 + seed))
    files = [part for seed in range(10) for part in ("-F", f"files=@{folder / f'{seed}.png'}")]
    form = ("-F", f"collection={collection}", "-F", "grouping=study_each", *files)
    status, sent = portal.curl(portal.token("uploader"), "/studies", *form)
    assert status == 202
    assert len(sent["studies"]) == 10
    reader = portal.token("radiologist")
    done, deadline = 0, time.monotonic() + 60
    while done < 10:
        assert time.monotonic() < deadline
        status, reading = portal.curl(
            reader,
            "/readings",
            "-H",
            "Content-Type: application/json",
            "-d",
            f'{{"collection": "{collection}"}}',
        )
        if status == 204:
            time.sleep(0.2)
            continue
        at = f"/readings/{reading['id']}"
        portal.post(reader, f"{at}/first-read", label="pituitary", confidence=3)
        agreed = portal.post(reader, f"{at}/reveal")["machine_answer"]["label"] == "pituitary"
        said = {"verdict": "confirm"} if agreed else {"verdict": "correct", "reason": "location"}
        portal.post(reader, f"{at}/verdict", label="pituitary", **said)
        done += 1


def retrain(page: Page, collection_name: str) -> None:
    """Freezes the labels of a collection in the admin, retrains from them, and waits until the run has succeeded."""
    page.goto("/admin/reviews/labelset/freeze/")
    page.get_by_label(collection_name).check()
    page.get_by_role("button", name="See what would be frozen").click()
    page.get_by_role("button", name="Freeze the labels").click()
    page.get_by_role("link", name=re.compile("Retrain from this label set")).click()
    expect(page.locator("#preview-sentence")).to_have_text(re.compile(r"\d+ (corrections|confirmations)"))
    page.get_by_role("button", name="Retrain", exact=True).click()
    page.get_by_role("link", name="Watch it live").click()
    # The curve grows and the state changes by themselves; the page is never loaded again.
    expect(page.locator("#run-live polyline").first).to_be_attached(timeout=120_000)
    expect(page.get_by_role("heading", name="Finished")).to_be_visible(timeout=120_000)
    expect(page.get_by_role("columnheader", name="Incumbent")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Candidate")).to_be_visible()


def version_of(portal: Portal, study: str) -> int:
    _, shown = portal.curl(portal.token("engineer"), f"/studies/{study}")
    return shown["images"][0]["prediction"]["model_version"]["number"]


def newest_version(portal: Portal) -> int:
    _, shown = portal.curl(portal.token("engineer"), "/model-versions")
    return max(version["number"] for version in shown["results"])


def test_ten_corrections_to_a_model_in_force_and_back(portal, own_collection, sign_in, tmp_path, request):
    correct_ten(portal, own_collection, tmp_path)
    retrain(sign_in("engineer"), request.node.name)

    approver, uploader = sign_in("approver"), sign_in("uploader")
    approver.goto("/admin/classifier/modelversion/")
    candidate = newest_version(portal)
    approver.get_by_role("link", name="Put in force").first.click()
    approver.get_by_label("Why").fill("It learned from ten corrections.")
    approver.get_by_role("button", name=re.compile(f"^Put version {candidate} ")).click()
    expect(approver.get_by_text("is in force; the next image")).to_be_visible()
    assert version_of(portal, upload(uploader, own_collection, "next.png", slice_png(4100))) == candidate

    approver.get_by_role("link", name="Roll back").click()
    approver.get_by_label("Why").fill("Only a test.")
    approver.get_by_role("button", name=re.compile("^Roll back")).click()
    expect(approver.get_by_text("is in force; the next image")).to_be_visible()
    assert version_of(portal, upload(uploader, own_collection, "after.png", slice_png(4101))) == 1
