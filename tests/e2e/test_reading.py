"""A radiologist at the reading page in a real browser: by keys alone, with a network that fails, without scripts."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.waiting import ahead, image_ready, press

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@dataclass
class Room:
    """A collection of three slices, its reader's browser, and all that the browser asked for."""

    page: Page
    address: str
    collection: object
    reader: object
    asked: list[str] = field(default_factory=list)

    def open(self) -> None:
        self.page.on("request", lambda request: self.asked.append(request.url.removeprefix(self.address)))
        self.page.goto(self.address + reverse("worklist", args=[self.collection.pk]))

    def press(self, *keys: str) -> None:
        for key in keys:
            press(self.page, key)

    def image_ready(self) -> str:
        """Wait for the next image; returns its address."""
        expect(self.page.get_by_text("What do you see?")).to_be_visible()
        image_ready(self.page)
        return self.page.locator("mri-viewer").get_attribute("src")

    def said(self) -> list[list[tuple]]:
        """What stands in the ledger, by reading, oldest first."""
        from reviews.models import Reading

        readings = Reading.objects.filter(reader=self.reader).order_by("id")
        return [
            list(reading.events.values_list("kind", "verdict", "label", "reason", "note"))
            for reading in readings
        ]


@pytest.fixture
def furnished(live_server, transactional_db):
    from tests.e2e.reading_room import furnish

    return live_server.url, *furnish()


@pytest.fixture
def room(furnished, page: Page) -> Iterator[Room]:
    yield from enter(furnished, page)


