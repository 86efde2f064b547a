"""An adjudicator in a real browser, by keys alone: what is open, both reads without names, two decisions, one anew."""

import os

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.e2e.waiting import image_ready

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def disputed(live_server, transactional_db):
    """A collection with two images on which rivera and chen disagree, and an adjudicator of it."""
    from classifier.models import Image
    from reviews.services.protocols import set_protocol
    from tests.e2e.reading_room import furnish
    from tests.factories import make_user
    from tests.reviews.acts import Read

    collection, rivera = furnish()
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    chen = make_user("chen", collection=collection, role="radiologist")
    images = list(Image.objects.filter(collection=collection).order_by("created_at", "id"))[:2]
    for image in images:
        Read().finished(rivera, image, "meningioma")
        Read().finished(chen, image, "pituitary")
    return collection, make_user("okafor", collection=collection, role="adjudicator"), images


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def decision_shown(page: Page, image: object) -> None:
    expect(page.get_by_role("heading", name=f"Deciding image {image.short_id}")).to_be_attached()
    image_ready(page)


def listed(page: Page, images: int) -> None:
    """The list with so many images, its scripts run."""
    if images:
        expect(page.get_by_role("row")).to_have_count(1 + images)
    else:
        expect(page.get_by_role("heading", name="Nothing to decide")).to_be_visible()
    page.wait_for_load_state("load")


def test_two_decisions_by_keys_alone_and_one_of_them_anew(live_server, disputed, page: Page) -> None:
    from reviews.models import Adjudication
    from reviews.selectors import final_label
    from tests.e2e.reading_room import sign_in

    collection, okafor, (first, second) = disputed
    sign_in(page.context, live_server.url, okafor)
    page.goto(live_server.url + reverse("disagreements", args=[collection.pk]))
    listed(page, 2)

    # The first: both reads are there, neither names nor times nor the machine's answer.
    press(page, "n")
    decision_shown(page, first)
    expect(page.get_by_role("heading", name="Reader 1")).to_be_visible()
    expect(page.get_by_role("heading", name="Reader 2")).to_be_visible()
    side = page.get_by_role("complementary", name="Decision")
    for hidden in ("rivera", "chen", "Rivera", "Probably", "%"):
        expect(side).not_to_contain_text(hidden)
    assert page.locator("time").count() == 0

    # Digits typed into the reasons are text, not answers.
    press(page, "2", "n")
    page.keyboard.type("Dural tail, 1 of 2 slices.")
    press(page, "Escape", "Enter")
    decision_shown(page, second)
    expect(page.get_by_text(f"The final label of image {first.short_id} is recorded.")).to_be_visible()

    # Without a reason nothing is sent; then the last of them leads back to the list.
    press(page, "0", "Enter")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.type("Motion.")
    press(page, "Escape", "Enter")
    listed(page, 0)

    # What was decided, and the first of it anew.
    press(page, "d")
    listed(page, 2)
    press(page, "n")
    decision_shown(page, second)
    expect(side).to_contain_text("Motion.")
    press(page, "c")
    expect(page.get_by_role("button", name="Record the final label")).to_be_visible()
    image_ready(page)
    press(page, "4", "n")
    page.keyboard.type("In the sella after all.")
    press(page, "Escape", "Enter")
    listed(page, 0)

    assert (final_label(first).label, final_label(second).label) == ("meningioma", "pituitary")
    said = list(Adjudication.objects.order_by("id").values_list("image", "label", "rationale"))
    assert said == [
        (first.pk, "meningioma", "Dural tail, 1 of 2 slices."),
        (second.pk, "", "Motion."),
        (second.pk, "pituitary", "In the sella after all."),
    ]
    page.goto("about:blank")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_fit(live_server, disputed, browser, width, scheme) -> None:
    """No page is wider than the window; a reason that was refused is said where it was typed."""
    from tests.e2e.reading_room import sign_in

    collection, okafor, (first, _) = disputed
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        sign_in(context, live_server.url, okafor)
        folder = os.environ.get("SCREENSHOTS")
        for name, address in (
            ("disagreements", reverse("disagreements", args=[collection.pk])),
            ("disagreement", reverse("disagreement", args=[collection.pk, first.pk])),
        ):
            page.goto(live_server.url + address)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if folder:
                page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)
        page.goto("about:blank")
