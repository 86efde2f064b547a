"""Takes the pictures of the README and the user guide from a running demo.

    ./dev run python docs/screenshots/take.py ADDRESS SECRETS [FOLDER]

ADDRESS is the demo's, SECRETS its demo-secrets.json. It reads one sample study on the way.
"""

import json
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conftest import find_chromium  # noqa: E402
from tests.e2e.conftest import ARGUMENTS  # noqa: E402


class Camera:
    """A browser for each account, and a folder for the pictures."""

    def __init__(self, browser: Browser, address: str, passwords: dict[str, str], folder: Path) -> None:
        self.browser, self.address, self.passwords, self.folder = browser, address, passwords, folder

    def sign_in(self, name: str, width: int = 1280, height: int = 800) -> Page:
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, base_url=self.address, reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto("/login?next=/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(self.passwords[name])
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Collections").wait_for()
        return page

    def shoot(self, page: Page, name: str) -> None:
        page.wait_for_timeout(400)
        page.screenshot(path=self.folder / f"{name}.png")


def radiologist(camera: Camera) -> None:
    page = camera.sign_in("radiologist")
    camera.shoot(page, "home")
    page.get_by_role("link", name="Worklist").first.click()
    camera.shoot(page, "worklist")
    # The second sample: a tumour, of which the shipped model says what it is.
    page.get_by_role("button", name="Read image").nth(1).click()
    page.locator("#panel[data-step=first_read]").wait_for()
    page.keyboard.press("1")
    page.keyboard.press("8")
    camera.shoot(page, "reading-blind")
    page.keyboard.press("Enter")
    page.locator("#panel[data-step=reveal]").wait_for()
    page.keyboard.press("Enter")
    page.locator("#panel[data-step=verdict]").wait_for()
    page.keyboard.press("h")
    camera.shoot(page, "reading-revealed")
    narrow = camera.sign_in("radiologist2", 390, 844)
    narrow.goto(page.url.rsplit("/readings", 1)[0])
    camera.shoot(narrow, "home-narrow")


def uploader(camera: Camera) -> None:
    page = camera.sign_in("uploader")
    page.get_by_role("link", name="Sample studies").first.click()
    camera.shoot(page, "collection")
    page.get_by_role("link", name="Upload").first.click()
    camera.shoot(page, "upload")


def engineer(camera: Camera) -> None:
    page = camera.sign_in("engineer")
    page.get_by_role("link", name="Sample studies").first.click()
    page.locator("main table a").first.click()
    page.wait_for_timeout(800)
    page.keyboard.press("h")
    camera.shoot(page, "study")
    page.goto("/versions")
    camera.shoot(page, "versions")
    page.locator("main a[href^='/versions/']").first.click()
    camera.shoot(page, "version")
    page.goto("/admin/")
    camera.shoot(page, "admin")
    page.goto("/admin/classifier/modelversion/")
    camera.shoot(page, "admin-versions")
    page.goto("/admin/reviews/labelset/freeze/")
    camera.shoot(page, "admin-freeze")


def main(address: str, secrets: str, folder: str = "docs/screenshots") -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
        camera = Camera(browser, address, json.loads(Path(secrets).read_text()), Path(folder))
        for who in (radiologist, uploader, engineer):
            who(camera)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
