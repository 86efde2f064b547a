"""A ZIP and a folder through the portal, in a real browser on a running demo: progress, a lost network, a reload."""

import io
import os
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from mriplatform.demo.slices import draw_slice
from tests.pictures import png

pytestmark = pytest.mark.timeout(300)


def scans(count: int, first: int) -> dict[str, bytes]:
    kinds = ("glioma", "meningioma", "notumor", "pituitary")
    return {
        f"Musterfrau {n}.png": png(draw_slice(kinds[n % 4], "axial", n)) for n in range(first, first + count)
    }


HEAR_WHAT_IS_SENT = """
const send = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
  const said = new Response(body).arrayBuffer().then((bytes) => new TextDecoder("latin1").decode(bytes));
  said.then((text) => window.bodySent(text)).finally(() => send.call(this, body));
};
"""


def hear(page: Page) -> list[str]:
    """What the page's scripts send from now on, byte by byte; the browser's tools do not show what is in a Blob."""
    bodies: list[str] = []
    page.expose_function("bodySent", lambda body: bodies.append(body))
    page.add_init_script(HEAR_WHAT_IS_SENT)
    return bodies


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def choose(page: Page, collection: str, data: bytes, *labels: str) -> None:
    page.goto(f"/collections/{collection}/archives")
    page.locator("input[name=file]").set_input_files(
        {"name": "scans.zip", "mimeType": "application/zip", "buffer": data}
    )
    for label in labels:
        page.get_by_label(label).check()
    page.get_by_role("button", name="Send", exact=True).click()


def kept(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=Path(folder, f"{name}-{width}.png"), full_page=True)


def test_a_dozen_are_sent_checked_stored_and_named_in_this_browser_alone(sign_in, own_collection):
    page = sign_in("uploader")
    files = scans(11, 7000) | {"readme.txt": b"Only words.\n", "__MACOSX/._x": b"x"}
    choose(page, own_collection, zipped(files), "Store the good ones")
    page.wait_for_url(re.compile(r"/archives/[0-9a-f-]+$"))
    status = page.locator("#archive-progress .status")
    expect(status).to_have_text("Stored", timeout=90_000)
    counts = page.locator("#archive-progress .counts")
    expect(counts).to_contain_text(re.compile(r"Stored\s*11"))
    expect(counts).to_contain_text(re.compile(r"Refused\s*1"))
    expect(page.locator("live-region")).to_contain_text("Stored.", timeout=30_000)
    rows = page.locator("#archive-entries tbody tr")
    expect(rows).to_have_count(12)
    expect(rows.nth(0)).to_contain_text("Musterfrau 7000.png")
    expect(rows.nth(11)).to_contain_text("readme.txt")
    expect(rows.nth(11)).to_contain_text("Refused")
    kept(page, "archive-stored")
    page.reload()
    expect(rows.nth(0)).to_contain_text("Musterfrau 7000.png")
    assert "Musterfrau" not in page.request.get(page.url).text()
    rows.nth(0).get_by_role("link").click()
    expect(page.locator("#study-progress .status")).to_have_text("Analysed", timeout=60_000)
    page.goto(f"/collections/{own_collection}")
    expect(page.locator("tbody tr")).to_have_count(11)


