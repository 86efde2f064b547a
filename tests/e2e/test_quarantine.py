"""Masking in a real Chromium: by pointer, by keys alone, without scripts, in 16 bit; and how the pages look."""

import os
from itertools import product

import numpy as np
import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from tests.e2e.axe import in_both_themes

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = pytest.mark.timeout(240)


class Ward:
    """A collection with images that wait, and its reviewer's browser."""

    def __init__(self, url: str) -> None:
        from tests.factories import make_collection, make_user, make_version
        from tests.quarantined import make_quarantined

        make_version()
        self.url, self.collection = url, make_collection("Neuro")
        self.uploader = make_user("uma", collection=self.collection, role="uploader")
        self.reviewer = make_user("ines", collection=self.collection, role="intake_reviewer")
        self.rows = [
            make_quarantined(self.collection, self.uploader, seed=seed, bits=bits)
            for seed, bits in ((1, 8), (2, 16))
        ]

    def open(self, page: Page, number: int) -> None:
        from tests.e2e.reading_room import sign_in

        sign_in(page.context, self.url, self.reviewer)
        page.goto(self.url + reverse("quarantined", args=[self.rows[number].pk]))

    def pixels(self, number: int) -> np.ndarray:
        """What became of an image."""
        import cv2

        from classifier.selectors import stored_png

        self.rows[number].refresh_from_db()
        return cv2.imdecode(
            np.frombuffer(stored_png(self.rows[number].image), np.uint8), cv2.IMREAD_UNCHANGED
        )


@pytest.fixture
def ward(live_server, transactional_db) -> Ward:
    return Ward(live_server.url)


def boxes(page: Page) -> Locator:
    return page.locator(".mask-box")


