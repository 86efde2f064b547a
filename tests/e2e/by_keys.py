"""Readers who have a keyboard and nothing else. Each says what they see; what they said is kept for comparison."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from playwright.sync_api import BrowserContext, Error, Page, expect

from ml.labels import DISPLAY_NAMES
from reviews.models import Reason, WithdrawalReason
from reviews.views.wording import LABEL_KEYS, NOT_ASSESSABLE, REASON_KEYS, WITHDRAWAL_KEYS
from tests.e2e.conftest import watch
from tests.e2e.waiting import image_ready
from tests.factories import PASSWORD

# A pointer that touches a page is a fault like any other.
POINTERS = "addEventListener('pointerdown', () => console.error('a pointer was used'), { capture: true });"
MOVED_ON = """(before) => {
  const reading = document.getElementById('panel')?.dataset.reading;
  if (reading) return reading !== before;
  return [...document.querySelectorAll('.empty h2')].some((words) => words.textContent === 'All read');
}"""
IN_FOCUS = """() => {
  const { activeElement: one } = document;
  return one?.getAttribute('aria-label') ?? one?.textContent.trim().replace(/\\s+/g, ' ') ?? '';
}"""

# Pauses of a script are where another person's turn comes; what was pressed before one is under way then.
Script = Iterator[None]


def at_once(*scripts: Script) -> None:
    """Have everybody act in turn, each as soon as they can, until all are done."""
    waiting = deque(scripts)
    while waiting:
        script = waiting.popleft()
        with suppress(StopIteration):
            next(script)
            waiting.append(script)


class Person:
    """Somebody at a browser of their own, signed in by keys."""

    def __init__(self, context: BrowserContext, name: str) -> None:
        self.context, self.name = context, name
        self.faults: list[str] = []
        self._entered = 0.0
        self.page = self.new_tab()

    def new_tab(self) -> Page:
        page = self.context.new_page()
        self.faults = watch(page)
        page.add_init_script(POINTERS)
        return page

    def press(self, *keys: str) -> None:
        for key in keys:
            if key == "Enter":
                self._keep_distance()
            self.page.keyboard.press(key)

    def _keep_distance(self) -> None:
        """Two presses of Enter at once are one to the page; a person has seen what the first did."""
        self.page.wait_for_timeout(max(0, 1000 * (self._entered + 0.3 - time.monotonic())))
        self._entered = time.monotonic()

    def tab_to(self, words: str) -> None:
        """Press Tab until something is in focus whose name ends so."""
        for _ in range(150):
            self.press("Tab")
            if self.page.evaluate(IN_FOCUS).endswith(words):
                return
        raise AssertionError(f"No press of Tab leads to “{words}” on {self.page.url}.")

    def sign_in(self) -> None:
        self.page.goto("/")
        expect(self.page.get_by_label("Username")).to_be_focused()
        self.page.keyboard.type(self.name)
        self.press("Tab")
        self.page.keyboard.type(PASSWORD)
        self.press("Enter")
        expect(self.page.get_by_role("heading", name="Collections")).to_be_visible()

    def kill_tab(self) -> None:
        """The tab's process ends as if it had been killed: no script of the page learns of it."""
        with self.page.expect_event("crash"), suppress(Error):
            self.page.goto("chrome://crash")
        self.page.close()
        assert self.faults == []
        self.page = self.new_tab()

    def leave(self) -> None:
        # A save that is still on its way would meet an emptied database.
        self.page.goto("about:blank")
        assert self.faults == []


