"""The time that a reader works on a step, by a clock that the test holds: time away and idle time are left out."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.e2e.test_reading import Room, enter

HIDE = """(hidden) => {
  Object.defineProperty(document, "visibilityState", { value: hidden ? "hidden" : "visible", configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
LEAVE = """(away) => {
  document.hasFocus = () => !away;
  window.dispatchEvent(new Event(away ? "blur" : "focus"));
}"""


@pytest.fixture
def room(live_server, transactional_db, page: Page) -> Iterator[Room]:
    from tests.e2e.reading_room import furnish

    page.clock.install()
    yield from enter((live_server.url, *furnish()), page)


def spent(room: Room, key: str) -> int:
    """What the step's field says after a key, which is when it is written."""
    room.press(key)
    return int(room.page.locator("#panel input[name=active_ms]").input_value())


def test_time_away_and_idle_time_are_left_out(room: Room) -> None:
    from reviews.models import Reading, ReviewEvent

    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    # The server keeps no more than went by: it shall think that an hour did.
    Reading.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 2)
    begun = spent(room, "1")

    page.clock.run_for(10_000)
    assert spent(room, "2") == begun + 10_000
    # Half a minute of looking counts, what is longer does not.
    page.clock.run_for(100_000)
    assert spent(room, "1") == begun + 40_000
    page.evaluate(HIDE, True)
    page.clock.run_for(20_000)
    page.evaluate(HIDE, False)
    assert spent(room, "2") == begun + 40_000
    page.evaluate(LEAVE, True)
    page.clock.run_for(20_000)
    page.evaluate(LEAVE, False)
    assert spent(room, "1") == begun + 40_000
    # To move is to work: a minute with a movement in the middle is a minute.
    page.clock.run_for(25_000)
    page.mouse.move(300, 300)
    page.clock.run_for(25_000)
    assert spent(room, "9") == begun + 90_000

    page.clock.run_for(5_000)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert ReviewEvent.objects.get().active_ms == begun + 95_000

    # The next step counts anew.
    page.clock.run_for(4_000)
    with page.expect_request("**/reveal") as sent:
        page.keyboard.press("Enter")
    assert "active_ms=4000" in sent.value.post_data


def test_a_reload_goes_on_counting(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    room.image_ready()
    page.clock.fast_forward(20_000)
    begun = time.monotonic()
    before = spent(room, "1")
    page.reload()
    room.image_ready()
    after = spent(room, "2")
    assert 20_000 <= before <= after <= before + (time.monotonic() - begun) * 1000

    # Also where the tab has nothing of it any more: the draft holds it.
    with page.expect_response(lambda answer: answer.url.endswith("/draft") and answer.ok):
        later = spent(room, "3")
    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    page.go_back()
    room.image_ready()
    assert spent(room, "1") >= later