def entered(page: Page) -> list[list[int]]:
    values = page.locator("input[name=mask]").evaluate_all("all => all.map((one) => one.value)")
    return [[int(part) for part in value.split(",")] for value in values]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """From one place of the picture to another, in shares of it."""
    place = page.locator(".mask-stage").bounding_box()
    points = [(place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in (start, end)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=5)
    page.mouse.up()


def ready(page: Page) -> None:
    expect(page.locator("mask-editor")).to_have_attribute("data-state", "ready")
    expect(page.locator(".mask-stage canvas")).to_be_visible()


def test_drawn_moved_sized_and_removed_by_pointer(ward: Ward, page: Page) -> None:
    from classifier.selectors.quarantine import rectangles_offered

    ward.open(page, 0)
    ready(page)
    expect(boxes(page)).to_have_count(1)
    offered = rectangles_offered(ward.rows[0])
    assert entered(page) == offered
    drag(page, (0.5, 0.5), (0.75, 0.625))
    expect(boxes(page)).to_have_count(2)
    assert entered(page)[1] == pytest.approx([112, 112, 56, 28], abs=1)
    drag(page, (0.6, 0.55), (0.7, 0.65))
    assert entered(page)[1] == pytest.approx([134, 134, 56, 28], abs=2)
    before = entered(page)[1]
    corner = ((before[0] + before[2]) / 224, (before[1] + before[3]) / 224)
    drag(page, corner, (corner[0] + 0.05, corner[1] + 0.1))
    assert entered(page)[1] == pytest.approx([before[0], before[1], before[2] + 11, before[3] + 22], abs=2)
    page.get_by_role("button", name="Remove rectangle 2").click()
    expect(boxes(page)).to_have_count(1)
    page.get_by_role("button", name="Blacken and let in").click()
    expect(page.get_by_text("This one waits next.")).to_be_visible()
    left, top, width, height = offered[0]
    assert not ward.pixels(0)[top : top + height, left : left + width].any()
    assert ward.pixels(0)[height + top :].any()


def test_in_sixteen_bit_by_keys_alone(ward: Ward, page: Page) -> None:
    ward.open(page, 1)
    ready(page)
    # The first rectangle is what was found; it is moved a pixel down, made wider, and one more is made and put away.
    boxes(page).first.focus()
    left, top, width, height = entered(page)[0]
    for key in ("ArrowDown", "Shift+ArrowRight", "Shift+ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    assert entered(page)[0] == [left, top, width + 2, height]
    page.get_by_role("button", name="Add a rectangle").focus()
    page.keyboard.press("Enter")
    expect(boxes(page)).to_have_count(2)
    expect(boxes(page).nth(1)).to_be_focused()
    for key in ("ArrowLeft", "ArrowLeft", "Shift+ArrowUp"):
        page.keyboard.press(key)
    assert entered(page)[1] == [88, 90, 45, 44]
    expect(boxes(page).nth(1)).to_have_attribute(
        "aria-label", "Rectangle 2: 45 by 44, 88 from the left, 90 from the top."
    )
    page.keyboard.press("Delete")
    expect(boxes(page)).to_have_count(1)
    expect(boxes(page).first).to_be_focused()
    page.get_by_role("button", name="Blacken and let in").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("This one waits next.")).to_be_visible()
    assert ward.pixels(1).dtype == np.uint16
    assert not ward.pixels(1)[top : top + height, left : left + width + 2].any()


def test_a_name_that_stays_visible_is_asked_about(ward: Ward, page: Page) -> None:
    ward.open(page, 0)
    ready(page)
    page.locator("input[name=mask]").first.fill("0, 100, 20, 20")
    page.get_by_role("button", name="Blacken and let in").click()
    expect(page.get_by_role("alert")).to_contain_text("1 marked place stays visible")
    assert entered(page) == [[0, 100, 20, 20]]
    page.get_by_label("Why").fill("It is the coil's name.")
    page.get_by_role("button", name="Blacken and let in").click()
    expect(page.get_by_text("This one waits next.")).to_be_visible()


def test_a_line_that_says_no_rectangle_stays_to_be_put_right(ward: Ward, page: Page) -> None:
    ward.open(page, 0)
    ready(page)
    line = page.locator("input[name=mask]").first
    line.fill("10 10 50 20")
    expect(line).to_have_attribute("aria-invalid", "true")
    expect(boxes(page)).to_have_count(0)
    page.get_by_role("button", name="Blacken and let in").click()
    expect(page.get_by_role("alert")).to_contain_text("Rectangle 1 must be four whole numbers")
    ready(page)
    expect(line).to_have_value("10 10 50 20")
    line.fill("10, 10, 50, 20")
    expect(line).to_have_attribute("aria-invalid", "false")
    expect(boxes(page)).to_have_attribute(
        "aria-label", "Rectangle 1: 50 by 20, 10 from the left, 10 from the top."
    )
    page.get_by_role("button", name="Remove rectangle 1").click()
    expect(line).to_have_count(0)


def test_without_scripts_rectangles_are_typed(ward: Ward, browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        ward.open(page, 0)
        expect(page.get_by_alt_text("The image, with what is written in it")).to_be_visible()
        lines = page.locator("input[name=mask]")
        expect(lines).to_have_count(3)
        lines.nth(1).fill("200, 200, 24, 24")
        page.get_by_role("button", name="Blacken and let in").click()
        expect(page.get_by_text("This one waits next.")).to_be_visible()
    assert not ward.pixels(0)[200:, 200:].any()


def test_the_pages_fit_and_can_be_used_by_everybody(ward: Ward, browser) -> None:
    from classifier.services.quarantine_decisions import mask_quarantined
    from tests.e2e.reading_room import sign_in
    from tests.quarantined import BOX

    mask_quarantined(actor=ward.reviewer, quarantined=ward.rows[1], masks=[BOX])
    shown = {
        "quarantine": reverse("quarantine", args=[ward.collection.pk]),
        "decided": reverse("quarantine", args=[ward.collection.pk]) + "?decided",
        "waits": reverse("quarantined", args=[ward.rows[0].pk]),
        "masked": reverse("quarantined", args=[ward.rows[1].pk]),
        "collection": reverse("collection", args=[ward.collection.pk]),
    }
    folder = os.environ.get("SCREENSHOTS")
    for width, scheme in product((390, 1280), ("light", "dark")):
        with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
            page = context.new_page()
            sign_in(context, ward.url, ward.reviewer)
            for name, address in shown.items():
                page.goto(ward.url + address)
                if name == "waits":
                    ready(page)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
                if folder:
                    page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
                if scheme == "light":
                    assert in_both_themes(page) == [], name
            page.goto("about:blank")
