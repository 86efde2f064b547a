"""The next image comes without leaving the page, in a real Chromium."""

from collections.abc import Iterator
from threading import Event

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.test_reading import Room, enter
from tests.e2e.waiting import ahead

GONE_ON = "() => window.stayed === true"


@pytest.fixture
def room(live_server, transactional_db, page: Page) -> Iterator[Room]:
    from tests.e2e.reading_room import furnish

    yield from enter((live_server.url, *furnish()), page)


def image_at(address: str):
    from classifier.models import Image

    return Image.objects.get(pk=address.split("/")[-2])


def fetched(room: Room, *addresses: str) -> None:
    """Wait until they are there; the browser fetches them when it has nothing else to do."""
    for address in addresses:
        room.page.wait_for_function(
            "(next) => performance.getEntriesByName(new URL(next, location.href).href).some((one) => one.responseEnd)",
            arg=address,
        )


def agree(room: Room, own: str) -> None:
    agree_until_verdict(room, own)
    room.press("a")


def agree_until_verdict(room: Room, own: str) -> None:
    room.press(own, "9", "Enter")
    expect(room.page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(room.page.locator("form.verdict")).to_be_visible()


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
    (following,) = ahead(room.page)
    assert following not in (first, second)
    fetched(room, following)
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


def test_one_answer_brings_the_next_reading_and_its_image_was_there_before(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    first = room.image_ready()
    following = ahead(room.page)
    assert len(following) == len(set(following)) == 2
    assert first not in following
    fetched(room, *following)
    page.wait_for_load_state("networkidle")
    agree_until_verdict(room, "1")
    page.wait_for_load_state("networkidle")
    room.asked.clear()
    with page.expect_response("**/verdict"):
        room.press("a")
    page.wait_for_function(
        "(source) => document.getElementById('viewer').getAttribute('src') === source", arg=following[0]
    )
    room.image_ready()
    page.wait_for_load_state("networkidle")
    assert [
        one for one in room.asked if "/readings/" in one and not one.endswith(("/verdict", "/ahead"))
    ] == []
    assert [one for one in room.asked if one.endswith(following[0])] == []
    # The toast of what was recorded first, then what is on the screen now.
    expect(page.locator("live-region")).to_contain_text("Reading image")
    assert page.evaluate("document.activeElement.id") == "panel"


def test_the_image_is_drawn_while_the_page_is_still_made(room: Room, monkeypatch) -> None:
    """Meanwhile nothing of the reading before stands beside it, and nothing takes a key."""
    from reviews.views import answering

    page, made, show = room.page, Event(), answering.show

    def slowly(*arguments, **options):
        if options.get("whole"):
            assert made.wait(60)
        return show(*arguments, **options)

    monkeypatch.setattr(answering, "show", slowly)
    room.open()
    room.press("n")
    room.image_ready()
    following, _ = ahead(page)
    fetched(room, following)
    address = page.url
    agree(room, "1")
    try:
        viewer = page.locator(f"#viewer[src='{following}'][data-state=ready]")
        expect(viewer).to_be_visible()
        assert viewer.evaluate("viewer => [viewer.maps, viewer.region, viewer.pixels.bits]") == [
            None,
            None,
            8,
        ]
        assert page.url == address
        expect(page.get_by_text("Probably glioma", exact=True)).to_be_hidden()
        room.press("1", "Enter")
    finally:
        made.set()
    page.wait_for_url(lambda url: url != address)
    assert room.image_ready() == following
    expect(page.get_by_role("radio", name="Glioma")).not_to_be_checked()
    expect(page.locator(".leaving, [inert]")).to_have_count(0)


def test_where_the_page_fails_behind_its_headers_the_browser_goes_there(room: Room, monkeypatch) -> None:
    from reviews.views import answering

    show = answering.show

    def broken(*arguments, **options):
        if options.get("whole"):
            raise RuntimeError("broken")
        return show(*arguments, **options)

    monkeypatch.setattr(answering, "show", broken)
    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    page.evaluate("window.stayed = true")
    address = page.url
    agree(room, "1")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()
    assert not page.evaluate(GONE_ON)


def test_an_image_that_somebody_else_took_meanwhile_is_passed_over(room: Room) -> None:
    """What is fetched ahead is claimed by nobody: the server says which image it is."""
    from reviews.services.reading import claim_image
    from tests.factories import make_user

    room.open()
    room.press("n")
    first = room.image_ready()
    second, third = ahead(room.page)
    fetched(room, second)
    other = make_user("other", collection=room.collection, role="radiologist")
    claim_image(reader=other, image=image_at(second))
    address = room.page.url
    agree(room, "1")
    room.page.wait_for_url(lambda url: url != address)
    assert first != room.image_ready() == third
    assert ahead(room.page) == []


def test_an_image_that_was_hidden_meanwhile_is_not_shown(room: Room) -> None:
    from classifier.services.removal import hide_image

    room.open()
    room.press("n")
    room.image_ready()
    second, third = ahead(room.page)
    fetched(room, second)
    hide_image(actor=room.reader, image=image_at(second))
    address = room.page.url
    agree(room, "1")
    room.page.wait_for_url(lambda url: url != address)
    assert room.image_ready() == third


def test_undo_reaches_back_over_the_jump(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    first = room.image_ready()
    address = page.url
    agree(room, "1")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()
    room.press("u")
    page.wait_for_url(address)
    expect(page.locator("form.verdict")).to_be_visible()
    assert page.locator("mri-viewer").get_attribute("src") == first
    assert [said[0] for said in room.said()[0]] == ["first_read", "reveal", "verdict", "withdrawal"]


def test_where_the_next_page_does_not_come_whole_the_browser_goes_there(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    page.evaluate("window.stayed = true")
    address = page.url

    def cut(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().partition("<aside")[0])

    page.route("**/verdict", cut)
    agree(room, "1")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()
    assert not page.evaluate(GONE_ON)
    expect(page.get_by_text("What do you see?")).to_be_visible()


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
