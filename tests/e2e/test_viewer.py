"""The viewer in a real Chromium: true values, the window, the place, the map. Synthetic images, a strict CSP."""

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.e2e.pictures import MAPS, class_plane, maps_of, ramp, write_png


def dicom_window(values, center, width):
    """DICOM PS3.3 C.11.2.1.2.1, to 0–255."""
    x = values.astype(np.float64)
    scaled = ((x - (center - 0.5)) / max(width - 1, 1e-9) + 0.5) * 255
    scaled[x <= center - 0.5 - (width - 1) / 2] = 0
    scaled[x > center - 0.5 + (width - 1) / 2] = 255
    return scaled


def open_viewer(page: Page, address: str, image: str, width: int = 1280, height: int = 800) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{address}/page/reading?image={image}")
    page.wait_for_selector("mri-viewer[data-state]")


def viewer(page: Page, script: str, argument=None):
    """Evaluate an expression in which `v` is the viewer and `a` the argument."""
    return page.evaluate(
        f"(a) => {{ const v = document.querySelector('mri-viewer'); return {script}; }}", argument
    )


def grey_at(page: Page, points: list[tuple[float, float]]) -> list[list[int]]:
    """Red, green, blue, alpha of the canvas at points of the box (device pixel ratio 1), after the next frame."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return viewer(
        page,
        "a.map(([x, y]) => [...v.canvas.getContext('2d').getImageData(Math.floor(x), Math.floor(y), 1, 1).data])",
        points,
    )


def box_of(page: Page, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where image points lie in the box, from the view and the insets that view.js documents (12 above, 68 below)."""
    state = viewer(page, "({...v.view, w: v.stage.clientWidth, h: v.stage.clientHeight})")
    middle = (state["h"] + 12 - 68) / 2
    return [
        (state["w"] / 2 + (x - state["x"]) * state["zoom"], middle + (y - state["y"]) * state["zoom"])
        for x, y in points
    ]


# --- Decoding ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("shape", [(1, 1), (33, 57), (96, 64)])
def test_every_stored_value_reaches_the_viewer(page, gallery, bits, shape):
    """All five row filters occur in the file; noise and ramps make each of them matter."""
    rng = np.random.default_rng(bits + shape[0])
    pixels = (ramp(shape, bits).astype(np.int64) + rng.integers(0, 40, shape)) % (1 << bits)
    pixels = pixels.astype(np.uint8 if bits == 8 else np.uint16)
    write_png(gallery.images / "decode.png", pixels)
    open_viewer(page, gallery.address, "decode.png")
    found = viewer(page, "({...v.pixels, data: Array.from(v.pixels.data)})")
    assert (found["width"], found["height"], found["bits"]) == (shape[1], shape[0], bits)
    assert np.array_equal(np.array(found["data"]).reshape(shape), pixels)


def test_a_16_bit_png_written_by_another_hand_is_read_the_same(page, gallery):
    import cv2

    pixels = ramp((64, 80), 16)
    cv2.imwrite(str(gallery.images / "cv2.png"), pixels)
    open_viewer(page, gallery.address, "cv2.png")
    assert np.array_equal(np.array(viewer(page, "Array.from(v.pixels.data)")).reshape(64, 80), pixels)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("interlaced", "The PNG is interlaced."),
        ("colour", "The PNG is not greyscale of 8 or 16 bit."),
        ("short", "The PNG's image ends too early."),
        ("long", "The PNG's image is damaged."),
        ("cut", "The PNG ends too early."),
        ("text", "The file is not a PNG."),
        ("missing", "The image could not be loaded (the server answered 404)."),
    ],
)
def test_a_file_it_cannot_read_is_named_and_the_plain_image_stays(page, gallery, fault, sentence):
    file = gallery.images / "bad.png"
    file.unlink(missing_ok=True)
    if fault == "text":
        file.write_bytes(b"no image at all, only words")
    elif fault != "missing":
        write_png(file, ramp((20, 20), 8), fault=fault)
    open_viewer(page, gallery.address, "bad.png")
    assert page.get_attribute("mri-viewer", "data-state") == "failed"
    assert page.inner_text("mri-viewer > .hud[data-hud=tr]") == sentence
    assert page.is_visible("mri-viewer > img")
    page.wait_for_function("(s) => document.querySelector('live-region').textContent === s", arg=sentence)