class Reader(Person):
    """A radiologist.

    Attributes:
        said: what they said of each image, by its identifier: (kind, verdict, label, reason, note), in order.
    """

    def __init__(self, context: BrowserContext, name: str, machine: dict[str, str]) -> None:
        super().__init__(context, name)
        self.machine = machine
        self.said: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        self.image = self.reading = ""

    @property
    def panel(self) -> Any:
        return self.page.locator("#panel")

    def read(self, plan: dict[str, Callable[["Reader"], Script]]) -> Script:
        """From the first page to “All read”, each image as the plan has it."""
        self.sign_in()
        self.tab_to("Worklist")
        self.press("Enter")
        expect(self.page.get_by_role("heading", name="Worklist")).to_be_visible()
        self.page.wait_for_load_state("load")
        self.press("n")
        yield
        while self.arrive():
            expect(self.page.get_by_text("Shown after your first read.")).to_be_visible()
            yield from plan[self.image](self)
            yield

    def arrive(self) -> bool:
        """Wait for another image than the one before; whether there was one."""
        self.page.wait_for_function(MOVED_ON, arg=self.reading)
        if self.panel.count() == 0:
            return False
        self.look()
        return True

    def look(self) -> None:
        """See which image is there."""
        image_ready(self.page)
        self.image = self.page.locator("#viewer").get_attribute("src").split("/")[-2]
        self.reading = self.panel.get_attribute("data-reading")

    # --- What can be said ----------------------------------------------------------------------------------------

    def first_read(self, label: str) -> Script:
        self.press(LABEL_KEYS[label], "9", "Enter")
        yield
        expect(self.page.get_by_role("button", name="Show it")).to_be_visible()
        self._say("first_read", "not_assessable" if label == NOT_ASSESSABLE else "", label)

    def reveal(self) -> Script:
        self.press("Enter")
        yield
        expect(self.page.locator("form.verdict")).to_be_visible()
        self._say("reveal")

    def agree(self, label: str) -> Script:
        """First read, the answer seen, and the own read kept where the machine said the same."""
        yield from self.first_read(label)
        yield from self.reveal()
        self.press("a")
        self._verdict(label)

    def keep(self, label: str, reason: Reason, note: str = "") -> Script:
        """The machine said something else; the own read is kept, with a reason."""
        yield from self.first_read(label)
        yield from self.reveal()
        self.press("a", REASON_KEYS[reason])
        if note:
            self.press("n")
            self.page.keyboard.type(note)
            self.press("Escape")
        self.press("Enter")
        self._verdict(label, reason, note)

    def change(self, label: str) -> Script:
        """The machine said something else, and it is taken over; that, too, needs a reason."""
        yield from self.first_read(label)
        yield from self.reveal()
        self.press("c", REASON_KEYS[Reason.PERSUADED_BY_MODEL], "Enter")
        self._verdict(self.machine[self.image], Reason.PERSUADED_BY_MODEL)

    def neither(self, label: str, other: str) -> Script:
        """Neither what was seen first nor what the machine said."""
        yield from self.first_read(label)
        yield from self.reveal()
        self.press(LABEL_KEYS[other], REASON_KEYS[Reason.MORPHOLOGY], "Enter")
        self._verdict(other, Reason.MORPHOLOGY)

    def describe(self, label: str) -> Script:
        """As `agree`, with how good the image is and where the finding lies."""
        self.press("q", "t")
        self.page.keyboard.type("Temporal")
        self.press("Enter", "r", "ArrowRight", "Escape")
        yield from self.agree(label)

    def take_back_first_read(self, label: str, then: str) -> Script:
        yield from self.first_read(label)
        self.press("u")
        yield
        expect(self.page.get_by_text("What do you see?")).to_be_visible()
        self._say("withdrawal", reason="undo")
        yield from self.agree(then)

    def take_back_verdict(self, label: str, then: str) -> Script:
        """Undone from the page of the next image, and said anew."""
        image, reading = self.image, self.reading
        yield from self.agree(label)
        yield
        assert self.arrive()
        self.press("u")
        yield
        expect(self.page.locator(f"#panel[data-reading='{reading}'] form.verdict")).to_be_visible()
        self.look()
        assert self.image == image
        self._say("withdrawal", reason="undo")
        self.press(LABEL_KEYS[then])
        self._verdict(then)

    def withdraw(self, label: str, reason: WithdrawalReason) -> Script:
        """Taken back with a reason when the next image is there, from the worklist, and said anew."""
        image, reading = self.image, self.reading
        yield from self.agree(label)
        yield
        assert self.arrive()
        self.press("Shift+W")
        expect(self.page.get_by_role("heading", name="Worklist")).to_be_visible()
        self.page.wait_for_load_state("load")
        self.tab_to(f"image {image.replace('-', '')[-8:]}")
        self.press("Enter")
        expect(self.page.locator(f"#panel[data-reading='{reading}'][data-step=done]")).to_be_visible()
        self.look()
        assert self.image == image
        self.press("d")
        expect(self.page.get_by_role("heading", name="Take your verdict back")).to_be_visible()
        self.press(WITHDRAWAL_KEYS[reason], "Enter")
        yield
        expect(self.page.locator("#panel[data-step=verdict]")).to_be_visible()
        self._say("withdrawal", reason=reason)
        self.press(LABEL_KEYS[label])
        self._verdict(label)

    def lose_tab(self, label: str, reason: Reason, note: str) -> Script:
        """The tab is killed over a verdict that is half made; in another tab it is there as it was left."""
        image = self.image
        yield from self.first_read(label)
        yield from self.reveal()
        self.press("a", "n")
        whole = note.replace(" ", "+")
        with self.page.expect_response(lambda answer: whole in (answer.request.post_data or "")) as kept:
            self.page.keyboard.type(note)
        assert kept.value.status == 204
        self.kill_tab()
        yield
        self.page.goto("/")
        expect(self.page.get_by_role("link", name="Go on reading")).to_be_visible()
        self.page.wait_for_load_state("load")
        self.press("n")
        yield
        expect(self.page.get_by_label("Note")).to_have_value(note)
        keep = self.page.get_by_role("radio", name=f"Keep {DISPLAY_NAMES[label].lower()}")
        expect(keep).to_be_checked()
        self.look()
        assert self.image == image
        self.press(REASON_KEYS[reason], "Enter")
        self._verdict(label, reason, note)

    def _say(self, kind: str, verdict: str = "", label: str = "", reason: str = "", note: str = "") -> None:
        label = "" if label == NOT_ASSESSABLE else label
        self.said[self.image].append((kind, verdict, label, reason, note))

    def _verdict(self, label: str, reason: str = "", note: str = "") -> None:
        agrees = label == self.machine[self.image]
        verdict = NOT_ASSESSABLE if label == NOT_ASSESSABLE else "confirm" if agrees else "correct"
        self._say("verdict", verdict, label, str(reason), note)
