"""Quality, location and region beside a label; a verdict amended whole, and taken back with a reason: in a browser."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_reading import Room, enter
from tests.e2e.waiting import image_ready

MARKED = "() => document.getElementById('viewer').region"
POINT = {"shape": "point", "x": 0.51, "y": 0.5}


@pytest.fixture
def room(live_server, transactional_db, page: Page) -> Iterator[Room]:
    from tests.e2e.reading_room import furnish

    yield from enter((live_server.url, *furnish()), page)


def found(room: Room, number: int = -1) -> tuple:
    """What stands in the ledger beside the labels of the room's first reading."""
    event = list(room.reader.readings.order_by("id").first().events.order_by("sequence"))[number]
    shape = event.region["shape"] if event.region else None
    return event.kind, event.label or event.verdict, event.image_quality, event.location, shape


def begin(room: Room) -> None:
    room.open()
    room.press("n")
    room.image_ready()


def place(room: Room) -> None:
    """A limited image, temporal, and a point: by keys."""
    room.press("q", "t")
    room.page.keyboard.type("tempo")
    room.press("Escape", "r", "r", "r", "ArrowRight", "Escape")
    expect(room.page.locator("[data-marked]")).to_have_text("Point marked")


def test_what_is_found_is_said_by_keys_and_an_answer_without_a_finding_leaves_its_place_out(
    room: Room,
) -> None:
    page = room.page
    begin(room)
    expect(page.get_by_role("radio", name="Good")).to_be_checked()
    place(room)
    expect(page.get_by_role("radio", name="Limited")).to_be_checked()
    expect(page.locator("select[name=location]")).to_have_value("temporal")

    # No tumour: nothing is there to place. With another answer it is back.
    room.press("3")
    note = page.locator("#panel").get_by_text(
        "This answer goes without location and region; with another they are back."
    )
    expect(note).to_be_visible()
    expect(page.locator("select[name=location]")).to_be_hidden()
    expect(page.locator("[data-act=region]")).to_be_hidden()
    assert page.evaluate(MARKED) is None
    room.press("2")
    expect(note).to_be_hidden()
    expect(page.locator("select[name=location]")).to_have_value("temporal")
    page.wait_for_function("(point) => document.getElementById('viewer').region?.shape === 'point'")
    assert page.evaluate(MARKED)["shape"] == "point"

    room.press("8", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert found(room) == ("first_read", "meningioma", "limited", "temporal", "point")
    expect(page.locator(".found-words")).to_have_text("Image limited, temporal, point marked")

    # The verdict says the same unless it is changed, folded into one line.
    room.press("Enter")
    line = page.get_by_text("Findings: image limited, temporal, point marked")
    expect(line).to_be_visible()
    room.press("q", "q")
    expect(page.get_by_text("Findings: image good, temporal, point marked")).to_be_visible()
    room.press("c", "m")
    with page.expect_response("**/verdict"):
        room.press("Enter")
    assert found(room) == ("verdict", "glioma", "good", "temporal", "point")


def test_a_first_read_of_no_tumour_keeps_no_place(room: Room) -> None:
    page = room.page
    begin(room)
    place(room)
    room.press("3", "9", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    assert found(room) == ("first_read", "notumor", "limited", "", None)
    assert page.evaluate(MARKED) is None


def test_an_answer_at_once_without_a_finding_keeps_no_place_either(room: Room) -> None:
    page = room.page
    begin(room)
    place(room)
    room.press("1", "9", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(page.locator("form.verdict")).to_be_visible()
    with page.expect_response("**/verdict"):
        room.press("0")
    assert found(room, 0) == ("first_read", "glioma", "limited", "temporal", "point")
    assert found(room) == ("verdict", "not_assessable", "limited", "", None)


def test_a_verdict_is_amended_whole_then_taken_back_and_the_history_tells_it_all(room: Room) -> None:
    page = room.page
    begin(room)
    address = page.url
    place(room)
    room.press("2", "8", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(page.locator("form.verdict")).to_be_visible()
    room.press("a", "l", "n")
    page.keyboard.type("Broad base.")
    with page.expect_response("**/verdict"):
        page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: url != address)
    room.image_ready()

    # Amended: the form holds all that the verdict says, so that to change one thing keeps the rest.
    page.goto(address)
    image_ready(page)
    room.press("c")
    expect(page.get_by_role("heading", name="Amend your verdict")).to_be_visible()
    expect(page.get_by_role("radio", name="Meningioma")).to_be_checked()
    expect(page.get_by_role("radio", name="Location")).to_be_checked()
    expect(page.get_by_label("Note")).to_have_value("Broad base.")
    expect(page.get_by_role("radio", name="Limited")).to_be_checked()
    expect(page.locator("select[name=location]")).to_have_value("temporal")
    assert json.loads(page.locator("form.verdict input[name=region]").input_value())["shape"] == "point"
    room.press("4", "Enter")
    expect(page.get_by_role("heading", name="Your verdict amended")).to_be_visible()
    assert found(room) == ("amendment", "pituitary", "limited", "temporal", "point")
    assert room.said()[0][-1][3:] == ("location", "Broad base.")

    # Taken back: nothing without a reason, and “other” needs a word.
    room.press("d")
    expect(page.get_by_role("heading", name="Take your verdict back")).to_be_visible()
    room.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Say why you take it back: choose a reason.")
    room.press("o")
    expect(page.get_by_label("Note")).to_be_focused()
    page.keyboard.type("Read the wrong image.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("form.verdict .send")).to_be_attached()
    assert room.said()[0][-1] == ("withdrawal", "", "", "other", "Read the wrong image.")

    page.locator(".history summary").click()
    history = "\n".join(page.locator(".history li > span").all_inner_texts())
    for words in (
        "First read: Meningioma, fairly sure · image limited, temporal, point marked",
        "Model’s answer shown (version 1)",
        "Verdict: Meningioma · location · image limited, temporal, point marked · no longer in force",
        "Amended to: Pituitary tumour · location · image limited, temporal, point marked · no longer in force",
        "Verdict taken back · other reason",
        "Read the wrong image.",
    ):
        assert words in history


def test_an_answer_that_is_missing_is_asked_for(room: Room) -> None:
    """C opens the other answers; Enter before one of them is chosen says so, and leaves them open."""
    page = room.page
    begin(room)
    room.press("1", "9", "Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    room.press("Enter")
    expect(page.locator("form.verdict")).to_be_visible()
    room.press("c", "Enter")
    expect(page.get_by_role("alert")).to_have_text("Choose an answer first.")
    expect(page.locator("details.others")).to_have_attribute("open", "")
    room.press("2", "s")
    with page.expect_response("**/verdict"):
        room.press("Enter")
    assert found(room)[:2] == ("verdict", "meningioma")


def test_the_sheet_names_the_keys_and_turns_them_off_and_the_browsers_keys_stay_its_own(room: Room) -> None:
    page = room.page
    begin(room)
    for key in ("Control+1", "Alt+2", "Meta+3", "Control+q"):
        page.keyboard.press(key)
    expect(page.locator("form [name=label]:checked")).to_have_count(0)
    expect(page.get_by_role("radio", name="Good")).to_be_checked()
    room.press("?")
    sheet = page.get_by_role("dialog")
    for words in (
        "Image quality: good, limited, not diagnostic",
        "Location of the finding",
        "Mark a region: box, ellipse, point",
        "Commit the first read",
        "Glioma",
        "Fairly sure",
        "Not assessable",
    ):
        expect(sheet.get_by_text(words, exact=True)).to_be_visible()
    sheet.get_by_label("Use keys in this browser").uncheck()
    room.press("Escape", "1", "q")
    expect(page.locator("form [name=label]:checked")).to_have_count(0)
    expect(page.get_by_role("radio", name="Good")).to_be_checked()
