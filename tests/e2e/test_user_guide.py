"""The keys of the user guide are those of the page, and the pictures that it shows are there."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.test_reading_beside import subject  # noqa: F401  a fixture
from tests.e2e.waiting import image_ready, press

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEYS = "() => [...document.querySelectorAll('[data-key]')].flatMap((one) => one.dataset.key.split(/\\s+/))"


def in_the_guide() -> set[str]:
    table = (DOCS / "user-guide.md").read_text().split("### Keys")[1].split("## Settle")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| <kbd>")]
    shown = {key for row in rows for key in re.findall(r"<kbd>(.+?)</kbd>", row)}
    return {re.sub(r"\b[A-Z]$", lambda letter: letter[0].lower(), key) for key in shown}


def test_the_guide_lists_the_keys_of_the_reading_page(subject) -> None:  # noqa: F811
    """Through all steps of a reading that differs from the machine's answer, in a study with more images, and after."""
    page, address, *_ = subject
    page.goto(address)
    image_ready(page)
    # What one says with stands first on the sheet.
    press(page, "?")
    expect(page.locator("#key-sheet dt").first).to_have_text("1")
    press(page, "Escape")
    keys = set(page.evaluate(KEYS))
    for own in ("2", "8", "Enter"):
        press(page, own)
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    keys |= set(page.evaluate(KEYS))
    press(page, "Enter")
    expect(page.locator("form.verdict")).to_be_visible()
    press(page, "h")
    keys |= set(page.evaluate(KEYS))
    for verdict in ("a", "l", "Enter"):
        press(page, verdict)
    page.wait_for_url(lambda url: url != address)
    for change in ("", "?amend=1", "?withdraw=1"):
        page.goto(address + change)
        image_ready(page)
        keys |= set(page.evaluate(KEYS))
    assert in_the_guide() == keys - {""}


def test_every_picture_that_a_document_shows_is_there_and_shown() -> None:
    texts = [DOCS / "user-guide.md", DOCS / "new-user-trial.md", DOCS.parent / "README.md"]
    shown = {
        (text.parent / path).resolve()
        for text in texts
        for path in re.findall(r"\]\(([^)]+\.(?:webp|png))\)", text.read_text())
    }
    kept = {path for path in (DOCS / "screenshots").iterdir() if path.suffix in (".webp", ".png")}
    assert shown == kept
