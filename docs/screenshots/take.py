"""Takes the pictures of the README and the user guide from a fresh demo, which it reads and settles on the way.

    ./dev run python docs/screenshots/take.py ADDRESS SECRETS [FOLDER]

ADDRESS is the demo's, SECRETS its demo-secrets.json. What is seen in the pictures is drawn by the project's own code.
"""

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import cv2
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ml.labels import CLASSES  # noqa: E402
from mriplatform.demo.slices import draw_slice, sample_studies  # noqa: E402
from tests.conftest import find_chromium  # noqa: E402
from tests.e2e.conftest import ARGUMENTS, PATIENCE_MS  # noqa: E402
from tests.e2e.waiting import image_ready, press  # noqa: E402
from tests.pictures import png  # noqa: E402

COLLECTION: Final = "Sample studies"
KINDS: Final = [kind for kind, _, _ in sample_studies(seed=2026)]
# Of the samples, by number: one whose first read and map are shown, one of which the readers say different things.
SHOWN, DISPUTED = 1, 3


class Camera:
    """A browser for each account, and a folder for the pictures."""

    def __init__(self, browser: Browser, address: str, passwords: dict[str, str], folder: Path) -> None:
        self.browser, self.address, self.passwords, self.folder = browser, address, passwords, folder

    def sign_in(self, name: str) -> Page:
        """A page with the sample collection's own, for the account."""
        context = self.browser.new_context(
            viewport={"width": 1280, "height": 800}, base_url=self.address, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto("/login?next=/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(self.passwords[name])
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Collections").wait_for()
        return page

    def shoot(self, page: Page, name: str, part: str = "", *, high: bool = False) -> None:
        """The window as it is, or one part of the page; `high` makes the window so high that the part has room."""
        page.mouse.move(0, 0)
        if high:
            page.set_viewport_size({"width": 1280, "height": 1100})
        page.wait_for_timeout(400)
        shot = Image.open(io.BytesIO((page.locator(part).first if part else page).screenshot()))
        if part == "#panel":
            # Down to the end of what is in it.
            end = page.evaluate(
                "() => document.querySelector('#panel > :last-child').getBoundingClientRect().bottom"
            )
            shot = shot.crop((0, 0, shot.width, min(shot.height, round(end - 52 + 16))))
        page.set_viewport_size({"width": 1280, "height": 800})
        shot.convert("RGB").save(self.folder / f"{name}.webp", quality=82, method=6)


def collection(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name=COLLECTION).first.click()
    page.get_by_role("heading", name=COLLECTION).wait_for()


def worklist(page: Page) -> None:
    page.get_by_role("link", name="Worklist").first.click()
    page.get_by_role("heading", name="Worklist").wait_for()
    page.wait_for_load_state("load")


def settle_the_rules(camera: Camera) -> None:
    """Two readers for an image, and one image whose label is known from elsewhere."""
    page = camera.sign_in("admin")
    collection(page)
    page.locator("main table a").first.click()
    image = page.locator("mri-viewer").first.get_attribute("src").split("/")[-2]
    collection(page)
    page.get_by_role("link", name="Protocol").click()
    page.get_by_label("Readers per image").fill("2")
    page.get_by_label("Hidden repeats").fill("0.05")
    page.get_by_label("Known cases").fill("0.1")
    camera.shoot(page, "protocol", "form.card", high=True)
    # What is read below is read in order, without surprises.
    page.get_by_label("Hidden repeats").fill("0")
    page.get_by_label("Known cases").fill("0")
    page.get_by_role("button", name="Put in force").click()
    page.get_by_text("Version 2 is in force").first.wait_for()
    page.get_by_role("link", name="Known cases").click()
    page.get_by_label("Image").fill(image)
    page.get_by_label("Known as").select_option(index=1)
    page.get_by_label("Known from").fill("Histology")
    page.get_by_role("button", name="Make it a known case").click()
    page.get_by_text("1 known case").wait_for()
    camera.shoot(page, "known-cases")


def upload(camera: Camera) -> None:
    """A study of five slices."""
    page = camera.sign_in("uploader")
    collection(page)
    page.get_by_role("link", name="Upload").click()
    camera.shoot(page, "upload")
    slices = [draw_slice("glioma", "axial", seed) for seed in range(40, 45)]
    page.locator("input[type=file]").set_input_files(
        [{"name": f"{n}.png", "mimeType": "image/png", "buffer": png(one)} for n, one in enumerate(slices)]
    )
    page.get_by_role("button", name="Send").click()
    page.locator("main").get_by_text("Analysed").first.wait_for()


def step(page: Page, name: str) -> None:
    page.locator(f"#panel[data-step={name}]").wait_for()
    image_ready(page)


def say_first(page: Page, kind: str) -> None:
    press(page, str(CLASSES.index(kind) + 1))
    press(page, "8")


def keep(page: Page) -> None:
    """The own read stands; where the model said something else, with a reason."""
    press(page, "a")
    if page.locator("form.verdict input[type=radio][name=label]:checked").count():
        press(page, "s")
        press(page, "Enter")


def read(page: Page, kind: str) -> None:
    say_first(page, kind)
    press(page, "Enter")
    step(page, "reveal")
    press(page, "Enter")
    step(page, "verdict")
    keep(page)


def first_reader(camera: Camera) -> None:
    page = camera.sign_in("radiologist")
    camera.shoot(page, "home")
    worklist(page)
    camera.shoot(page, "worklist")
    press(page, "n")
    for number, kind in enumerate(KINDS[:-1]):
        step(page, "first_read")
        if number == 0:
            camera.shoot(page, "first-visit")
        if number == SHOWN:
            show_a_reading(camera, page, kind)
        elif number == DISPUTED:
            show_a_correction(camera, page, kind)
        else:
            read(page, kind)
        page.wait_for_function(
            f"() => document.querySelector('.topbar')?.textContent.includes('{number + 1} of')"
        )
    show_a_range(camera, page)
    show_what_stands(camera, page)


def show_a_reading(camera: Camera, page: Page, kind: str) -> None:
    say_first(page, kind)
    page.locator("select[name=location]").select_option(label="Dural: convexity, falx or tentorium")
    for key in ("r", *["ArrowRight"] * 18, *["ArrowUp"] * 4, *["Shift+ArrowLeft"] * 2):
        press(page, key)
    press(page, "Escape")
    camera.shoot(page, "reading-blind")
    press(page, "?")
    camera.shoot(page, "keys", "#key-sheet", high=True)
    press(page, "Escape")
    press(page, "Enter")
    step(page, "reveal")
    camera.shoot(page, "reading-reveal", "#panel")
    press(page, "Enter")
    step(page, "verdict")
    page.locator("toast-undo").wait_for(state="detached")
    press(page, "h")
    camera.shoot(page, "reading-revealed")
    press(page, "h")
    keep(page)


def show_a_correction(camera: Camera, page: Page, kind: str) -> None:
    say_first(page, kind)
    press(page, "Enter")
    step(page, "reveal")
    press(page, "Enter")
    step(page, "verdict")
    page.locator("toast-undo").wait_for(state="detached")
    press(page, "a")
    camera.shoot(page, "reading-correct", "#panel", high=True)
    press(page, "s")
    press(page, "Enter")


def show_a_range(camera: Camera, page: Page) -> None:
    step(page, "first_read")
    page.locator("toast-undo").wait_for(state="detached")
    for key in ("j", "j", "s"):
        press(page, key)
    camera.shoot(page, "reading-range")


def show_what_stands(camera: Camera, page: Page) -> None:
    page.goto(page.locator(".topbar a[href*=worklist]").get_attribute("href"))
    page.locator("td.act a", has_text="Look").nth(1).click()
    step(page, "done")
    page.locator("details.history summary").click()
    camera.shoot(page, "reading-done", "#panel", high=True)
    press(page, "d")
    page.get_by_role("heading", name="Take your verdict back").wait_for()
    camera.shoot(page, "withdraw", "#panel", high=True)


def second_reader(camera: Camera) -> None:
    """Reads the same, and says something else of one image."""
    page = camera.sign_in("radiologist2")
    worklist(page)
    press(page, "n")
    for number, kind in enumerate(KINDS[:-1]):
        step(page, "first_read")
        read(page, "notumor" if number == DISPUTED else kind)
        page.wait_for_function(
            f"() => document.querySelector('.topbar')?.textContent.includes('{number + 1} of')"
        )


def adjudicator(camera: Camera) -> None:
    page = camera.sign_in("adjudicator")
    collection(page)
    page.get_by_role("link", name="Disagreements").click()
    page.get_by_role("row").nth(1).wait_for()
    press(page, "n")
    page.get_by_role("heading", name="Your decision").wait_for()
    image_ready(page)
    press(page, str(CLASSES.index(KINDS[DISPUTED]) + 1))
    press(page, "n")
    page.keyboard.type("A ring that takes up contrast, with oedema around it.")
    camera.shoot(page, "disagreement")
    press(page, "Control+Enter")
    page.get_by_role("heading", name="Nothing to decide").wait_for()


def engineer(camera: Camera) -> None:
    page = camera.sign_in("engineer")
    collection(page)
    page.locator("main table").get_by_role("link").nth(len(KINDS) - DISPUTED).click()
    image_ready(page)
    press(page, "h")
    camera.shoot(page, "study", "main", high=True)
    page.goto("/versions")
    page.locator("main a[href^='/versions/']").last.click()
    camera.shoot(page, "version")
    collection(page)
    page.get_by_role("link", name="Figures").click()
    page.get_by_role("button", name="Make new ones").click()
    while page.get_by_role("button", name="Being made").count():
        page.wait_for_timeout(1000)
        page.reload()
    camera.shoot(page, "figures")


def own_figures(camera: Camera) -> None:
    page = camera.sign_in("radiologist")
    collection(page)
    page.get_by_role("link", name="Figures").click()
    page.get_by_role("link", name="My figures").click()
    page.get_by_role("heading", name="My figures").wait_for()
    camera.shoot(page, "figures-mine", "section.figure:has(table)", high=True)


def assisted(camera: Camera) -> None:
    page = camera.sign_in("admin")
    collection(page)
    page.get_by_role("link", name="Protocol").click()
    page.get_by_label("The machine's answer from the start").check()
    page.get_by_role("button", name="Put in force").click()
    page.get_by_text("Version 3 is in force").first.wait_for()
    reader = camera.sign_in("radiologist2")
    worklist(reader)
    # What was begun under the version before stays under it.
    reader.locator("td.act button").last.click()
    step(reader, "verdict")
    camera.shoot(reader, "reading-assisted", "#panel")


def archive(camera: Camera) -> None:
    """A ZIP that is looked at first; the last of its entries is cut short."""
    page = camera.sign_in("uploader")
    collection(page)
    page.get_by_role("link", name="Upload").click()
    page.get_by_role("link", name="ZIP or folder").click()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for number in range(5):
            data = png(draw_slice("pituitary", "coronal", 60 + number))
            out.writestr(f"{number + 1}.png", data if number < 4 else data[:2000])
    sent = {"name": "scans.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}
    page.locator("input[name=file]").set_input_files(sent)
    page.get_by_label("Look first").check()
    page.get_by_role("button", name="Send").click()
    page.get_by_text("Nothing is stored yet.").wait_for()
    camera.shoot(page, "archive")
    page.get_by_role("button", name="Store the good ones").click()


def quarantine(camera: Camera) -> None:
    """An image with somebody's name in it, who never was, before its reviewer."""
    page = camera.sign_in("uploader")
    collection(page)
    page.get_by_role("link", name="Upload").click()
    named = draw_slice("meningioma", "axial", 70)
    cv2.putText(named, "DOE^JANE 1956", (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    page.locator("input[type=file]").set_input_files(
        {"name": "1.png", "mimeType": "image/png", "buffer": png(named)}
    )
    page.get_by_role("button", name="Send").click()
    page.get_by_text("In quarantine").wait_for()
    page = camera.sign_in("intake")
    page.get_by_role("link", name="1 image in quarantine").click()
    page.locator("main table a").first.click()
    page.locator("mask-editor[data-state=ready]").wait_for()
    camera.shoot(page, "quarantine", high=True)


def main(address: str, secrets: str, folder: str = str(Path(__file__).parent)) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
        camera: Any = Camera(browser, address, json.loads(Path(secrets).read_text()), Path(folder))
        for scene in (
            settle_the_rules,
            upload,
            first_reader,
            second_reader,
            adjudicator,
            engineer,
            own_figures,
            assisted,
            archive,
            quarantine,
        ):
            scene(camera)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
