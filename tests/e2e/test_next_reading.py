"""The next image comes without leaving the page, in a real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.test_reading import Room, enter

GONE_ON = "() => window.stayed === true"


@pytest.fixture
def room(live_server, transactional_db, page: Page) -> Iterator[Room]:
    from tests.e2e.reading_room import furnish

    yield from enter((live_server.url, *furnish()), page)


def agree(room: Room, own: str) -> None:
    room.press(own, "9", "Enter")
    expect(room.page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(room.page.locator("form.verdict")).to_be_visible()
    room.press("a")


def test_the_next_image_comes_in_place_with_all_that_belongs_to_it(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    first = room.image_ready()
    page.evaluate("window.stayed = true")
    address, title = page.url, page.title()
    agree(room, "1")
    page.wait_for_url(lambda url: url != address)
    second = room.image_ready()
    assert page.evaluate(GONE_ON)
    assert second != first
    assert page.url != address
    assert page.title() != title
    assert page.locator("mri-viewer").evaluate("viewer => viewer.maps") is None
    expect(page.get_by_text("Shown after your first read.")).to_be_visible()
    expect(page.locator(".topbar")).to_contain_text("1 of 3")
    # Keys, draft and the following image belong to the new reading.
    following = page.locator("#reading-script").get_attribute("data-next")
    assert following not in (first, second)
    page.wait_for_function(
        "(next) => performance.getEntriesByName(new URL(next, location.href).href).length", arg=following
    )
    with page.expect_response("**/draft") as kept:
        room.press("3")
    assert kept.value.url.startswith(page.url)
    between = page.url
    agree(room, "3")
    page.wait_for_url(lambda url: url not in (address, between))
    assert page.evaluate(GONE_ON)
    said = [reading[-1][:3] for reading in room.said()[:2]]
    assert said == [("verdict", "confirm", "glioma"), ("verdict", "confirm", "notumor")]


def test_the_way_back_shows_the_reading_before_as_it_stands(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    first = room.image_ready()
    address = page.url
    agree(room, "1")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()
    page.go_back()
    page.wait_for_url(address)
    expect(page.get_by_role("heading", name="Your verdict given")).to_be_visible()
    assert page.locator("mri-viewer").get_attribute("src") == first


def test_where_the_next_page_does_not_come_the_browser_goes_there(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    page.evaluate("window.stayed = true")
    address, broken = page.url, []

    def fail_once(route) -> None:
        if route.request.resource_type == "fetch" and not broken:
            broken.append(route.request.url)
            route.fulfill(status=200, content_type="text/html", body="<p>something else</p>")
        else:
            route.continue_()

    page.route("**/readings/*", fail_once)
    agree(room, "1")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()
    assert broken
    assert not page.evaluate(GONE_ON)
    assert page.url == broken[0]


def test_keys_pressed_before_the_scripts_have_run_wait_for_them(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    held: list[Route] = []
    page.route("**/mri-viewer*.js", lambda route: held.append(route))
    page.reload(wait_until="commit")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    # The module of the keys runs before that of the viewer, which is still on its way.
    expect(page.locator("[data-key][aria-keyshortcuts]").first).to_be_attached()
    page.evaluate("window.stayed = true")
    for key in ("1", "9", "Enter"):
        page.keyboard.press(key)
    assert len(held) == 1
    expect(page.get_by_role("radio", name="Glioma")).not_to_be_checked()
    held[0].continue_()
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert page.evaluate(GONE_ON)
