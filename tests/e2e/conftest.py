"""Chromium, a page that fails the test on any breach of the CSP or script error, and the gallery's server."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.pictures import MAPS, ramp, write_png
from tests.e2e.portal import Portal, start_portal

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# For what has to come: longer than a machine that also trains a network takes. No test measures speed by it.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
LISTEN = "addEventListener('securitypolicyviolation', (e) => console.error('CSP', e.violatedDirective, e.blockedURI));"


@pytest.fixture(scope="session")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """One Chromium for the run."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium_path), args=ARGUMENTS)
        yield browser
        browser.close()


# What browser and htmx write when a server refuses: the page itself handles it.
REFUSALS = ("Failed to load resource", "Response Status Error Code")


def watch(page: Page) -> list[str]:
    """What goes wrong on a page from now on; an answer of 4xx that the page itself handles is not counted."""
    faults: list[str] = []
    page.add_init_script(LISTEN)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console",
        lambda message: (
            message.type == "error" and not message.text.startswith(REFUSALS) and faults.append(message.text)
        ),
    )
    return faults


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page in a context of its own. Breaches of the CSP and script errors fail the test at its end."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    faults = watch(page)
    yield page
    context.close()
    assert faults == []


@dataclass
class Gallery:
    """The server of gallery.py, the folder it serves images from, and what is in them."""

    address: str
    images: Path
    pixels: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """The look on a server of its own, with a few synthetic images."""
    images = tmp_path_factory.mktemp("gallery")
    pixels = {
        "ramp8.png": ramp((128, 128), 8),
        "ramp16.png": ramp((128, 128), 16),
        "flat.png": np.full((128, 128), 100, np.uint8),
    }
    for name, values in pixels.items():
        write_png(images / name, values)
    (images / "maps.json").write_text(json.dumps(MAPS))
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("gallery.py"))],
        env=os.environ | {"GALLERY_IMAGES": str(images)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            yield Gallery(server.stdout.readline().strip(), images, pixels)
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A running demo with data of its own, shared by the tests that use the platform as people do."""
    portal = start_portal(tmp_path_factory.mktemp("portal"))
    yield portal
    portal.stop()


@pytest.fixture
def own_collection(portal: Portal, request: pytest.FixtureRequest) -> str:
    """A collection of this test's own on the running demo, with the demo's people in it."""
    return portal.make_collection(request.node.name)


@pytest.fixture
def sign_in(browser: Browser, portal: Portal) -> Iterator[Callable[[str], Page]]:
    """Opens a browser of one's own for an account, signed in; any script error or CSP breach fails the test."""
    contexts, faults = [], []

    def _sign_in(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=portal.address)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        faults.append(watch(page))
        page.goto("/login?next=/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill(portal.passwords[name])
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Collections")).to_be_visible()
        return page

    yield _sign_in
    for context in contexts:
        context.close()
    assert [fault for group in faults for fault in group] == []