@pytest.fixture
def lossy_room(furnished, browser: Browser) -> Iterator[Room]:
    """A room whose network fails, of which the console may complain."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield from enter(furnished, context.new_page())


def enter(furnished, page: Page) -> Iterator[Room]:
    from tests.e2e.reading_room import sign_in

    address, collection, reader = furnished
    sign_in(page.context, address, reader)
    yield Room(page, address, collection, reader)
    # A save that is still on its way would meet an emptied database.
    page.goto("about:blank")


def test_three_images_by_keys_alone(room: Room) -> None:
    """First read, undo, reveal, map, a correction with its reason, the next by itself, undo of a verdict, the end."""
    page = room.page
    room.open()
    room.press("n")
    first = room.image_ready()
    expect(page.get_by_text("Shown after your first read.")).to_be_visible()

    # A first read, taken back, and another.
    room.press("1", "7", "Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    room.press("u")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    room.press("2", "9", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert page.locator("mri-viewer").evaluate("viewer => viewer.maps") is None
    room.press("Enter")

    # The answer; the map is off until it is asked for.
    expect(page.get_by_text("Probably glioma", exact=True)).to_be_visible()
    expect(
        page.get_by_text("Of 100 held-out images that this version called glioma, 93 were.")
    ).to_be_visible()
    assert page.locator("mri-viewer").evaluate("viewer => viewer.mapState.visible") is False
    room.press("h")
    expect(page.locator("[data-hud=bl]")).to_have_text(
        "map: Glioma · where the model looked, not where the tumour is"
    )
    before = page.locator("mri-viewer").evaluate("viewer => viewer.mapState.opacity")
    room.press("]", "]")
    assert page.locator("mri-viewer").evaluate("viewer => viewer.mapState.opacity") > before

    # The machine is corrected: the own read is kept, with a reason and a note.
    room.press("a", "l", "n")
    page.keyboard.type("Broad dural base 1 2 0.")
    room.press("Escape", "Enter")
    expect(page.get_by_text("Recorded: meningioma.", exact=True)).to_be_visible()
    second = room.image_ready()
    assert second != first

    # Agreement in one key; taken back from the next page; given again.
    room.press("3", "9", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(page.get_by_text("Very probably no tumour", exact=True)).to_be_visible()
    room.press("a")
    expect(page.get_by_text("Recorded: no tumour.", exact=True)).to_be_visible()
    third = room.image_ready()
    room.press("u")
    expect(page.get_by_role("button", name="Keep no tumour")).to_be_visible()
    assert page.locator("mri-viewer").get_attribute("src") == second
    image_ready(page)
    room.press("0")
    expect(page.get_by_text("Recorded: not assessable.", exact=True)).to_be_visible()
    assert room.image_ready() == third

    # The third answer is neither the reader's nor the model's.
    room.press("1", "8", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(page.get_by_role("radio", name="Change to meningioma")).to_be_visible()
    room.press("4")
    expect(page.get_by_role("radio", name="Pituitary tumour")).to_be_checked()
    room.press("s", "Enter")
    expect(page.get_by_role("heading", name="All read")).to_be_visible()

    assert room.said() == [
        [
            ("first_read", "", "glioma", "", ""),
            ("withdrawal", "", "", "undo", ""),
            ("first_read", "", "meningioma", "", ""),
            ("reveal", "", "", "", ""),
            ("verdict", "correct", "meningioma", "location", "Broad dural base 1 2 0."),
        ],
        [
            ("first_read", "", "notumor", "", ""),
            ("reveal", "", "", "", ""),
            ("verdict", "confirm", "notumor", "", ""),
            ("withdrawal", "", "", "undo", ""),
            ("verdict", "not_assessable", "", "", ""),
        ],
        [
            ("first_read", "", "glioma", "", ""),
            ("reveal", "", "", "", ""),
            ("verdict", "correct", "pituitary", "morphology", ""),
        ],
    ]


def test_the_view_stays_from_step_to_step_and_the_next_pixels_are_there(room: Room) -> None:
    page = room.page
    room.open()
    room.press("n")
    shown = room.image_ready()
    room.press("+", "+", "i")
    zoom = page.locator("mri-viewer").evaluate("viewer => viewer.view.zoom")
    room.press("2", "8", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(page.get_by_text("Probably glioma", exact=True)).to_be_visible()
    view = page.locator("mri-viewer").evaluate("viewer => viewer.view")
    assert (view["zoom"], view["inverted"]) == (zoom, True)
    following = ahead(page)
    assert len(following) == 2
    # The browser fetches them when it has nothing else to do.
    for address in following:
        page.wait_for_function(
            "address => performance.getEntriesByType('resource').some((entry) => entry.name.endsWith(address))",
            arg=address,
        )
    fetched = {address for address in room.asked if address.endswith("/pixels.png")}
    assert fetched == {shown, *following}
    # Nothing else of the next images was asked for: they have no reading yet.
    from reviews.models import Reading

    assert Reading.objects.filter(reader=room.reader).count() == 1


def to_verdict(room: Room, own: str = "2") -> None:
    room.open()
    room.press("n")
    room.image_ready()
    room.press(own, "8", "Enter")
    expect(room.page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(room.page.get_by_text("Probably glioma", exact=True)).to_be_visible()


def test_a_lost_network_loses_nothing(lossy_room: Room) -> None:
    room, page = lossy_room, lossy_room.page
    to_verdict(room)
    page.route("**/readings/**", lambda route: route.abort())
    room.press("a", "e", "n")
    page.keyboard.type("Typed before the line went.")
    lost = page.get_by_text("Not sent: the server cannot be reached.")
    for key in ("Control+Enter", "Enter"):
        with page.expect_event("requestfailed", lambda request: request.url.endswith("/verdict")):
            page.keyboard.press(key)
        # A step that is under way takes no second press.
        expect(page.locator("form.verdict .primary")).to_be_enabled()
        expect(lost).to_have_count(1)
    expect(page.get_by_label("Note")).to_have_value("Typed before the line went.")
    page.unroute("**/readings/**")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Recorded: meningioma.", exact=True)).to_be_visible()
    assert room.said()[0][-1] == (
        "verdict",
        "correct",
        "meningioma",
        "enhancement",
        "Typed before the line went.",
    )


def test_a_session_that_ran_out_loses_nothing(room: Room) -> None:
    """The note is there again after signing in."""
    from tests.e2e.reading_room import sign_in

    page = room.page
    to_verdict(room)
    page.context.clear_cookies(name="sessionid")
    room.press("c", "n")
    page.keyboard.type("Typed too late.")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("You were signed out.").first).to_be_visible()
    sign_in(page.context, room.address, room.reader)
    page.reload()
    page.wait_for_selector("mri-viewer[data-state=ready]")
    expect(page.get_by_label("Note")).to_have_value("Typed too late.")
    expect(page.get_by_role("radio", name="Change to glioma")).to_be_checked()
    room.press("m", "Enter")
    expect(page.get_by_text("Recorded: glioma.", exact=True)).to_be_visible()
    assert room.said()[0][-1] == ("verdict", "confirm", "glioma", "persuaded_by_model", "Typed too late.")


def test_who_signs_in_again_beside_the_page_sends_as_if_nothing_had_been(room: Room) -> None:
    """Signing in changes the CSRF token; the one that is written in the page's form is the old one."""
    page = room.page
    to_verdict(room)
    page.context.add_cookies([{"name": "csrftoken", "value": "a" * 32, "url": room.address}])
    room.press("a", "l")
    with page.expect_response("**/draft") as kept:
        room.press("n")
        page.keyboard.type("Still here.")
    assert kept.value.status == 204
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Recorded: meningioma.", exact=True)).to_be_visible()


