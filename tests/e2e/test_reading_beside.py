"""What stands beside the image being read: the other images of its study, the subject's earlier studies."""

import os
from datetime import timedelta

import numpy as np
import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture
def subject(live_server, transactional_db, page: Page):
    """One subject's two studies, the newer of three images, the older of two; the reader, at the newer's first."""
    from classifier.models import Image, Study
    from tests.e2e.reading_room import furnish, say, sign_in, slice_image

    collection, reader = furnish()
    Image.objects.update(hidden_at="2020-01-01T00:00Z")
    images = [
        slice_image(collection, "glioma", pixels=np.full((64, 64), 30 * number)) for number in range(1, 6)
    ]
    older, newer = images[0].study, images[2].study
    for position, image in enumerate(images):
        image.study = older if position < 2 else newer
        image.position = position
        image.save()
        say(image, "glioma", 0.8)
    Study.objects.filter(pk__in=[older.pk, newer.pk]).update(subject_key="k" * 64)
    Study.objects.filter(pk=older.pk).update(created_at=older.created_at - timedelta(days=40))
    Study.objects.exclude(pk__in=[older.pk, newer.pk]).update(subject_key="k" * 63)
    sign_in(page.context, live_server.url, reader)
    from reviews.services.reading import claim_image

    reading = claim_image(reader=reader, image=Image.objects.get(pk=images[2].pk))
    yield page, live_server.url + reverse("reading", args=[reading.pk]), older, [str(i.pk) for i in images]
    page.goto("about:blank")


def read_by_another(images: list[str]) -> None:
    from classifier.models import Image
    from reviews.services.reading import claim_image, commit_first_read, give_verdict, reveal
    from tests.factories import make_user

    for image in Image.objects.filter(pk__in=images).select_related("collection"):
        reader = make_user(f"reader-{image.short_id}", collection=image.collection, role="radiologist")
        reading = claim_image(reader=reader, image=image)
        commit_first_read(reader=reader, reading=reading, label="glioma", confidence=3)
        reveal(reader=reader, reading=reading)
        give_verdict(reader=reader, reading=reading, verdict="confirm", label="glioma")


def test_the_earlier_study_comes_beside_when_asked_for_and_nothing_of_it_but_pixels(subject) -> None:
    page, address, older, images = subject
    read_by_another(images[:2])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#viewer[data-state=ready]")
    page.wait_for_load_state("networkidle")
    # Nothing of the older study is to be read next, so nothing of it is fetched ahead.
    assert [url for url in asked if any(image in url for image in images[:2])] == []
    page.keyboard.press("b")
    beside = page.locator("earlier-studies mri-viewer")
    expect(beside).to_have_attribute("data-state", "ready")
    expect(beside.locator("[data-hud=tl]")).to_contain_text(f"Earlier · Study {older.short_id}")
    assert beside.evaluate("v => v.pixels.data[0]") == 30
    first, second = page.locator("#viewer").bounding_box(), beside.bounding_box()
    assert first["x"] + first["width"] <= second["x"] + 1
    assert min(first["width"], second["width"]) > 300
    assert abs(first["width"] - second["width"]) < 40
    # Keys act on the image in focus, which is turned over and moved by itself.
    beside.locator(".viewer-stage").focus()
    page.keyboard.press("j")
    page.wait_for_function("() => document.querySelector('earlier-studies mri-viewer').pixels.data[0] === 60")
    page.keyboard.press("+")
    assert beside.evaluate("v => v.view.fitted") is False
    assert page.locator("#viewer").evaluate("v => [v.view.fitted, v.pixels.data[0]]") == [True, 90]
    assert "only looked at" not in beside.inner_text()
    answers = {url for url in asked if any(image in url for image in images)}
    assert all(url.endswith("/pixels.png") for url in answers)
    page.locator("summary", has_text="Earlier study").click()
    expect(beside).to_be_hidden()


def test_the_studys_other_images_are_looked_at_while_one_is_read(subject) -> None:
    page, address, _, images = subject
    page.goto(address)
    page.wait_for_selector("#viewer[data-state=ready]")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.wait_for_function("() => document.querySelector('#viewer').pixels.data[0] === 150")
    expect(page.locator("#viewer > [data-hud=bl]")).to_have_text("only looked at · you are reading image 1")
    page.keyboard.press("1")
    page.keyboard.press("8")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    from reviews.models import Reading

    assert [str(reading.image_id) for reading in Reading.objects.all()] == [images[2]]


def test_one_first_read_for_several_images_by_keys(subject) -> None:
    from reviews.models import ReviewEvent

    page, address, _, images = subject
    page.goto(address)
    page.wait_for_selector("#viewer[data-state=ready]")
    page.wait_for_load_state("load")
    for key in ("1", "8", "j", "s"):
        page.keyboard.press(key)
    # From the image that is read to the one that is looked at.
    expect(page.get_by_label("From image")).to_have_value("1")
    expect(page.get_by_label("to", exact=True)).to_have_value("2")
    expect(page.get_by_label("to", exact=True)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    said = ReviewEvent.objects.order_by("reading__image__position").values_list(
        "kind", "label", "reading__image"
    )
    assert [(*words, str(image)) for *words, image in said] == [
        ("first_read", "glioma", one) for one in images[2:]
    ]


def test_without_scripts_the_earlier_images_are_links(subject, browser) -> None:
    page, address, _, images = subject
    with browser.new_context(java_script_enabled=False) as context:
        context.add_cookies(page.context.cookies())
        plain = context.new_page()
        plain.goto(address)
        plain.locator("summary", has_text="Earlier study").click()
        links = plain.locator(".earlier-list a")
        assert links.count() == 2
        assert images[0] in links.first.get_attribute("href")