# --- Window ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("center", "width"), [(128, 256), (96, 210), (60.5, 1), (30, 2), (-5, 40), (2000, 3000)]
)
def test_the_window_is_dicoms(page, gallery, bits, center, width):
    open_viewer(page, gallery.address, "ramp8.png")
    table = page.evaluate(
        """async ([window, bits]) => {
             const { greyTable } = await import("/static/js/viewer/grey.js");
             return [greyTable(window, bits), greyTable(window, bits, true)].map((t) => Array.from(t));
           }""",
        [{"center": center, "width": width}, bits],
    )
    expected = dicom_window(np.arange(1 << bits), center, width)
    assert np.abs(np.array(table[0]) - expected).max() <= 0.5
    assert np.abs(np.array(table[1]) - (255 - expected)).max() <= 0.5


def test_all_of_8_bits_is_shown_as_stored(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    assert viewer(page, "v.window") == {"center": 128, "width": 256}


@pytest.mark.parametrize("name", ["ramp8.png", "ramp16.png"])
def test_what_is_on_the_canvas_is_the_windowed_value(page, gallery, name):
    pixels = gallery.pixels[name]
    open_viewer(page, gallery.address, name)
    most = 255 if pixels.dtype == np.uint8 else 65535
    viewer(page, "(v.setWindow(...a), v.smooth(false), v.zoomBy(8))", [most * 0.4, most * 0.5])
    places = [(x, y) for x in (60, 64, 70) for y in (62, 66)]
    found = grey_at(page, box_of(page, [(x + 0.5, y + 0.5) for x, y in places]))
    expected = dicom_window(np.array([pixels[y, x] for x, y in places]), most * 0.4, most * 0.5)
    assert len({tuple(colour) for colour in found}) > 3
    assert np.abs(np.array([colour[0] for colour in found]) - expected).max() <= 1
    assert all(colour[0] == colour[1] == colour[2] and colour[3] == 255 for colour in found)
    viewer(page, "v.invert()")
    inverted = grey_at(page, box_of(page, [(x + 0.5, y + 0.5) for x, y in places]))
    assert np.abs(np.array([colour[0] for colour in inverted]) - (255 - expected)).max() <= 1


def test_drag_numbers_presets_and_keys_set_the_window(page, gallery):
    open_viewer(page, gallery.address, "ramp16.png")
    first = viewer(page, "v.window")
    page.mouse.move(400, 400)
    page.mouse.down()
    page.mouse.move(450, 430, steps=3)
    page.mouse.up()
    dragged = viewer(page, "v.window")
    span = int(gallery.pixels["ramp16.png"].max()) - int(gallery.pixels["ramp16.png"].min())
    assert dragged["width"] == pytest.approx(first["width"] + 50 / 500 * span)
    assert dragged["center"] == pytest.approx(first["center"] + 30 / 500 * span)
    page.keyboard.press("w")
    page.fill("[data-number=width]", "1000")
    page.fill("[data-number=center]", "1234")
    assert viewer(page, "v.window") == {"center": 1234, "width": 1000}
    assert "W 1000 L 1234" in page.inner_text("mri-viewer > .hud[data-hud=tr]")
    page.click("[data-preset=full]")
    assert viewer(page, "v.window")["width"] == span + 1
    page.keyboard.press("Escape")
    assert page.is_hidden(".viewer-panel")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    keyed = viewer(page, "v.window")
    assert keyed["width"] < span + 1
    page.wait_for_function(
        """({width, center}) => document.querySelector('live-region').textContent
             === `Window ${Math.round(width)}, level ${Math.round(center)}.`""",
        arg=keyed,
    )


def test_the_stored_window_is_the_first_one(page, gallery):
    open_viewer(page, gallery.address, "ramp16.png&center=600&width=1200")
    assert viewer(page, "v.window") == {"center": 600, "width": 1200}
    page.keyboard.press("i")
    viewer(page, "v.setWindow(10, 20)")
    page.keyboard.press("Shift+R")
    assert viewer(page, "({...v.window, inverted: v.view.inverted})") == {
        "center": 600,
        "width": 1200,
        "inverted": False,
    }


def test_a_window_that_is_no_number_changes_nothing(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    viewer(page, "(v.setWindow(NaN, 10), v.setWindow(10, Infinity), v.setWindow(10, -4))")
    assert viewer(page, "v.window") == {"center": 10, "width": 1}


# --- Place -------------------------------------------------------------------------------------------------------


def test_the_wheel_zooms_about_the_pointer(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    box = page.locator(".viewer-stage").bounding_box()

    def under(x, y):
        state = viewer(page, "({...v.view, w: v.stage.clientWidth, h: v.stage.clientHeight})")
        return (
            state["x"] + (x - box["x"] - state["w"] / 2) / state["zoom"],
            state["y"] + (y - box["y"] - (state["h"] - 56) / 2) / state["zoom"],
        )

    before, zoom = under(500, 300), viewer(page, "v.view.zoom")
    page.mouse.move(500, 300)
    page.mouse.wheel(0, -300)
    page.wait_for_function("(z) => document.querySelector('mri-viewer').view.zoom > z * 1.1", arg=zoom)
    assert under(500, 300) == pytest.approx(before, abs=1e-6)


def test_pan_by_space_by_mode_by_middle_button_and_by_arrows(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    viewer(page, "v.zoomBy(4)")
    window, zoom = viewer(page, "v.window"), viewer(page, "v.view.zoom")

    def drag(button="left"):
        x = viewer(page, "v.view.x")
        page.mouse.move(400, 400)
        page.mouse.down(button=button)
        page.mouse.move(360, 400, steps=2)
        page.mouse.up(button=button)
        return (viewer(page, "v.view.x") - x) * zoom

    page.focus(".viewer-stage")
    page.keyboard.down("Space")
    assert drag() == pytest.approx(40)
    page.keyboard.up("Space")
    assert drag("middle") == pytest.approx(40)
    page.keyboard.press("p")
    assert drag() == pytest.approx(40)
    page.keyboard.press("p")
    assert viewer(page, "v.window") == window
    assert drag() == 0
    assert viewer(page, "v.window") != window
    x = viewer(page, "v.view.x")
    page.keyboard.press("ArrowLeft")
    assert (viewer(page, "v.view.x") - x) * zoom == pytest.approx(-40)


def test_the_image_cannot_be_lost_and_fit_brings_it_back(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    fitted = viewer(page, "v.view")
    viewer(page, "(v.zoomBy(1000), v.panBy(1e6, -1e6))")
    state = viewer(page, "v.view")
    assert (state["zoom"], state["x"], state["y"]) == (40, 0, 128)
    page.keyboard.press("f")
    assert viewer(page, "v.view") == fitted
    viewer(page, "v.zoomBy(1e-9)")
    assert viewer(page, "v.view.zoom") > 0.2


def test_a_fitted_image_follows_its_box_and_lies_inside_it(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png")
    for width, height in ((1280, 800), (1000, 500), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            """([width, height]) => {
                 const { canvas, stage } = document.querySelector('mri-viewer');
                 return innerWidth === width && innerHeight === height
                   && canvas.width === stage.clientWidth && canvas.height === stage.clientHeight; }""",
            arg=[width, height],
        )
        (left, top), (right, bottom) = box_of(page, [(0, 0), (128, 128)])
        box = viewer(page, "[v.stage.clientWidth, v.stage.clientHeight]")
        assert left >= 0
        assert top >= 0
        assert right <= box[0]
        assert bottom <= box[1]
        assert max(right - left, bottom - top) > 0.6 * min(box)


def test_pixels_that_are_not_square_are_shown_as_they_lay(page, gallery):
    open_viewer(page, gallery.address, "ramp8.png&aspect=2")
    ratio = viewer(
        page, "(() => { const {zoom, y} = v.view; v.panBy(0, -zoom * 2); return (v.view.y - y); })()"
    )
    assert ratio == pytest.approx(1)


def test_the_canvas_has_the_screens_resolution(browser, gallery):
    context = browser.new_context(viewport={"width": 900, "height": 700}, device_scale_factor=2)
    page = context.new_page()
    page.goto(f"{gallery.address}/page/viewer?image=ramp8.png")
    page.wait_for_selector("mri-viewer[data-state=ready]")
    assert viewer(page, "v.canvas.width / v.stage.clientWidth") == 2
    context.close()


def test_the_value_under_the_pointer_is_told(page, gallery):
    open_viewer(page, gallery.address, "ramp16.png")
    [(x, y)] = box_of(page, [(40.5, 20.5)])
    page.mouse.move(x, y + page.locator(".viewer-stage").bounding_box()["y"])
    value = gallery.pixels["ramp16.png"][20, 40]
    assert page.inner_text("mri-viewer > .hud[data-hud=br]") == f"x 40 y 20 = {value}"


# --- Map ---------------------------------------------------------------------------------------------------------


def test_the_map_is_off_until_asked_for_and_stays_inside_what_the_network_saw(page, gallery):
    open_viewer(page, gallery.address, "flat.png")
    inside, outside = box_of(page, [(75, 40), (10, 10)])
    plain = grey_at(page, [inside, outside])
    assert viewer(page, "v.mapState.visible") is False
    assert page.is_hidden(".map-look")
    page.keyboard.press("h")
    shown = grey_at(page, [inside, outside])
    assert shown[1] == plain[1]
    assert shown[0] != plain[0]
    assert "where the model looked, not where the tumour is" in page.inner_text(
        "mri-viewer > .hud[data-hud=bl]"
    )
    page.keyboard.press("h")
    assert grey_at(page, [inside, outside]) == plain


@pytest.mark.parametrize("cells", [7, 14])
def test_the_map_is_the_positive_part_over_its_greatest(page, gallery, cells):
    """The canvas at each cell's middle shows the table's colour over the grey, by the stated cover."""
    import cv2

    open_viewer(page, gallery.address, "flat.png")
    viewer(page, "(v.maps = a, true)", maps_of(cells))
    viewer(page, "(v.toggleMap(true), v.setGrid(true), v.setOpacity(0.8))")
    plane = np.maximum(class_plane("meningioma", cells), 0)
    plane = plane / plane.max()
    lut = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_INFERNO)[0][:, ::-1].astype(
        float
    )
    x0, y0, x1, y1 = MAPS["box"]
    points = box_of(
        page,
        [
            (x0 + (c + 0.5) / cells * (x1 - x0), y0 + (r + 0.5) / cells * (y1 - y0))
            for r in range(cells)
            for c in range(cells)
        ],
    )
    found = np.array(grey_at(page, points))[:, :3]
    cover = 0.8 * np.minimum(1, plane.ravel() / 0.6) ** 0.8
    colour = lut[np.round(plane.ravel() * 255).astype(int)]
    assert np.abs(found - (colour * cover[:, None] + 100 * (1 - cover[:, None]))).max() <= 3
    assert (cover == 0).any()


def test_the_colour_tables_are_the_published_ones(page, gallery):
    import cv2

    open_viewer(page, gallery.address, "flat.png")
    tables = page.evaluate(
        """async () => { const { TABLES } = await import("/static/js/viewer/colours.js");
             return Object.fromEntries(Object.entries(TABLES).map(([name, t]) => [name, Array.from(t)])); }"""
    )
    for name in ("inferno", "cividis"):
        table = cv2.applyColorMap(
            np.arange(256, dtype=np.uint8)[None], getattr(cv2, f"COLORMAP_{name.upper()}")
        )
        assert tables[name] == table[0][:, ::-1].ravel().tolist()


@pytest.mark.parametrize("cells", [7, 14])
def test_upsampling_is_bilinear_between_the_cells_middles(page, gallery, cells):
    import cv2

    open_viewer(page, gallery.address, "flat.png")
    plane = np.maximum(class_plane("glioma", cells), 0).astype(np.float32)
    found = page.evaluate(
        """async ([maps, factor]) => {
             const s = await import("/static/js/viewer/saliency.js");
             return Array.from(s.upsample(s.classField(s.readMaps(maps), "glioma"), factor).values); }""",
        [maps_of(cells), 8],
    )
    expected = cv2.resize(plane / plane.max(), (8 * cells, 8 * cells), interpolation=cv2.INTER_LINEAR)
    assert np.abs(np.array(found).reshape(expected.shape) - expected).max() < 1e-5


def test_contour_lines_run_where_the_field_has_their_level(page, gallery):
    import cv2

    open_viewer(page, gallery.address, "flat.png")
    segments = page.evaluate(
        """async (maps) => {
             const s = await import("/static/js/viewer/saliency.js");
             return s.contour(s.upsample(s.classField(s.readMaps(maps), "glioma"), 16), 0.5); }""",
        MAPS,
    )
    plane = np.maximum(class_plane("glioma"), 0).astype(np.float32)
    fine = cv2.resize(plane / plane.max(), (112, 112), interpolation=cv2.INTER_LINEAR)
    ends = np.array(segments).reshape(-1, 2).astype(np.float32) * 112 - 0.5
    heights = cv2.remap(fine, ends[:, 0], ends[:, 1], cv2.INTER_LINEAR)
    assert len(segments) > 20
    assert np.abs(heights - 0.5).max() < 0.02


def test_the_contrast_of_two_classes_is_their_difference(page, gallery):
    open_viewer(page, gallery.address, "flat.png")
    values = page.evaluate(
        """async (maps) => {
             const s = await import("/static/js/viewer/saliency.js"); const m = s.readMaps(maps);
             return [s.contrastField(m, "glioma", "meningioma"), s.contrastField(m, "meningioma", "glioma")]
               .map((f) => Array.from(f.values)); }""",
        MAPS,
    )
    difference = class_plane("glioma") - class_plane("meningioma")
    assert np.array(values[0]) == pytest.approx((difference / np.abs(difference).max()).ravel(), abs=1e-6)
    assert np.array(values[1]) == pytest.approx(-np.array(values[0]))
    viewer(page, "(v.toggleMap(true), v.setContrast('glioma', 'meningioma'))")
    assert "Glioma rather than Meningioma" in page.inner_text("mri-viewer > .hud[data-hud=bl]")


@pytest.mark.parametrize("colours", ["inferno", "cividis", "contour"])
def test_a_map_with_nothing_above_zero_draws_nothing_and_says_so(page, gallery, colours):
    open_viewer(page, gallery.address, "flat.png")
    points = box_of(page, [(x, y) for x in range(4, 128, 8) for y in range(4, 128, 8)])
    plain = grey_at(page, points)
    viewer(page, "(v.setColours(a), v.toggleMap(true), v.setMapClass('notumor'))", colours)
    assert viewer(page, "v.mapState.empty") is True
    assert grey_at(page, points) == plain
    assert "empty: nothing in the image spoke for it" in page.inner_text("mri-viewer > .hud[data-hud=bl]")
    assert page.inner_text(".map-caption") == "The map is empty: nothing in the image spoke for this class."
    viewer(page, "v.setMapClass('glioma')")
    assert grey_at(page, points) != plain


def test_the_controls_drive_the_map_and_follow_it(page, gallery):
    open_viewer(page, gallery.address, "flat.png")
    page.click("map-controls >> text=Map on")
    page.select_option("[data-map=cls]", "glioma")
    page.select_option("[data-map=against]", "pituitary")
    page.keyboard.press("Escape")
    page.locator("mri-viewer .viewer-stage").focus()
    for _ in range(3):
        page.keyboard.press("]")
    page.click("summary:has-text('Colours and cells')")
    page.click("map-controls >> text=Contour")
    page.click("map-controls >> text=7 × 7 cells")
    state = viewer(page, "v.mapState")
    assert state.pop("opacity") == pytest.approx(0.7)
    assert state == {
        "visible": True,
        "cls": "glioma",
        "against": "pituitary",
        "colours": "contour",
        "grid": True,
        "empty": False,
    }
    page.keyboard.press("h")
    assert page.is_hidden(".map-look")
    assert page.is_checked("[data-map=on][value=off]")


@pytest.mark.parametrize(
    "maps",
    [
        {"classes": [], "maps": []},
        {"classes": ["a"], "maps": [1, 2, 3]},
        {"classes": ["a"], "maps": [1, 2, 3, None]},
        {"classes": ["a"], "maps": [1, 2, 3, 4], "box": [5, 0, 5, 9]},
    ],
)
def test_malformed_maps_are_refused(page, gallery, maps):
    open_viewer(page, gallery.address, "flat.png")
    attempt = "(() => { try { v.maps = a; return false; } catch (error) { return error.message; } })()"
    refused = viewer(page, attempt, maps)
    assert isinstance(refused, str)
    assert refused.startswith("The maps")


def test_pages_hear_what_the_reader_does(page, gallery):
    open_viewer(page, gallery.address, "flat.png")
    page.evaluate(
        """() => { window.heard = [];
             for (const kind of ["ready", "window", "view", "map", "error"])
               document.addEventListener(`viewer:${kind}`, (e) => window.heard.push([kind, e.detail])); }"""
    )
    viewer(
        page,
        "(v.setWindow(50, 60), v.zoomBy(2), v.toggleMap(true), v.setAttribute('src', '/image/ramp16.png'))",
    )
    page.wait_for_function("() => window.heard.some(([kind]) => kind === 'ready')")
    heard = dict(reversed(page.evaluate("window.heard")))
    assert heard["window"] == {"center": 50, "width": 60}
    assert heard["map"]["visible"] is True
    assert heard["ready"] == {"width": 128, "height": 128, "bits": 16}
    assert "error" not in heard


@pytest.mark.data
def test_a_real_slice_is_shown_value_for_value(page, gallery, real_data):
    import cv2

    pixels = cv2.imread(
        str(sorted(real_data.glob("nickparvar/Testing/glioma/*.jpg"))[0]), cv2.IMREAD_GRAYSCALE
    )
    write_png(gallery.images / "real.png", pixels)
    open_viewer(page, gallery.address, "real.png")
    assert np.array_equal(np.array(viewer(page, "Array.from(v.pixels.data)")).reshape(pixels.shape), pixels)