def test_a_refusal_is_said_where_one_looks(room: Room) -> None:
    page = room.page
    to_verdict(room)
    # As when somebody makes the note taller by hand: the style must not be carried over, the CSP forbids it.
    page.get_by_label("Note").evaluate("note => { note.style.height = '80px'; }")
    room.press("h", "c", "Enter")
    refusal = page.get_by_role("alert")
    expect(refusal).to_have_text("You changed your first read. Say why: choose a reason.")
    assert page.locator("mri-viewer").evaluate("viewer => viewer.mapState.visible")
    room.press("l", "Enter")
    expect(page.get_by_text("Recorded: glioma.", exact=True)).to_be_visible()


HITS = """() => [...document.querySelectorAll('.verdict .choice')].filter((one) => one.checkVisibility()).map((one) => {
  const { x, y, width, height } = one.getBoundingClientRect();
  const hit = one.contains(document.elementFromPoint(x + width / 2, y + height / 2));
  return [one.innerText.trim().split("\\n")[0], hit];
})"""


@pytest.mark.parametrize(
    ("own", "opens", "offered"),
    [
        (
            "1",
            "c",
            ["Keep glioma", "Change…", "Meningioma", "No tumour", "Pituitary tumour", "Not assessable"],
        ),
        (
            "2",
            "d",
            [
                "Keep meningioma",
                "Change to glioma",
                "Other…",
                "No tumour",
                "Pituitary tumour",
                "Not assessable",
            ],
        ),
    ],
)
def test_every_answer_can_be_hit_with_the_pointer(
    room: Room, own: str, opens: str, offered: list[str]
) -> None:
    """Unfolded, the answers lie side by side: none covers another, keep and change weigh the same."""
    page = room.page
    to_verdict(room, own)
    assert all(hit for _, hit in page.evaluate(HITS))
    room.press(opens)
    expect(page.locator("details.others")).to_have_attribute("open", "")
    hits = page.evaluate(HITS)
    assert [words for words, hit in hits if hit] == offered
    keep, change = (
        page.locator(f".verdict .choice:has-text('{words}')").bounding_box() for words in offered[:2]
    )
    assert (keep["width"], keep["height"], keep["y"]) == (change["width"], change["height"], change["y"])


def test_what_is_typed_is_kept_by_the_server(room: Room) -> None:
    page = room.page
    to_verdict(room)
    room.press("n")
    # A browser held up between two letters sends the first of them by themselves.
    whole = "Half+a+thought"
    with page.expect_response(lambda answer: whole in (answer.request.post_data or "")) as kept:
        page.keyboard.type("Half a thought")
    assert kept.value.status == 204
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("Half a thought")


def test_a_reading_without_scripts(furnished, browser: Browser) -> None:
    """Plain forms do the same: first read, reveal, verdict, the next image, an undo, an amendment."""
    from tests.e2e.reading_room import sign_in

    address, collection, reader = furnished
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1280, "height": 800})
    sign_in(context, address, reader)
    page = context.new_page()
    page.goto(address + reverse("worklist", args=[collection.pk]))
    page.get_by_role("button", name="Read next").click()
    page.locator("label", has_text="Meningioma").click()
    page.locator("label", has_text="Fairly sure").click()
    page.get_by_role("button", name="Commit first read").click()
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_text("Probably glioma", exact=True)).to_be_visible()
    page.locator("summary", has_text="Other…").click()
    page.locator("label", has_text="Pituitary tumour").click()
    page.locator("label.chip", has_text="Location").click()
    page.get_by_label("Note").fill("Above the sella.")
    page.get_by_role("button", name="Give verdict").last.click()
    expect(page.get_by_text("Recorded: pituitary tumour.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.locator("label", has_text="Change to glioma").click()
    page.get_by_role("button", name="Give verdict").last.click()
    expect(page.get_by_role("alert")).to_contain_text("Say why")
    page.locator("label.chip", has_text="Location").click()
    page.get_by_role("button", name="Give verdict").last.click()
    page.goto(address + reverse("worklist", args=[collection.pk]))
    page.get_by_role("link", name="Amend image").click()
    page.locator("label", has_text="Not assessable").click()
    page.get_by_role("button", name="Amend").click()
    expect(page.get_by_role("heading", name="Your verdict amended")).to_be_visible()
    context.close()
    kinds = list(reader.readings.order_by("id").first().events.values_list("kind", flat=True))
    assert kinds == ["first_read", "reveal", "verdict", "withdrawal", "verdict", "amendment"]
