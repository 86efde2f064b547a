"""What a test waits for before it presses keys."""

from playwright.sync_api import Page


def image_ready(page: Page) -> None:
    """Wait until the image is drawn and every script has run: a key pressed before that goes into the void.

    The caller first expects something that only the page it waits for shows; a page on its way out is ready, too.
    """
    page.wait_for_selector("mri-viewer[data-state=ready]")
    page.wait_for_load_state("load")
