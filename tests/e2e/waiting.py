"""What a test waits for before it presses keys."""

from playwright.sync_api import Page


def ahead(page: Page) -> list[str]:
    """Which images the reading's page fetches ahead."""
    return page.evaluate(
        "fetch(document.getElementById('reading-script').dataset.ahead)"
        ".then((answer) => answer.json()).then(({images}) => images)"
    )


def image_ready(page: Page) -> None:
    """Wait until the image is drawn and every script has run: a key pressed before that goes into the void.

    The caller first expects something that only the page it waits for shows; a page on its way out is ready, too.
    """
    page.wait_for_selector("mri-viewer[data-state=ready]")
    page.wait_for_load_state("load")


def press(page: Page, key: str) -> None:
    """Press a key; Enter as a person does who has seen what the last Enter did: sooner, the page takes two for one."""
    if key == "Enter":
        page.wait_for_timeout(300)
    page.keyboard.press(key)
