"""A region is marked by keys, survives a reload, and stands in the ledger with what was said: in a real Chromium."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_reading import Room, enter

MARKED = "() => document.getElementById('viewer').region"


@pytest.fixture
def room(live_server, transactional_db, page: Page) -> Iterator[Room]:
    from tests.e2e.reading_room import furnish

    yield from enter((live_server.url, *furnish()), page)


def test_what_is_marked_is_kept_said_and_shown_again(room: Room) -> None:
    from reviews.models import ReviewEvent

    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    with page.expect_response("**/draft"):
        room.press("r", "ArrowRight", "ArrowUp", "Shift+ArrowRight")
    marked = page.evaluate(MARKED)
    assert marked == {"shape": "box", "x": 0.51, "y": 0.49, "width": 0.27, "height": 0.25}

    page.evaluate("sessionStorage.clear()")
    page.reload()
    page.wait_for_function("() => document.getElementById('viewer').region")
    assert page.evaluate(MARKED) == marked
    room.image_ready()

    # Keys of the form work while the tool is taken up.
    room.press("r", "1", "9", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert ReviewEvent.objects.get(kind="first_read").region == marked
    expect(page.locator("[data-act=region]")).to_be_hidden()
    assert page.evaluate(MARKED) == marked
    room.press("Enter")
    expect(page.locator("form.verdict")).to_be_visible()
    expect(page.locator("[data-act=region]")).to_be_visible()
    room.press("r", "r", "Escape")
    assert json.loads(page.locator("form.verdict input[name=region]").input_value())["shape"] == "ellipse"
    address = page.url
    room.press("a")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()
    assert ReviewEvent.objects.get(kind="verdict").region == marked | {"shape": "ellipse"}
    assert page.evaluate(MARKED) is None
