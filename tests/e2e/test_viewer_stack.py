"""The images of one study behind each other, full screen, the layout: in a real Chromium."""

import numpy as np
import pytest

from tests.e2e.pictures import write_png
from tests.e2e.test_viewer import open_viewer, viewer

# As the browser counts them: what follows a key at once is not a shift. Each with the text that moved.
SHIFTS = """() => { window.shift = []; new PerformanceObserver((list) => {
  for (const { value, sources, hadRecentInput } of list.getEntries()) if (!hadRecentInput)
    window.shift.push([value, ...sources.map((one) => one.node?.textContent.trim().slice(0, 60))]);
  }).observe({ type: "layout-shift", buffered: true }); }"""


@pytest.fixture
def stack(page, gallery):
    """Five flat images of different greys; the third is being read."""
    for number in range(1, 6):
        write_png(gallery.images / f"s{number}.png", np.full((64, 64), 40 * number, np.uint8))
    names = [f"s{number}.png" for number in range(1, 6)]
    open_viewer(page, gallery.address, "s3.png" + "".join(f"&stack={name}" for name in names))
    page.wait_for_selector("mri-viewer[data-state=ready]")
    return page


def shown(page, number: int) -> None:
    """Wait until this image of the stack is on the screen."""
    page.wait_for_function(
        """(n) => { const v = document.querySelector("mri-viewer");
             return v.dataset.state === "ready" && v.pixels.data[0] === 40 * n; }""",
        arg=number,
    )


def note(page) -> str:
    return page.inner_text("mri-viewer > .hud[data-hud=bl]")


def test_keys_and_wheel_turn_the_images_over_and_say_which_is_read(stack):
    page = stack
    assert note(page) == ""
    page.keyboard.press("j")
    shown(page, 4)
    assert "only looked at · you are reading image 3" in note(page)
    assert "image 4 of 5" in page.inner_text("mri-viewer > .hud[data-hud=tr]")
    for _ in range(4):
        page.keyboard.press("j")
    shown(page, 5)
    page.keyboard.press("z")
    shown(page, 3)
    assert note(page) == ""
    page.mouse.move(500, 300)
    page.mouse.wheel(0, -100)
    shown(page, 2)
    page.mouse.wheel(0, 100)
    shown(page, 3)
    zoom = viewer(page, "v.view.zoom")
    page.keyboard.down("Shift")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Shift")
    page.wait_for_function("(z) => document.querySelector('mri-viewer').view.zoom > z", arg=zoom)
    shown(page, 3)


def test_zoom_place_and_a_chosen_window_stay_from_image_to_image(stack):
    page = stack
    viewer(page, "(v.zoomBy(3), v.panBy(40, 10), v.setWindow(90, 120), v.invert(true))")
    view = viewer(page, "v.view")
    page.keyboard.press("k")
    shown(page, 2)
    assert viewer(page, "v.view") == view
    assert viewer(page, "v.window") == {"center": 90, "width": 120}


def test_map_and_region_belong_to_the_image_that_is_read(stack):
    page = stack
    page.keyboard.press("r")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("h")
    assert viewer(page, "v.mapState.visible") is True
    page.keyboard.press("j")
    shown(page, 4)
    assert viewer(page, "v.marker.active") is False
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    data = viewer(
        page, "Array.from(v.canvas.getContext('2d').getImageData(0, 0, v.canvas.width, v.canvas.height).data)"
    )
    colours = np.array(data).reshape(-1, 4)
    assert (colours[:, 0] == colours[:, 1]).all()
    assert (colours[:, 1] == colours[:, 2]).all()
    page.keyboard.press("h")
    shown(page, 3)
    assert viewer(page, "v.mapState.visible") is True
    assert viewer(page, "v.region.shape") == "box"


def test_nothing_but_pixels_is_asked_for_and_the_neighbours_before_they_are_needed(page, gallery):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for number in range(1, 6):
        write_png(gallery.images / f"s{number}.png", np.full((64, 64), 40 * number, np.uint8))
    open_viewer(page, gallery.address, "s3.png" + "".join(f"&stack=s{n}.png" for n in range(1, 6)))
    page.wait_for_selector("mri-viewer[data-state=ready]")
    page.wait_for_load_state("networkidle")
    asked.clear()
    for number in (4, 5, 4, 3, 2, 1):
        page.keyboard.press("j" if number > viewer(page, "v.stack.at + 1") else "k")
        shown(page, number)
    assert asked == []


def test_one_image_alone_has_no_others_and_its_wheel_zooms(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    assert page.is_hidden("[data-act=on]")
    assert page.is_hidden("[data-act=home]")
    page.keyboard.press("j")
    assert viewer(page, "v.getAttribute('src')") == "/image/ramp8.png"


def test_presets_by_one_key(page, gallery):
    open_viewer(page, gallery.address, "ramp16.png&center=600&width=1200")
    presets = viewer(page, "v.picture.presets")
    seen = []
    for _ in range(4):
        page.keyboard.press("v")
        seen.append(viewer(page, "v.window"))
    assert seen == [presets[name] for name in ("full", "auto", "high", "default")]


def test_full_screen_keeps_the_panel_and_leaves_again(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    before = viewer(page, "v.stage.clientHeight")
    page.keyboard.press("Shift+F")
    page.wait_for_function("() => document.fullscreenElement === document.documentElement")
    assert page.is_hidden(".topbar")
    assert page.is_visible(".side")
    page.wait_for_function("(h) => document.querySelector('.viewer-stage').clientHeight > h", arg=before)
    page.keyboard.press("Shift+F")
    page.wait_for_function("() => document.fullscreenElement === null")
    assert page.is_visible(".topbar")


def test_nothing_shifts_while_the_image_comes_is_read_and_turned_over(page, gallery):
    page.add_init_script(f"({SHIFTS})()")
    for number in range(1, 6):
        write_png(gallery.images / f"s{number}.png", np.full((64, 64), 40 * number, np.uint8))
    open_viewer(page, gallery.address, "s3.png" + "".join(f"&stack=s{n}.png" for n in range(1, 6)))
    page.wait_for_selector("mri-viewer[data-state=ready]")
    for key, number in (("j", 4), ("z", 3), ("i", 3)):
        page.keyboard.press(key)
        shown(page, number)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.shift") == []


def test_at_200_per_cent_everything_is_there(browser, gallery):
    """Twice as large on a screen of 1280 × 800: half the CSS pixels, two device pixels each (WCAG 1.4.4 and 1.4.10)."""
    context = browser.new_context(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    page = context.new_page()
    open_viewer(page, gallery.address, "ramp8.png", 640, 400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    for act in ("window", "in", "region", "full", "reset"):
        button = page.locator(f"[data-act={act}]")
        button.scroll_into_view_if_needed()
        assert button.evaluate(
            """(b) => { const { x, y, width, height } = b.getBoundingClientRect();
                 return b.contains(document.elementFromPoint(x + width / 2, y + height / 2)); }"""
        )
    assert viewer(page, "v.picture.view.zoom * 128") > 150
    page.get_by_role("button", name="Keep glioma").click(trial=True)
    context.close()
