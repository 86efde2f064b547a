"""Marking a region in a real Chromium: by mouse, by finger, by keys; off, the tool takes nothing."""

import numpy as np
import pytest

from tests.e2e.pictures import ramp, write_png
from tests.e2e.test_viewer import grey_at, open_viewer, viewer

PLACE = """(() => { const { x, y, width, height } = v.place, stage = v.stage.getBoundingClientRect();
  return [x + stage.x, y + stage.y, width, height]; })()"""
HEAR = """() => { window.told = [];
  document.addEventListener("viewer:region", (event) => window.told.push(event.detail.region)); }"""
YELLOW = [255, 212, 121, 255]


@pytest.fixture
def marking(page, gallery):
    """A wide image on the reading page, what it tells, and the tool taken up."""
    write_png(gallery.images / "wide.png", ramp((96, 192), 8))
    open_viewer(page, gallery.address, "wide.png")
    page.evaluate(HEAR)
    page.keyboard.press("r")
    return page


def at(page, x: float, y: float) -> tuple[float, float]:
    """Where on the page a place of the image lies, given in shares."""
    left, top, width, height = viewer(page, PLACE)
    return left + x * width, top + y * height


def drag(page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


def near(**expected: float):
    return pytest.approx(expected, abs=0.004)


def numbers(region: dict) -> dict[str, float]:
    return {name: value for name, value in region.items() if name != "shape"}


def test_a_box_is_dragged_moved_and_sized_by_its_corner(marking):
    page = marking
    window = viewer(page, "v.window")
    drag(page, (0.2, 0.3), (0.5, 0.7))
    region = viewer(page, "v.region")
    assert region["shape"] == "box"
    assert numbers(region) == near(x=0.35, y=0.5, width=0.3, height=0.4)
    drag(page, (0.35, 0.5), (0.45, 0.4))
    assert numbers(viewer(page, "v.region")) == near(x=0.45, y=0.4, width=0.3, height=0.4)
    drag(page, (0.6, 0.6), (0.7, 0.8))
    assert numbers(viewer(page, "v.region")) == near(x=0.5, y=0.5, width=0.4, height=0.6)
    assert page.evaluate("window.told.length") == 3
    assert page.evaluate("window.told.at(-1)") == viewer(page, "v.region")
    assert viewer(page, "v.window") == window


def test_what_is_marked_is_drawn_where_it_lies_at_any_zoom(marking):
    page = marking
    drag(page, (0.25, 0.25), (0.75, 0.75))
    for zoom in (1, 0.8, 1.5):
        viewer(page, "v.zoomBy(a)", zoom)
        left, top, width, height = viewer(page, "(({x, y, width, height}) => [x, y, width, height])(v.place)")
        region = viewer(page, "v.region")
        x = left + (region["x"] - region["width"] / 2) * width
        y = top + (region["y"] - region["height"] / 2) * height
        middle = (x, top + region["y"] * height), (left + region["x"] * width, y)
        assert all(colour[0] > 200 and colour[2] < 200 for colour in grey_at(page, list(middle)))
        inside = grey_at(page, [(left + 0.45 * width, top + 0.55 * height)])[0]
        assert inside[0] == inside[1] == inside[2]


def test_off_a_drag_sets_the_window_and_the_region_stays(marking):
    page = marking
    drag(page, (0.2, 0.2), (0.4, 0.4))
    region, window = viewer(page, "v.region"), viewer(page, "v.window")
    page.keyboard.press("Escape")
    drag(page, (0.3, 0.3), (0.5, 0.6))
    assert viewer(page, "v.region") == region
    assert viewer(page, "v.window") != window
    page.keyboard.press("ArrowLeft")
    assert viewer(page, "v.region") == region
    assert viewer(page, "v.view.fitted") is False


def test_keys_alone_mark_move_size_change_and_remove(marking):
    page = marking
    assert viewer(page, "v.region") is None
    page.keyboard.press("ArrowRight")
    assert viewer(page, "v.region") == {"shape": "box", "x": 0.51, "y": 0.5, "width": 0.25, "height": 0.25}
    for key in ("ArrowUp", "ArrowUp", "Shift+ArrowRight", "Shift+ArrowDown"):
        page.keyboard.press(key)
    region = viewer(page, "v.region")
    assert region == {"shape": "box", "x": 0.51, "y": 0.48, "width": 0.27, "height": 0.23}
    page.keyboard.press("r")
    assert viewer(page, "v.region") == region | {"shape": "ellipse"}
    page.keyboard.press("r")
    assert viewer(page, "v.region") == {"shape": "point", "x": 0.51, "y": 0.48}
    page.keyboard.press("ArrowDown")
    assert viewer(page, "v.region") == {"shape": "point", "x": 0.51, "y": 0.49}
    page.keyboard.press("Delete")
    assert viewer(page, "v.region") is None
    assert page.evaluate("window.told.at(-1)") is None
    page.keyboard.press("r")
    assert viewer(page, "v.marker.active") is False
    page.keyboard.press("ArrowDown")
    assert viewer(page, "v.region") is None


def test_a_region_never_leaves_the_image(marking):
    page = marking
    drag(page, (0.7, 0.7), (1.3, 1.4))
    assert numbers(viewer(page, "v.region")) == near(x=0.85, y=0.85, width=0.3, height=0.3)
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowRight")
    region = viewer(page, "v.region")
    for position, side in (("x", "width"), ("y", "height")):
        assert region[position] - region[side] / 2 >= -1e-9
        assert region[position] + region[side] / 2 <= 1 + 1e-9
    assert region["width"] <= 1


def test_nothing_is_marked_by_a_slip(marking):
    page = marking
    drag(page, (0.5, 0.5), (0.501, 0.501))
    assert viewer(page, "v.region") is None
    assert page.evaluate("window.told") == []
    assert any(colour == YELLOW for colour in dashed(page))


def dashed(page) -> list[list[int]]:
    """Colours along the edge of what the keys would start from: shown dashed, not marked."""
    left, top, width, height = viewer(page, "(({x, y, width, height}) => [x, y, width, height])(v.place)")
    edge = np.linspace(0.4, 0.6, 60)
    return grey_at(page, [(left + x * width, top + 0.375 * height) for x in edge])


def test_fingers_mark_and_two_of_them_zoom_instead(browser, gallery):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    open_viewer(page, gallery.address, "ramp8.png", 390, 844)
    page.evaluate(HEAR)
    page.locator("[data-act=region]").tap()
    touch = context.new_cdp_session(page)

    def send(kind: str, *places: tuple[float, float]) -> None:
        points = [
            {"x": x, "y": y, "id": number}
            for number, (x, y) in enumerate(at(page, *place) for place in places)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", (0.2, 0.2))
    send("touchMove", (0.4, 0.5))
    send("touchMove", (0.6, 0.8))
    send("touchEnd")
    assert numbers(viewer(page, "v.region")) == pytest.approx(
        {"x": 0.4, "y": 0.5, "width": 0.4, "height": 0.6}, abs=0.02
    )
    told, zoom = page.evaluate("window.told.length"), viewer(page, "v.view.zoom")
    region = viewer(page, "v.region")
    send("touchStart", (0.3, 0.9))
    send("touchStart", (0.3, 0.9), (0.7, 0.9))
    send("touchMove", (0.2, 0.9), (0.8, 0.9))
    send("touchEnd")
    assert viewer(page, "v.region") == region
    assert page.evaluate("window.told.length") == told
    assert viewer(page, "v.view.zoom") > zoom
    page.locator("[data-act=unmark]").tap()
    assert viewer(page, "v.region") is None
    context.close()


def test_a_known_region_is_shown_and_nobody_is_told(marking):
    page = marking
    given = {"shape": "ellipse", "x": 0.4, "y": 0.6, "width": 0.2, "height": 0.1}
    viewer(page, "v.region = a", given)
    assert viewer(page, "v.region") == given
    assert page.evaluate("window.told") == []
    viewer(page, "v.region = null")
    assert viewer(page, "v.region") is None


@pytest.mark.parametrize(
    "given",
    [
        {"shape": "star", "x": 0.5, "y": 0.5},
        {"shape": "box", "x": 0.5, "y": 0.5},
        {"shape": "box", "x": 0.5, "y": 0.5, "width": 0, "height": 0.1},
        {"shape": "point", "x": 1.5, "y": 0.5},
        {"shape": "point", "x": None, "y": 0.5},
    ],
)
def test_a_malformed_region_is_refused(page, gallery, given):
    open_viewer(page, gallery.address, "flat.png")
    attempt = "(() => { try { v.region = a; return false; } catch (error) { return error.message; } })()"
    assert viewer(page, attempt, given).startswith("The region")


def test_without_the_attribute_there_is_no_tool(page, gallery):
    page.goto(f"{gallery.address}/page/viewer?image=ramp8.png")
    page.wait_for_selector("mri-viewer[data-state=ready]")
    page.keyboard.press("r")
    assert page.is_hidden("[data-act=region]")
    assert viewer(page, "v.marker.active") is False


def test_the_browsers_keys_stay_the_browsers(marking):
    page = marking
    page.evaluate(
        """() => { window.taken = [];
             document.addEventListener("keydown", (e) => window.taken.push([e.key, e.defaultPrevented])); }"""
    )
    page.locator(".viewer-stage").focus()
    for modifier in ("ctrlKey", "altKey", "metaKey"):
        for key in ("ArrowLeft", "Delete", "r", "f", "j", "+", "-", "0", "h"):
            # Not the real combination, which the browser would act on: the event as a page gets it.
            page.evaluate(
                """([key, modifier]) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown",
                     {key, bubbles: true, cancelable: true, [modifier]: true}))""",
                [key, modifier],
            )
    assert [key for key, prevented in page.evaluate("window.taken") if prevented] == []
    assert viewer(page, "v.region") is None


def test_keys_can_be_turned_off(marking):
    page = marking
    page.evaluate("document.documentElement.dataset.keys = 'off'")
    before = viewer(page, "v.view")
    page.locator("main").focus()
    for key in ("r", "f", "i", "v", "+"):
        page.keyboard.press(key)
    assert viewer(page, "v.view") == before
    assert viewer(page, "v.marker.shape") == "box"
