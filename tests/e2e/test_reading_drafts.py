"""Nothing that a reader enters is lost, and nothing is said twice, in a real Chromium: over a reload, a killed tab, a
session that ends, a network that fails, two presses for one."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.test_reading import Room, enter, to_verdict
from tests.e2e.waiting import image_ready
from tests.factories import PASSWORD

UNSENT = "() => Object.keys(sessionStorage).filter((key) => key.startsWith('unsent:'))"
SHAPE = "(shape) => document.getElementById('viewer').region?.shape === shape"


@pytest.fixture
def furnished(live_server, transactional_db):
    """A room whose reader can sign in by the page."""
    from tests.e2e.reading_room import furnish

    collection, reader = furnish()
    reader.set_password(PASSWORD)
    reader.save()
    return live_server.url, collection, reader


@pytest.fixture
def room(furnished, browser: Browser) -> Iterator[Room]:
    """The console may complain of a network that fails."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield from enter(furnished, context.new_page())


def begin(room: Room) -> None:
    room.open()
    room.press("n")
    room.image_ready()


def fill_in(room: Room) -> None:
    """A whole first read, not committed, and wait until the server has it."""
    room.press("2", "8", "q", "t")
    room.page.keyboard.type("tempo")
    room.press("Escape", "r", "r")
    with room.page.expect_response(
        lambda answer: answer.url.endswith("/draft") and "ellipse" in (answer.request.post_data or "")
    ) as kept:
        room.press("ArrowRight", "Escape")
    assert kept.value.status == 204


def expect_filled_in(page: Page) -> None:
    expect(page.get_by_role("radio", name="Meningioma")).to_be_checked()
    expect(page.get_by_role("radio", name="Fairly sure")).to_be_checked()
    expect(page.get_by_role("radio", name="Limited")).to_be_checked()
    expect(page.locator("select[name=location]")).to_have_value("temporal")
    page.wait_for_function(SHAPE, arg="ellipse")


def end_session(context: BrowserContext) -> None:
    """What an administrator, or time, does to a session."""
    key = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "sessionid")
    import_module(settings.SESSION_ENGINE).SessionStore(key).delete()


def sign_in_again(page: Page, name: str) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")


def verdicts(room: Room) -> list[tuple]:
    return [event for event in room.said()[0] if event[0] == "verdict"]


def test_a_reload_keeps_all_that_was_entered(room: Room) -> None:
    begin(room)
    fill_in(room)
    room.page.evaluate("sessionStorage.clear()")
    room.page.reload()
    image_ready(room.page)
    expect_filled_in(room.page)


