"""Uploading and looking at studies, in a real browser on a running demo."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from mriplatform.demo.slices import draw_slice
from tests.e2e.portal import upload
from tests.pictures import png

pytestmark = pytest.mark.timeout(240)


def scan(seed: int) -> bytes:
    return png(draw_slice("glioma", "axial", seed))


def choose(page: Page, collection: str, *files: tuple[str, bytes]) -> None:
    page.goto(f"/collections/{collection}/upload")
    chosen = [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files]
    page.locator("input[type=file]").set_input_files(chosen)


def test_a_bad_file_among_good_ones_is_named_and_the_rest_goes_again(sign_in, own_collection):
    page = sign_in("uploader")
    choose(page, own_collection, ("a.png", scan(1)), ("b.png", b"GIF89a"), ("c.png", scan(2)))
    page.get_by_role("button", name="Send").click()
    rows = page.locator(".drop-list li")
    expect(rows.nth(1)).to_contain_text("The file contains GIF; accepted are PNG, JPEG and DICOM images.")
    expect(rows.nth(0)).to_contain_text("Not stored yet")
    expect(page.locator("live-region")).to_contain_text("0 of 3 accepted, 1 refused.")
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/studies/[0-9a-f-]+$"))
    expect(page.locator("main")).to_contain_text("2 images")


def test_a_study_each_has_a_live_word_and_a_link_each(sign_in, own_collection):
    page = sign_in("uploader")
    choose(page, own_collection, ("a.png", scan(3)), ("empty.png", b""), ("b.png", scan(4)))
    page.get_by_text("one study each", exact=True).click()
    page.get_by_role("button", name="Send").click()
    rows = page.locator(".drop-list li")
    for row in (rows.nth(0), rows.nth(2)):
        expect(row.locator(".status")).to_have_text("Analysed", timeout=30_000)
        expect(row.get_by_role("link", name="Open study")).to_be_visible()
    expect(rows.nth(1)).to_contain_text("The file is empty.")
    page.goto(f"/collections/{own_collection}")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("Analysed")


def test_a_file_over_the_limit_is_refused_by_the_server_in_its_words(sign_in, own_collection):
    page = sign_in("uploader")
    choose(page, own_collection, ("big.png", scan(5) + bytes(21 * 2**20)))
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".drop-list li")).to_contain_text(
        "The file is too large; the limit is 20 MiB.", timeout=30_000
    )


def test_without_scripts_the_form_works_as_well(browser, portal, own_collection):
    context = browser.new_context(base_url=portal.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Username").fill("uploader")
    page.get_by_label("Password").fill(portal.passwords["uploader"])
    page.get_by_role("button", name="Sign in").click()
    choose(page, own_collection, ("a.png", scan(6)))
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name=re.compile("^Study "))).to_be_visible()
    context.close()


def test_contains_identity_takes_the_pixels_away_at_once(sign_in, own_collection):
    page = sign_in("uploader")
    study = upload(page, own_collection, "a.png", scan(7))
    pixels = page.locator("mri-viewer").get_attribute("src")
    page.get_by_role("button", name="Contains identity").click()
    page.keyboard.press("Escape")
    assert page.request.get(pixels).ok
    page.get_by_role("button", name="Contains identity").click()
    page.get_by_role("button", name="Hide it now").click()
    expect(page.locator("main")).to_contain_text("The image is hidden from everybody.")
    assert page.request.get(pixels).status == 404
    reader = sign_in("radiologist")
    reader.goto(f"/studies/{study}")
    expect(reader.locator("main")).to_contain_text("someone saw identity in it")


def test_the_answer_arrives_by_itself_and_its_map_goes_on_the_image(sign_in, own_collection):
    """The page is served as it looks while the image waits; what follows are the platform's own answers."""
    study = upload(sign_in("uploader"), own_collection, "a.png", scan(8))
    page = sign_in("engineer")

    def as_while_waiting(route: Route) -> None:
        body = route.fetch().text()
        ask = f'hx-get="/studies/{study}/status?asked=1" hx-trigger="ask from:body" hx-swap="outerHTML"'
        body = body.replace('<div id="study-progress"', f'<div id="study-progress" {ask}', 1)
        answer = '<section id="answer" class="card stack"><p>Nothing yet.</p></section>'
        body = re.sub(r'<section id="answer".*?</section>', answer, body, flags=re.DOTALL)
        route.fulfill(body=body, content_type="text/html")

    page.route(f"**/studies/{study}", as_while_waiting)
    page.goto(f"/studies/{study}")
    expect(page.locator("#answer")).to_contain_text("Nothing yet.")
    page.evaluate("(window.sameDocument = true, document.body.dispatchEvent(new Event('ask')), true)")
    expect(page.locator("#answer .probability.top")).to_be_visible()
    expect(page.locator("live-region")).to_contain_text("is analysed.")
    page.get_by_text("Map on").click()
    state = page.evaluate("document.querySelector('mri-viewer').mapState")
    assert state["visible"]
    assert page.evaluate("window.sameDocument")


def test_the_interactive_documentation_works_under_the_strict_csp(sign_in):
    page = sign_in("engineer")
    page.goto("/api/v1/docs/")
    page.locator("#operations-tag-collections").click()
    operation = page.locator("#operations-collections-list_collections")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
    expect(operation.locator(".live-responses-table")).to_contain_text("Sample studies")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_is_wider_than_a_phone(sign_in, own_collection, theme):
    study = upload(sign_in("uploader"), own_collection, "a.png", scan(9))
    page = sign_in("admin")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate(f"localStorage.setItem('theme', '{theme}')")
    version = page.request.get("/api/v1/model-versions/in-force").json()["id"]
    addresses = [
        "/",
        f"/collections/{own_collection}",
        f"/collections/{own_collection}/upload",
        f"/studies/{study}",
    ]
    for address in [
        *addresses,
        "/versions",
        f"/versions/{version}",
        "/account",
        "/account/password",
        "/nowhere",
    ]:
        page.goto(address)
        assert page.evaluate("document.documentElement.dataset.theme") == theme, address
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
