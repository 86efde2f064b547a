"""The whole loop in a browser, with the real model: corrected, retrained, judged, approved, in force, rolled back."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from reviews.models import Reason
from tests.e2e.by_keys import Reader
from tests.e2e.portal import Portal, upload
from tests.pictures import slice_png

pytestmark = pytest.mark.timeout(600)

# Drawn slices that the shipped model hesitates over, between two classes.
SEEDS = (4004, 4075, 4095, 4027, 4007, 4092, 4012, 4059, 4108, 4041)
IMAGES = len(SEEDS)
# Every curve that the page showed, one after another, without a reload.
WATCH_CURVE = """() => {
  window.curves = [];
  const look = () => {
    const curve = document.querySelector('#run-live polyline.curve')?.getAttribute('points');
    if (curve && curve !== window.curves.at(-1)) window.curves.push(curve);
  };
  new MutationObserver(look).observe(document.querySelector('main'), { childList: true, subtree: true });
  look();
}"""


def upload_ten(portal: Portal, collection: str, folder) -> dict[str, tuple[str, str]]:
    """Uploads ten images by the API; returns of each the two classes that the model gives most to, likeliest first."""
    for seed in SEEDS:
        (folder / f"{seed}.png").write_bytes(slice_png(seed))
    files = [part for seed in SEEDS for part in ("-F", f"files=@{folder / f'{seed}.png'}")]
    form = ("-F", f"collection={collection}", "-F", "grouping=study_each", *files)
    status, sent = portal.curl(portal.token("uploader"), "/studies", *form)
    assert status == 202
    engineer, said, deadline = portal.token("engineer"), {}, time.monotonic() + 90
    for study in sent["studies"]:
        while True:
            assert time.monotonic() < deadline
            _, shown = portal.curl(engineer, f"/studies/{study['id']}")
            image = shown["images"][0]
            if image["prediction"]["label"]:
                shares = image["prediction"]["probabilities"]
                first, second = sorted(shares, key=shares.get, reverse=True)[:2]
                said[image["id"]] = (first, second)
                break
            time.sleep(0.2)
    return said


def correct_all(
    page: Page, collection: str, machine: dict[str, tuple[str, str]]
) -> dict[str, list[tuple[str, ...]]]:
    """A radiologist reads each image and keeps to what the model held for second; returns what they said."""
    answers = {image: first for image, (first, _) in machine.items()}
    reader = Reader(page.context, "radiologist", answers)
    reader.page.goto(f"/collections/{collection}/worklist")
    reader.page.wait_for_load_state("load")
    reader.press("n")
    while reader.arrive():
        for _ in reader.keep(machine[reader.image][1], Reason.LOCATION):
            pass
    reader.leave()
    return reader.said


def retrain(page: Page, name: str) -> None:
    """Freezes the collection's labels in the admin, retrains the head from them, and watches the run to its end."""
    page.goto("/admin/reviews/labelset/freeze/")
    page.get_by_label(name).check()
    page.get_by_role("button", name="See what would be frozen").click()
    page.get_by_role("button", name="Freeze the labels").click()
    page.get_by_role("link", name=re.compile("Retrain from this label set")).click()
    expect(page.locator("#preview-sentence")).to_have_text(re.compile(rf"^{IMAGES} corrections"))
    page.get_by_role("button", name="Retrain", exact=True).click()
    page.get_by_role("link", name="Watch it live").click()
    page.evaluate(WATCH_CURVE)
    expect(page.locator("#live-title")).to_have_text(re.compile("Finished|Failed"), timeout=120_000)
    expect(page.locator("#live-title")).to_have_text(re.compile("Finished"))
    assert len(page.evaluate("curves")) > 1


def test_ten_corrections_to_a_model_in_force_and_back(portal, own_collection, sign_in, tmp_path, request):
    machine = upload_ten(portal, own_collection, tmp_path)
    said = correct_all(sign_in("radiologist"), own_collection, machine)
    assert [events[-1][:2] for events in said.values()] == [("verdict", "correct")] * IMAGES

    engineer = sign_in("engineer")
    retrain(engineer, request.node.name)
    # The comparison: what was measured of both on the same images, and the gate's verdict with its criteria.
    for heading in ("Incumbent", "Candidate"):
        expect(engineer.get_by_role("columnheader", name=heading)).to_be_visible()
    verdict = engineer.locator("#run-report .gate-decision")
    expect(verdict.locator(".chip").first).to_be_visible()
    assert verdict.locator(".chip").first.inner_text() == "Passed", verdict.inner_text()
    expect(
        verdict.get_by_role("row", name=re.compile("Recall of meningioma|meningioma")).first
    ).to_be_visible()
    engineer.get_by_role("link", name="Each label, and why").click()
    expect(engineer.locator("tbody tr")).to_have_count(IMAGES)
    engineer.go_back()

    engineer.get_by_role("link", name=re.compile("^Candidate: version")).click()
    candidate = int(re.search(r"Version (\d+)", engineer.get_by_role("heading", level=1).inner_text())[1])
    engineer.get_by_role("link", name="Propose it…").click()
    engineer.get_by_label("Why").fill("It learned from ten corrections.")
    engineer.get_by_role("button", name="Propose it").click()
    expect(engineer.get_by_text("You proposed this version, so somebody else decides.")).to_be_visible()
    assert engineer.get_by_role("button", name=re.compile("in force")).count() == 0

    approver = sign_in("approver")
    approver.goto(engineer.url)
    approver.get_by_label("Why").first.fill("No worse on the locked images, and it learned.")
    approver.get_by_role("button", name=f"Put version {candidate} in force").click()
    expect(approver.get_by_role("heading", level=1)).to_contain_text("Approved")
    assert (
        version_named(engineer, upload(sign_in("uploader"), own_collection, "n.png", slice_png(4100)))
        == candidate
    )

    approver.get_by_role("link", name=re.compile("^Roll back")).click()
    approver.get_by_label("Why").fill("Only a test.")
    approver.get_by_role("button", name="Roll back to version 1").click()
    expect(approver.get_by_text("In force", exact=True).first).to_be_visible()
    assert version_named(engineer, upload(sign_in("uploader"), own_collection, "a.png", slice_png(4101))) == 1


def version_named(page: Page, study: str) -> int:
    """The version that the page of an analysed study names."""
    page.goto(f"/studies/{study}")
    words = page.locator("main").get_by_text(re.compile(r"ersion \d+")).first.inner_text()
    return int(re.search(r"ersion (\d+)", words)[1])
