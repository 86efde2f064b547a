"""Every page, as everybody sees it who may, in both themes and on a phone: axe, the CSP, and nothing cut off.

Addresses come from the resolver: one that is neither looked at nor named as no page fails the test. With SCREENSHOTS
set to a folder, what is looked at is kept there as pictures.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import get_resolver, reverse
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.axe import in_both_themes, violations
from tests.e2e.conftest import PATIENCE_MS, watch

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = pytest.mark.timeout(600)

# Addresses that show no page of their own: what is sent, downloaded, or put into a page by its script.
NO_PAGES = {
    *("healthz", "logout", "token-make", "token-revoke", "schema"),
    *("proposal-approve", "proposal-decline", "version-judge"),
    *("study-status", "study-word", "study-compare-status", "study-ask", "study-purge"),
    *("quarantined-pixels", "quarantined-mask", "quarantined-release", "quarantined-reject"),
    *("image-pixels", "image-hide", "prediction-retry", "read-next", "read-image", "reading-ahead"),
    *("reading-first-read", "reading-reveal", "reading-verdict", "reading-undo", "reading-amend"),
    *("archive-live", "archive-store", "archive-cancel"),
    *("reading-withdraw", "reading-draft", "reading-identity"),
    *("image-dicom", "image-report", "image-saliency", "study-report", "study-results"),
    *(f"webhook-{change}" for change in ("pause", "resume", "rotate", "test", "delete", "redeliver")),
    *("predictions-download", "label-set-entries-download"),
    *(
        "label-set-compare-download",
        "labels-download",
        "figures-download",
        "own-figures-download",
        "figures-compute",
        "known-case-take-back",
        "shadow-end",
        *("rescores-live", "rescore-pause", "rescore-resume", "rescore-cancel"),
        *("label-errors-live", "label-errors-send", "label-set-export"),
        *("training-run-live", "training-run-curve"),
        "training-run-trace-download",
    ),
}
SAME_FOR_ALL = {"login", "api-docs", "password", "admin:password_change"}
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"


class Looking:
    """A browser of one person's, and all that it found wrong."""

    def __init__(self, context: BrowserContext, who: str) -> None:
        context.set_default_timeout(PATIENCE_MS)
        self.page, self.who = context.new_page(), who
        self.faults: list[str] = []
        self._breaches = watch(self.page)

    def at(self, what: str) -> None:
        """Look at the page as it stands."""
        found = in_both_themes(self.page)
        self.page.set_viewport_size(PHONE)
        if not what.startswith("admin:") and (wide := self.page.evaluate(TOO_WIDE)) > 0:
            found.append(f"{wide} px too wide for a phone")
        self.keep(what, "390")
        self.page.set_viewport_size(DESK)
        self.keep(what, "1280")
        self.faults += [f"{self.who} at {what}: {one}" for one in found + self._breaches]
        self._breaches.clear()

    def keep(self, what: str, width: str) -> None:
        """Keep pictures of the page in both themes, where they are wanted."""
        if folder := os.environ.get("SCREENSHOTS"):
            kept = Path(folder, f"{self.who}-{re.sub(r'[^a-z0-9]+', '-', what.lower())[:80]}-{width}")
            theme = self.page.evaluate("document.documentElement.dataset.theme || 'light'")
            self.page.screenshot(path=f"{kept}-{theme}.png", full_page=True)
            other = "light" if theme == "dark" else "dark"
            self.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", other)
            self.page.screenshot(path=f"{kept}-{other}.png", full_page=True)
            self.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)


@pytest.fixture
def house(live_server, transactional_db):
    from tests.e2e.house import build

    return build()


@pytest.fixture
def looking(browser: Browser, live_server) -> Iterator:
    """Opens a browser for somebody, or for a stranger."""
    from tests.e2e.reading_room import sign_in

    contexts = []

    def _looking(who: str, user: object = None) -> Looking:
        context = browser.new_context(viewport=DESK, reduced_motion="reduce", base_url=live_server.url)
        contexts.append(context)
        if user is not None:
            sign_in(context, live_server.url, user)
        return Looking(context, who)

    yield _looking
    for context in contexts:
        # What is still on its way would meet an emptied database.
        for page in context.pages:
            page.goto("about:blank")
        context.close()


