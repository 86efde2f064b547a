"""Parts of pages that come anew by themselves take nothing from under somebody's fingers. In Chromium."""

import os

import pytest
from playwright.sync_api import expect

from classifier.models import Promotion
from tests.e2e.conftest import PATIENCE_MS

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = pytest.mark.timeout(300)
MARK = "(place) => { place.marked = true; }"
COME_ANEW = "(selector) => { const place = document.querySelector(selector); return place && !place.marked; }"


@pytest.fixture
def ward(transactional_db):
    """A collection with an engineer, of whose one image the first version has said something."""
    from tests.factories import analysed_image, make_collection, make_user, make_version

    make_version()
    collection = make_collection("Neuro")
    make_user("erin", collection=collection, role="ml_engineer")
    make_user("rivera", collection=collection, role="radiologist")
    analysed_image(collection)
    return collection


@pytest.fixture
def page(browser, live_server, ward):
    """The engineer's browser."""
    from mriplatform.accounts.models import User
    from tests.e2e.conftest import watch
    from tests.e2e.reading_room import sign_in

    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", base_url=live_server.url
    )
    context.set_default_timeout(PATIENCE_MS)
    sign_in(context, live_server.url, User.objects.get(username="erin"))
    page = context.new_page()
    faults = watch(page)
    yield page
    page.goto("about:blank")
    context.close()
    assert faults == []


def focus_stays(page, selector, control):
    """Whether a control has the focus after its part of the page came anew."""
    control.focus()
    page.locator(selector).evaluate(MARK)
    page.wait_for_function(COME_ANEW, arg=selector)
    expect(control).to_be_focused()


def newer_version():
    from tests.factories import make_version

    version = make_version()
    Promotion.objects.create(
        sequence=Promotion.objects.count() + 1, model_version=version, kind="promote", reason="for the test"
    )
    return version


def test_a_pass_over_the_backlog_can_be_paused_and_ended_by_keys(page, ward):
    from mriplatform.accounts.models import User
    from reviews.models import Rescore
    from reviews.services.rescoring import pause_rescore, start_rescore

    engineer = User.objects.get(username="erin")
    rescore = start_rescore(
        actor=engineer, collection=ward, version=newer_version(), per_minute=1, reason="newer"
    )
    page.goto(f"/collections/{ward.pk}/rescores")
    live = page.locator("#rescore-live")
    for control in (
        live.get_by_role("link"),
        live.get_by_role("button", name="Pause"),
        live.get_by_role("button", name="Cancel the pass"),
    ):
        focus_stays(page, "#rescore-live", control)
    pause_rescore(actor=engineer, rescore=rescore)
    focus_stays(page, "#rescore-live", live.get_by_role("button", name="Go on"))
    live.get_by_role("button", name="Cancel the pass").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The last pass")).to_be_visible()
    assert Rescore.objects.get().status == "cancelled"


def test_an_image_of_a_comparison_that_is_awaited(page, ward):
    from classifier.models import Image, JobStatus, Prediction

    image = Image.objects.get()
    version = newer_version()
    Prediction.objects.create(
        image=image, model_version=version, for_comparison=True, status=JobStatus.QUEUED
    )
    page.goto(f"/studies/{image.study_id}/compare?version={version.pk}")
    link = page.locator("#compared").get_by_role("link", name="Image 1")
    focus_stays(page, "#compared", link)


def test_what_is_ticked_while_labels_are_looked_at_again_stays_ticked(page, ward):
    from classifier.models import ModelVersion
    from mriplatform.accounts.models import User
    from reviews.models import LabelErrorSearch
    from reviews.services.label_sets import freeze_label_set
    from tests.factories import analysed_image
    from tests.reviews.acts import Read

    Read().finished(User.objects.get(username="rivera"), analysed_image(ward), "meningioma")
    label_set = freeze_label_set(actor=User.objects.get(username="erin"), collection=ward)
    (entry,) = label_set.entries.all()
    row = [str(entry.image_id), entry.label, "notumor", 0.1, 0.8, 0.85, True]
    found = {"rows": [row], "likely": 1, "used": 1, "without": 0, "joint": [], "seconds": 0.2}
    LabelErrorSearch.objects.create(
        label_set=label_set, model_version=ModelVersion.objects.first(), status="succeeded", result=found,
        finished_at=label_set.created_at,
    )  # fmt: skip
    search = LabelErrorSearch.objects.create(label_set=label_set)
    page.goto(f"/label-sets/{label_set.pk}/errors")
    tick = page.get_by_role("checkbox")
    tick.focus()
    page.keyboard.press("Space")
    for _ in range(2):
        with page.expect_response("**/errors/live") as looked:
            pass
        assert looked.value.status == 204
    expect(tick).to_be_checked()
    expect(tick).to_be_focused()
    LabelErrorSearch.objects.filter(pk=search.pk).update(status="failed", failure_reason="It was stopped.")
    expect(page.get_by_role("alert")).to_contain_text("It was stopped.")
    expect(tick).to_be_focused()
