"""Results taken away as people do it: from a study's page and the list of studies, at a desk and on a phone."""

import csv
import os
import zipfile
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Page, expect

from mriplatform.demo.slices import draw_slice
from tests.e2e.axe import in_both_themes
from tests.e2e.portal import upload
from tests.pictures import png

pytestmark = pytest.mark.timeout(300)
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


def taken(page: Page, name: str, folder: Path) -> Path:
    """What a link gives, as a file."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def look(page: Page, name: str) -> None:
    """No serious fault for who cannot see or hold it as others do, and nothing too wide for a phone."""
    for width, viewport in (("1280", DESK), ("390", PHONE)):
        page.set_viewport_size(viewport)
        assert page.evaluate(TOO_WIDE) <= 0
        assert in_both_themes(page) == []
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)
    page.set_viewport_size(DESK)


def test_an_engineer_takes_a_study_away_and_nobody_else_is_led_to_it(
    own_collection, sign_in, tmp_path
) -> None:
    study = upload(sign_in("uploader"), own_collection, "slice.png", png(draw_slice("glioma", "axial", 71)))
    page = sign_in("engineer")
    page.goto(f"/studies/{study}")
    expect(page.locator("#answer .said")).to_be_visible()
    look(page, "results-study")
    report, shown = taken(page, "Report", tmp_path), taken(page, "Map", tmp_path)
    image = pydicom.dcmread(taken(page, "Image", tmp_path))
    said, picture = pydicom.dcmread(report), pydicom.dcmread(shown)
    assert (said.Modality, said.VerificationFlag) == ("SR", "UNVERIFIED")
    assert picture.ImageComments == "Where the model looked, not where the tumour is."
    assert len({file.StudyInstanceUID for file in (said, picture, image)}) == 1
    with zipfile.ZipFile(taken(page, "Whole study (ZIP)", tmp_path)) as archive:
        assert archive.namelist() == ["report.dcm", "images/0001.dcm", "maps/0001.dcm"]

    page.goto(f"/collections/{own_collection}")
    look(page, "results-collection")
    with taken(page, "CSV", tmp_path).open(newline="") as table:
        (row,) = csv.DictReader(table)
    assert (row["study"], row["status"], row["final_label"]) == (study, "succeeded", "")

    for name in ("radiologist", "uploader"):
        other = sign_in(name)
        other.goto(f"/studies/{study}")
        expect(other.get_by_role("heading", name="The model")).to_be_visible()
        expect(other.get_by_role("link", name="Report", exact=True)).to_have_count(0)
        status = other.request.get(f"/studies/{study}/results.zip").status
        assert status == {"radiologist": 403, "uploader": 409}[name]
