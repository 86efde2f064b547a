"""What the model gives no class, as people meet it: blind and assisted, and end to end with a real checkpoint."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from tests.checkpoints import TURNS_AWAY
from tests.e2e.portal import Portal, said, upload
from tests.e2e.waiting import image_ready, press
from tests.pictures import png

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

SENTENCE = "This does not look like a brain MRI to the model; it gives no class."
NAME_VERSION = """
from classifier.models import ModelVersion
from classifier.services.choices import choose_version
from mriplatform.accounts.models import Collection
collection, version = Collection.objects.get(pk={collection!r}), ModelVersion.objects.get(name="tiny")
choose_version(actor=None, collection=collection, version=version, reason="for the test")
print("chosen", version.number)
"""


@pytest.fixture
def furnished(live_server, transactional_db, page: Page):
    """A way into a collection of one image without a class, beside three with one."""
    from tests.e2e.reading_room import furnish, sign_in, strange_image

    def _furnished(mode: str):
        collection, reader = furnish(mode=mode)
        image = strange_image(collection)
        sign_in(page.context, live_server.url, reader)
        page.goto(live_server.url + reverse("worklist", args=[collection.pk]))
        return image, reader

    yield _furnished
    page.goto("about:blank")


def no_map(page: Page) -> None:
    """Nothing looks like a map, and the map's key does nothing."""
    image_ready(page)
    expect(page.locator("map-controls")).to_have_count(0)
    page.keyboard.press("h")
    assert page.locator("mri-viewer").evaluate("viewer => viewer.mapState.visible") is False


def test_a_blind_reader_learns_it_after_the_first_read(furnished, page: Page) -> None:
    image, reader = furnished("blinded_first")
    expect(page.get_by_text("Not assessable by the model")).to_have_count(0)
    page.get_by_role("button", name=f"Read image {image.short_id}").click()
    expect(page.get_by_text("What do you see?")).to_be_visible()
    image_ready(page)
    for key in ("1", "8", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Show it")).to_be_visible()
    press(page, "Enter")
    expect(page.get_by_text(SENTENCE)).to_be_visible()
    expect(page.get_by_text("There is no map: the model gave no class.")).to_be_visible()
    no_map(page)
    limit, score = (page.locator(f".unlikeness {part}").bounding_box() for part in ("line", "rect"))
    assert score["x"] < limit["x"] < score["x"] + score["width"]
    # To go the machine's way asks for a reason, as any change does.
    for key in ("c", "g", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_text("Recorded: not assessable.", exact=True)).to_be_visible()
    events = reader.readings.get(image=image).events.values_list("kind", "verdict", "label", "reason")
    assert list(events)[-1] == ("verdict", "not_assessable", "", "image_quality")


def test_an_assisted_reader_has_a_list_of_its_own(furnished, page: Page) -> None:
    image, reader = furnished("assisted")
    aside = page.locator("#aside")
    expect(aside.get_by_text(image.short_id)).to_be_visible()
    expect(aside.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("m")
    expect(page.get_by_text(SENTENCE)).to_be_visible()
    no_map(page)
    page.keyboard.press("a")
    page.wait_for_url(re.compile("/worklist$"))
    expect(page.locator("#aside")).to_have_count(0)
    assert reader.readings.get(image=image).events.last().verdict == "not_assessable"


@pytest.mark.timeout(240)
def test_noise_sent_to_a_real_checkpoint_is_set_aside_and_read(
    portal: Portal, own_collection: str, sign_in
) -> None:
    portal.manage("register_model", str(TURNS_AWAY), "--name", "tiny")
    said(portal.manage("shell", "-c", NAME_VERSION.format(collection=own_collection)), "chosen")
    noise = np.random.default_rng(8).integers(0, 256, (300, 300)).astype(np.uint8)
    study = upload(sign_in("uploader"), own_collection, "noise.png", png(noise))
    assert portal.answer(study) == "not_assessable"

    engineer = sign_in("engineer")
    engineer.goto(f"/collections/{own_collection}")
    engineer.get_by_role("link", name=re.compile("^Not assessable")).click()
    expect(engineer.get_by_role("heading", name="Not assessable by the model")).to_be_visible()
    engineer.locator("tbody th a").click()
    expect(engineer.get_by_text(SENTENCE)).to_be_visible()
    no_map(engineer)

    reader = sign_in("radiologist")
    reader.goto(f"/collections/{own_collection}/worklist")
    expect(reader.get_by_text("Not assessable by the model")).to_have_count(0)
    for step, keys in (("first_read", "n"), ("reveal", ("0", "Enter")), ("verdict", ("Enter",))):
        for key in keys:
            press(reader, key)
        expect(reader.locator(f"#panel[data-step={step}]")).to_be_visible()
        image_ready(reader)
    expect(reader.get_by_text(SENTENCE)).to_be_visible()
    reader.keyboard.press("a")
    expect(reader.get_by_text("Recorded: not assessable.", exact=True)).to_be_visible()

    engineer.goto(f"/collections/{own_collection}/labels")
    with engineer.expect_download() as download:
        engineer.get_by_role("link", name="Download JSON").click()
    (row,) = json.loads(Path(download.value.path()).read_text())["labels"]
    assert (row["label"], row["verdict"], row["machine_label"]) == ("not_assessable",) * 3