def test_it_goes_on_after_a_lost_network_and_after_a_reload(sign_in, own_collection):
    page = sign_in("uploader")
    noise = {"noise.bin": os.urandom(9 * 2**18)}
    data = zipped(scans(3, 7100) | noise)
    sent: list[str] = []
    lost = [True]

    def road(route: Route) -> None:
        number = route.request.url.rsplit("/", 1)[1]
        if number == "2" and lost:
            lost.clear()
            route.abort("connectionreset")
        elif number == "3" and "stop" not in sent:
            sent.append("stop")  # never answered: the page is reloaded meanwhile
        else:
            sent.append(number)
            route.continue_()

    page.route("**/parts/*", road)
    choose(page, own_collection, data, "Store the good ones")
    expect(page.get_by_text(re.compile("Sending: "))).to_be_visible()
    while "stop" not in sent:
        page.wait_for_timeout(50)
    assert sent == ["1", "2", "stop"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto(f"/collections/{own_collection}/archives")
    page.locator("tbody").get_by_role("link").first.click()
    expect(page.get_by_text("2 of 3 parts have arrived.")).to_be_visible()
    kept(page, "archive-receiving")
    page.locator("input[name=file]").set_input_files(
        {"name": "scans.zip", "mimeType": "application/zip", "buffer": data}
    )
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#archive-progress .status")).to_have_text("Stored", timeout=90_000)
    assert sent == ["1", "2", "stop", "3"]


def test_a_folder_in_a_dry_run_with_labels_that_its_folders_name(sign_in, own_collection, tmp_path):
    page = sign_in("admin")
    pictures = list(scans(4, 7200).values())
    for place, data in zip(
        ("Glioma/a.png", "no_tumor/MR.Musterfrau", "Ward 7/MR.1.2.840.4711", "Glioma/again.PNG"),
        (*pictures[:3], pictures[0]),
        strict=True,
    ):
        (tmp_path / "scans" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "scans" / place).write_bytes(data)
    (tmp_path / "scans" / ".DS_Store").write_bytes(b"x")
    bodies = hear(page)
    page.goto(f"/collections/{own_collection}/archives")
    page.locator("input[webkitdirectory]").set_input_files(tmp_path / "scans")
    expect(page.get_by_text("Chosen: 4 files")).to_be_visible()
    for label in ("Look first", "Folders name the class"):
        page.get_by_label(label).check()
    kept(page, "archive-form")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_url(re.compile(r"/archives/[0-9a-f-]+$"))
    expect(page.locator("#archive-progress .status")).to_have_text("Checked", timeout=90_000)
    counts = page.locator("#archive-progress .counts")
    expect(counts).to_contain_text(re.compile(r"New\s*3\s*Already here\s*1"))
    expect(counts).to_contain_text(re.compile(r"Glioma\s*2\s*No tumour\s*1\s*No label\s*1"))
    kept(page, "archive-checked")
    page.get_by_role("button", name="Store it").click()
    expect(page.locator("#archive-progress .status")).to_have_text("Stored", timeout=90_000)
    expect(page.locator("#archive-entries")).to_contain_text("scans/Ward 7/MR.1.2.840.4711")
    sent = "".join(bodies)
    assert all(name in sent for name in ("glioma/1.png", "glioma/2.png", "3PK", "notumor/4PK"))
    assert not [
        name for name in ("Ward", "again", "usterfrau", "4711", "scans") if name.lower() in sent.lower()
    ]


def test_a_file_that_is_gone_since_it_was_chosen_is_said(sign_in, own_collection, tmp_path):
    page = sign_in("uploader")
    folder = tmp_path / "scans"
    folder.mkdir()
    for number, data in enumerate(scans(2, 7400).values()):
        (folder / f"{number}.png").write_bytes(data)
    page.goto(f"/collections/{own_collection}/archives")
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.get_by_text("Chosen: 2 files")).to_be_visible()
    (folder / "1.png").unlink()
    send = page.get_by_role("button", name="Send", exact=True)
    send.click()
    expect(page.get_by_text("A file cannot be read any more")).to_be_visible()
    expect(send).to_be_enabled()


def test_an_answer_that_is_lost_begins_no_second_archive(sign_in, own_collection):
    page = sign_in("uploader")
    keys: list[str] = []

    def lose_the_first(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/v1/archives", lose_the_first)
    choose(page, own_collection, zipped(scans(2, 7500)))
    page.wait_for_url(re.compile(r"/archives/[0-9a-f-]+$"), timeout=30_000)
    assert len(keys) == 2
    assert len(set(keys)) == 1
    page.goto(f"/collections/{own_collection}/archives")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_an_unsafe_zip_is_refused_at_once_and_the_browser_knows_which_file_it_was(sign_in, own_collection):
    page = sign_in("uploader")
    choose(page, own_collection, zipped(scans(2, 7300) | {"../Musterfrau.png": b"x"}))
    expect(page.get_by_text("Entry 3 has an unsafe path. Entry 3 is “../Musterfrau.png”.")).to_be_visible()