def test_a_killed_tab_loses_nothing(room: Room, browser: Browser) -> None:
    """The tab is gone without a word; in another window of the same session the worklist leads back to it."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies(room.page.context.cookies())
        killed = replace(room, page=context.new_page())
        begin(killed)
        fill_in(killed)
        address = killed.page.url
    begin(room)
    assert room.page.url == address
    expect_filled_in(room.page)
    room.press("Enter")
    expect(room.page.get_by_role("button", name="Show it")).to_be_visible()
    event = room.reader.readings.get().events.get()
    assert (event.label, event.confidence, event.image_quality) == ("meningioma", 2, "limited")
    assert (event.location, event.region["shape"]) == ("temporal", "ellipse")


def test_who_is_signed_out_while_writing_signs_in_and_goes_on_where_they_were(room: Room) -> None:
    page = room.page
    to_verdict(room)
    address = page.url
    room.press("c", "m", "n")
    page.keyboard.type("Typed before. ")
    end_session(page.context)
    page.keyboard.type("Typed after.")
    # The autosave says it already, before anything is sent.
    notice = page.get_by_role("alert").filter(has_text="You were signed out.")
    expect(notice).to_contain_text("What you entered stays in this tab")
    page.keyboard.press("Control+Enter")
    expect(notice).to_have_count(1)
    assert not verdicts(room)

    sign_in_again(page, room.reader.username)
    page.wait_for_url(address)
    image_ready(page)
    expect(page.get_by_label("Note")).to_have_value("Typed before. Typed after.")
    expect(page.get_by_role("radio", name="Change to glioma")).to_be_checked()
    with page.expect_response("**/verdict"):
        room.press("Enter")
    page.wait_for_url(lambda url: url != address)
    said = ("verdict", "confirm", "glioma", "persuaded_by_model", "Typed before. Typed after.")
    assert verdicts(room) == [said]
    assert page.evaluate(UNSENT) == []


def test_what_a_tab_keeps_is_nobody_elses(room: Room) -> None:
    """It goes at sign-out, and where another reader sits down at the same tab."""
    page = room.page
    to_verdict(room)
    page.route("**/draft", lambda route: route.abort())
    room.press("n")
    page.keyboard.type("Not for others.")
    page.wait_for_function(f"() => ({UNSENT})().length === 1")
    page.evaluate("sessionStorage.setItem('unsent:somebody:reading:verdict', '{}')")
    page.reload()
    image_ready(page)
    expect(page.get_by_label("Note")).to_have_value("Not for others.")
    kept = page.evaluate(UNSENT)
    assert len(kept) == 1
    assert "somebody" not in kept[0]
    page.locator(".topbar details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate(UNSENT) == []


def test_a_verdict_that_the_network_lost_is_sent_when_it_is_back_and_said_once(room: Room) -> None:
    page = room.page
    to_verdict(room)
    address = page.url
    room.press("a", "e", "n")
    page.keyboard.type("Sent twice, said once.")
    lost: list[Route] = []

    def lose_the_answer(route: Route) -> None:
        """It arrives, and the line breaks before the answer is back."""
        lost.append(route)
        route.fetch()
        route.abort()

    page.route("**/verdict", lose_the_answer, times=1)
    page.keyboard.press("Control+Enter")
    expect(
        page.get_by_role("alert").filter(has_text="Not sent: the server cannot be reached.")
    ).to_be_visible()
    expect(page.get_by_label("Note")).to_have_value("Sent twice, said once.")
    assert len(verdicts(room)) == len(lost) == 1
    page.evaluate("window.dispatchEvent(new Event('online'))")
    page.wait_for_url(lambda url: url != address)
    assert verdicts(room) == [("verdict", "correct", "meningioma", "enhancement", "Sent twice, said once.")]


def test_an_answer_given_off_line_is_sent_by_itself_only_as_it_was_meant(room: Room) -> None:
    page = room.page
    to_verdict(room)
    address = page.url
    room.press("a", "e")
    page.context.set_offline(True)
    room.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not sent")).to_be_visible()
    # What was changed since is not sent by itself.
    room.press("g")
    page.context.set_offline(False)
    with page.expect_response("**/draft"):
        page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.get_by_text("What you changed since is not sent yet.")).to_be_visible()
    assert not verdicts(room)
    page.context.set_offline(True)
    room.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Not sent")).to_be_visible()
    page.context.set_offline(False)
    page.wait_for_url(lambda url: url != address)
    assert [event[3] for event in verdicts(room)] == ["image_quality"]


def test_two_presses_at_once_are_one(room: Room) -> None:
    page = room.page
    begin(room)
    room.press("2", "8")
    for _ in range(3):
        page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert [event[0] for event in room.said()[0]] == ["first_read"]


def test_the_second_of_two_presses_does_not_act_on_a_panel_that_nobody_has_seen(room: Room) -> None:
    """However quick the server is: here the panel is another at the very moment of the second press."""
    page = room.page
    begin(room)
    room.press("2", "8", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    page.wait_for_timeout(300)
    sent = page.evaluate("""async () => {
      const sent = [];
      document.addEventListener("htmx:confirm", (event) => { sent.push(event.detail.path); event.preventDefault(); });
      const press = () => document.body.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true }));
      const renew = () => {
        const panel = document.getElementById("panel");
        const again = panel.cloneNode(true);
        panel.replaceWith(again);
        htmx.process(again);
      };
      press();
      renew();
      press();
      const twice = sent.length;
      await new Promise((done) => setTimeout(done, 300));
      press();
      return [twice, sent.length];
    }""")
    assert sent == [1, 2]