def names_of_pages() -> set[str]:
    """The names of all addresses that may show a page of ours, but for the API's and DICOMweb's.

    Of the admin those of things of ours; a thing's history and its deletion are Django's own pages, and so are what
    comes with the admin and with other apps.
    """
    here = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    admin = get_resolver().namespace_dict["admin"][1].reverse_dict
    ours = re.compile(r"(accounts|audit|classifier|outbox|reviews)_\w+?_(?!history|delete)\w+$")
    return {name for name in here if name == "api-docs" or not name.startswith(("api-", "dicomweb-"))} | {
        f"admin:{name}" for name in admin if isinstance(name, str) and ours.match(name)
    }


def test_every_page_of_everybody(house, looking) -> None:
    from tests.e2e.house import admin_pages, pages

    everything = [*pages(house), *admin_pages()]
    looked_at = {name for name, _ in everything}
    assert names_of_pages() - looked_at - NO_PAGES == set(), (
        "a new address: look at it, or say that it is no page"
    )
    assert (looked_at - names_of_pages()) <= {name for name in looked_at if name.startswith("admin:")}

    faults, reached, seen = [], set(), set()
    for who, user in [("stranger", None), *house.people.items()]:
        client, looks = Client(), looking(who, user)
        if user is not None:
            client.force_login(user)
        for number, (name, address) in enumerate(everything):
            status = client.get(address).status_code
            if status == 200:
                reached.add(name)
            # What is the same for everybody is looked at once, and so is each kind of refusal.
            alike = name if name in SAME_FOR_ALL else f"{who} {address}" if status == 200 else status
            if alike not in seen and (status == 200 or status >= 400):
                seen.add(alike)
                looks.page.goto(address, wait_until="load")
                looks.at(f"{name} {number} {status}")
        faults += looks.faults
    assert not faults, "\n".join(faults)
    # Records are made by what happens, not by hand: to add one is nobody's.
    assert {name for name in looked_at - reached if not name.endswith("_add")} == set(), "nobody got to these"


def test_the_reading_page_in_everything_it_does(house, looking) -> None:
    """Help, region, map, window, a choice, the refusal of an empty form, both steps after it, an amendment."""
    looks = looking("radiologist at work", house.people["radiologist"])
    page = looks.page
    page.goto(reverse("reading", args=[house.readings["first_read"].pk]))
    page.wait_for_selector("mri-viewer[data-state=ready]")
    looks.at("first read")
    for key, what in (
        ("?", "help"),
        ("Escape", "help closed"),
        ("r", "region"),
        ("w", "window"),
        ("Escape", "closed"),
    ):
        page.keyboard.press(key)
        looks.at(what)
    page.keyboard.press("2")
    page.keyboard.press("8")
    looks.at("chosen")
    page.keyboard.press("Enter")
    expect(page.locator("#panel[data-step=reveal]")).to_be_visible()
    looks.at("first read committed")
    page.get_by_role("button", name="Show it").click()
    expect(page.locator("#panel[data-step=verdict]")).to_be_visible()
    looks.at("answer shown")
    page.keyboard.press("h")
    looks.at("map")
    page.set_viewport_size(PHONE)
    looks.faults += violations(page)
    page.set_viewport_size(DESK)
    page.goto(reverse("reading", args=[house.readings["done"].pk]) + "?amend=1")
    looks.at("amendment")
    assert not looks.faults, "\n".join(looks.faults)


def test_figures_on_paper(house, looking) -> None:
    """Each chart prints with its numbers as a table; what only a screen can use does not."""
    looks = looking("engineer on paper", house.people["ml_engineer"])
    page = looks.page
    page.goto(reverse("figures", args=[house.collection.pk]))
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    drawn = page.locator("section.figure:has(svg.chart)")
    assert drawn.count() > 3
    for figure in drawn.all():
        expect(figure.locator("svg.chart").first).to_be_visible()
        expect(figure.locator("table")).to_be_visible()
    assert page.locator("button:visible, a.button:visible, .topbar:visible").count() == 0
    assert page.evaluate(TOO_WIDE) <= 0
    looks.keep("figures", "paper")


def test_axe_and_the_watch_see_what_is_wrong(house, looking) -> None:
    """Without this the tests above could pass because they look at nothing."""
    looks = looking("stranger")
    looks.page.goto(reverse("login"))
    broken = '<img src="/x.png"><p style="color: red">x'
    looks.page.evaluate(
        "(html) => document.querySelector('main').insertAdjacentHTML('beforeend', html)", broken
    )
    looks.at("broken")
    assert any("image-alt" in fault for fault in looks.faults)
    assert any("style-src" in fault for fault in looks.faults)
