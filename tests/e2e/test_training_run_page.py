"""The page of a training run, in Chromium: it grows by itself under a keyboard and a screen reader, and then rests."""

import os

import pytest
from playwright.sync_api import expect

from classifier.models import RunStatus, TrainingRun
from tests.e2e.axe import in_both_themes
from tests.e2e.conftest import PATIENCE_MS

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = pytest.mark.timeout(300)
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
SPOKEN = """() => {
  window.spoken = [];
  const region = document.querySelector('live-region');
  new MutationObserver(() => region.textContent && window.spoken.push(region.textContent))
    .observe(region, { childList: true, characterData: true, subtree: true });
}"""


@pytest.fixture
def engineer_page(browser, live_server, transactional_db):
    """An engineer's browser, and a run in the middle of its fit."""
    from tests.e2e.conftest import watch
    from tests.e2e.reading_room import sign_in
    from tests.factories import analysed_image, make_collection, make_user, make_version
    from tests.reviews.acts import Read
    from tests.reviews.runs import freeze, make_run

    make_version()
    collection = make_collection("Neuro")
    reader = make_user("rivera", collection=collection, role="radiologist")
    engineer = make_user("erin", collection=collection, role="ml_engineer")
    for said in ("meningioma", "pituitary", "not_assessable"):
        Read().finished(reader, analysed_image(collection), said)
    run = make_run(freeze(collection), started_by=engineer)
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", base_url=live_server.url
    )
    context.set_default_timeout(PATIENCE_MS)
    sign_in(context, live_server.url, engineer)
    page = context.new_page()
    faults = watch(page)
    yield page, run
    page.goto("about:blank")
    context.close()
    assert faults == []


def look(page, name):
    """Nothing serious by axe in either theme, nothing wider than a phone; kept as pictures where they are wanted."""
    found = in_both_themes(page)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(TOO_WIDE) <= 0, name
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
    assert found == []


def test_the_curve_grows_under_the_keyboard_and_the_end_is_said_once(engineer_page):
    from classifier.services.tracing import record_trace
    from reviews.models import LabelSet
    from tests.reviews.runs import FIGURES, PROGRESS, lines_of

    page, run = engineer_page
    page.goto(f"/training-runs/{run.pk}")
    page.evaluate(SPOKEN)
    cancel = page.get_by_role("link", name="Cancel the run")
    cancel.focus()
    curve = page.locator("#run-live polyline").first
    before = curve.get_attribute("points")
    step = {
        "stage": "head",
        "step": 9,
        "steps": 40,
        "loss": 0.05,
        "validation_loss": 0.06,
        "validation_accuracy": 0.97,
    }
    TrainingRun.objects.filter(pk=run.pk).update(progress=[*PROGRESS, step])
    expect(page.get_by_text("Fits the head: 9 of 40.")).to_be_visible()
    assert curve.get_attribute("points") != before
    expect(cancel).to_be_focused()
    # A look that brings no other state has nothing to say.
    assert page.evaluate("window.spoken") == []
    look(page, "run-working")

    record_trace(run=run, lines=lines_of(LabelSet.objects.get()))
    report = {"counts": {"train": 2, "excluded": 1}, "incumbent": FIGURES, "candidate": FIGURES}
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED, report=report)
    expect(page.get_by_role("heading", name="Finished")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Candidate")).to_be_visible()
    expect(cancel).to_have_count(0)
    page.wait_for_function("() => window.spoken.length > 0")
    assert page.evaluate("window.spoken") == ["Training run 1: Finished"]
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []
    look(page, "run-finished")

    page.get_by_role("link", name="Each label, and why").click()
    page.get_by_label("Used as").select_option("excluded")
    page.get_by_role("button", name="Narrow").click()
    expect(page.get_by_role("cell", name="not assessable")).to_be_visible()
    look(page, "run-trace")


def test_a_run_is_cancelled_after_it_was_asked_once_more(engineer_page):
    page, run = engineer_page
    page.goto(f"/training-runs/{run.pk}")
    page.get_by_role("link", name="Cancel the run").click()
    look(page, "run-cancel")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("is being cancelled")).to_be_visible()
    run.refresh_from_db()
    assert run.cancel_requested_at is not None


def test_the_form_tells_another_recipe_before_it_is_pressed(engineer_page):
    from reviews.models import LabelSet

    page, run = engineer_page
    TrainingRun.objects.filter(pk=run.pk).update(status=RunStatus.CANCELLED)
    page.goto(f"/label-sets/{LabelSet.objects.get().pk}/retrain")
    expect(page.locator("#preview-sentence")).to_contain_text("1 excluded: 1 not assessable.")
    look(page, "retrain")
    page.get_by_label("Recipe").select_option("fine_tune")
    page.get_by_role("button", name="Tell them for what is chosen").click()
    expect(page.get_by_label("Recipe")).to_have_value("fine_tune")
    page.get_by_role("button", name="Retrain", exact=True).click()
    expect(page.get_by_role("heading", name="Training run 2")).to_be_visible()
    assert TrainingRun.objects.get(number=2).recipe["kind"] == "fine_tune"
