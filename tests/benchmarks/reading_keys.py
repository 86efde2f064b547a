"""What an agreed case costs a reader: keystrokes, and the wait from the last key to the next image on the screen.

    ./dev run python -m tests.benchmarks.reading_keys [--images 40] [--check]

Starts a demo with data of its own (gunicorn, Postgres and workers as `./dev demo` runs them), has it analyse synthetic
slices of 512 × 512 pixels, one in four of 16 bit, and reads them in Chromium by keys alone, blinded, each time saying
what the model will say. The wait runs from the moment the browser received the last key to the first frame after the
next image was drawn on its canvas. Before each last key the page has had time to fetch that image ahead; that it did,
and that the image was not asked for again, is checked for each. What the wait consists of, and the time that processors
worked meanwhile (server, database and browser together: on a machine that is busy with other things the rest is
waiting for them), is printed beside it, and so are the first readings, when nothing is warm. `--check` fails where a
goal is missed.
"""

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import requests
from playwright.sync_api import Page, expect, sync_playwright

from ml.labels import CLASSES
from mriplatform.demo.slices import draw_slice
from tests.benchmarks.processors import load, worked_ms
from tests.conftest import find_chromium
from tests.e2e.conftest import ARGUMENTS
from tests.e2e.portal import Portal, start_portal
from tests.pictures import png

WARM_UP = 4
MOST_KEYS = 3
MOST_MS = 150
# A reader looks longer; the page fetches ahead once it has nothing else to do.
AHEAD_MS = 1000
ANSWERS = """
import json
from classifier.models import Prediction
rows = Prediction.objects.filter(image__collection={collection!r}, status="succeeded")
print("answers", json.dumps({{str(row.image_id): row.label for row in rows}}))
"""
CLOCK = """(() => {
  const clock = (window.clock = { keys: 0, pressed: 0, swapped: 0, drawn: [], told: () => {} });
  performance.setResourceTimingBufferSize(10_000);
  addEventListener("keydown", (event) => {
    clock.keys += 1;
    clock.pressed = event.timeStamp;
  }, true);
  // The viewer has drawn on its canvas; after the next frame's callbacks that canvas is on the screen.
  const shown = (act) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = act;
    port2.postMessage(null);
  });
  addEventListener("viewer:ready", ({ target }) => {
    const [source, drew] = [target.getAttribute("src"), performance.now()];
    shown(() => clock.told((clock.drawn = [source, drew, performance.now()])));
  });
  addEventListener("htmx:load", () => shown(() => { clock.swapped = performance.now(); }));
  clock.after = (source) => new Promise((resolve) => {
    clock.told = (drawn) => drawn[0] !== source && resolve(drawn);
    clock.told(clock.drawn);
  });
})()"""
# How the wait went by: the answer's way, and how often the next image was asked for before the key and after it.
COURSE = """([source, pressed]) => {
  const entries = performance.getEntriesByType("resource");
  const answer = entries.findLast((entry) => entry.name.endsWith("/verdict"));
  const asked = entries.filter((entry) => entry.name.endsWith(source));
  const canvas = document.querySelector("#viewer canvas");
  const middle = canvas.getContext("2d").getImageData(canvas.width / 2 - 40, canvas.height / 2 - 60, 80, 80).data;
  return {
    sent: answer.startTime, told: answer.responseStart, placed: clock.swapped,
    before: asked.filter((entry) => entry.responseEnd && entry.responseEnd < pressed).length,
    since: asked.filter((entry) => entry.startTime >= pressed).length,
    seen: middle.some((value, at) => at % 4 < 3 && value > 0),
  };
}"""


@dataclass(frozen=True)
class Case:
    """One agreed case; times in milliseconds, all but `revealed` since the last key."""

    keys: int
    revealed: float
    sent: float
    told: float
    drew: float
    shown: float
    placed: float
    worked: float
    ahead: bool


def send_slices(portal: Portal, collection: str, count: int) -> dict[str, str]:
    """Upload slices and wait until they are analysed; returns the model's label by image."""
    session = requests.Session()
    session.headers["Authorization"] = f"Token {portal.token('uploader')}"
    for number in range(count):
        kind = CLASSES[number % len(CLASSES)]
        pixels = draw_slice(kind, ("axial", "sagittal", "coronal")[number % 3], 5000 + number, 512)
        sent = session.post(
            f"{portal.address}/api/v1/studies",
            data={"collection": collection},
            files={
                "files": (f"{number}.png", png(pixels.astype(np.uint16) * 257 if number % 4 == 3 else pixels))
            },
        )
        sent.raise_for_status()
    return wait_for_answers(portal, collection, count)


def wait_for_answers(portal: Portal, collection: str, count: int) -> dict[str, str]:
    for _ in range(120):
        printed = portal.manage("shell", "-c", ANSWERS.format(collection=collection))
        labels: dict[str, str] = json.loads(printed.partition("answers ")[2])
        if len(labels) == count:
            return labels
    raise SystemExit("The slices were not analysed in time.")


def enter(page: Page, portal: Portal, collection: str) -> None:
    page.goto(f"{portal.address}/login?next=/")
    page.get_by_label("Username").fill("radiologist")
    page.get_by_label("Password").fill(portal.passwords["radiologist"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Collections")).to_be_visible()
    page.goto(f"{portal.address}/collections/{collection}/worklist")
    page.keyboard.press("n")


def read_one(page: Page, labels: dict[str, str]) -> Case:
    """Read the image that is shown, agreeing."""
    page.wait_for_selector("#viewer[data-state=ready]")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    source = page.locator("#viewer").get_attribute("src") or ""
    label = labels[source.split("/")[-2]]
    page.wait_for_load_state("networkidle")
    keys = ["0"] if label == "not_assessable" else [str(CLASSES.index(label) + 1), "9"]
    for key in (*keys, "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Show it").wait_for()
    # Two Enters at once would count as one.
    page.wait_for_timeout(300)
    page.evaluate("clock.keys = 0")
    page.keyboard.press("Enter")
    page.locator("form.verdict").wait_for()
    page.wait_for_timeout(AHEAD_MS)
    revealed = page.evaluate("clock.swapped - clock.pressed")
    worked = worked_ms()
    page.keyboard.press("a")
    following, drew, shown = page.evaluate("(source) => clock.after(source)", source)
    worked = worked_ms() - worked
    page.wait_for_function("() => clock.swapped > clock.pressed")
    keys_pressed, pressed = page.evaluate("[clock.keys, clock.pressed]")
    course: dict[str, Any] = page.evaluate(COURSE, [following, pressed])
    if not course["seen"]:
        raise SystemExit("The next image was said to be drawn, and the canvas is black.")
    ahead = course["before"] > 0 and course["since"] == 0
    times = (course["sent"], course["told"], drew, shown, course["placed"])
    return Case(keys_pressed, revealed, *(at - pressed for at in times), worked=worked, ahead=ahead)


def line(words: str, figures: list[float]) -> float:
    p50, p95, worst = np.percentile(figures, [50, 95, 100])
    print(
        f"{words:<44} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms   worst {worst:5.0f} ms   ({len(figures)} images)"
    )
    return float(p95)


def report(cases: list[Case]) -> tuple[int, float]:
    """Print what reading took; returns the most keystrokes of a case and the p95 of the wait for the next image."""
    first, warm = cases[:WARM_UP], [case for case in cases[WARM_UP:] if case.ahead]
    keys = max(case.keys for case in cases)
    print(f"keystrokes of an agreed case: {keys} after the first read (goal {MOST_KEYS})")
    print(f"next image fetched ahead, and not asked for again: {len(warm)} of {len(cases) - WARM_UP}")
    print("not warm yet, to the next image: " + ", ".join(f"{case.shown:.0f} ms" for case in first))
    if not warm:
        raise SystemExit("No image was fetched ahead.")
    line("a key to the model's answer shown", [case.revealed for case in warm])
    p95 = line("the last key to the next image shown", [case.shown for case in warm])
    line("  of it: until the verdict is sent", [case.sent for case in warm])
    line("  until it is recorded, the next one claimed", [case.told - case.sent for case in warm])
    line("  until the image is drawn", [case.drew - case.told for case in warm])
    line("  until that frame is shown", [case.shown - case.drew for case in warm])
    line("  processors at work meanwhile", [case.worked for case in warm])
    line("the last key to the next first read's form", [case.placed for case in warm])
    return keys, p95


def measure(portal: Portal, images: int) -> list[Case]:
    collection = portal.make_collection("Benchmark")
    # A few more than are read, so that a next image always waits and others behind it.
    labels = send_slices(portal, collection, WARM_UP + images + 4)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(CLOCK)
        enter(page, portal, collection)
        print(
            f"Chromium {browser.version}, 1280 × 800, drawn without a GPU; {len(labels)} studies of one image.",
            flush=True,
        )
        before = load()
        cases = [read_one(page, labels) for _ in range(WARM_UP + images)]
        print(f"Load before: {before}. After: {load()}.")
        browser.close()
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=40)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    # One upload after another would soon reach the limit of a person's uploads in a minute.
    os.environ["UPLOADS_PER_MINUTE"] = "100000"
    with tempfile.TemporaryDirectory() as folder:
        portal = start_portal(Path(folder) / "demo")
        try:
            cases = measure(portal, chosen.images)
        finally:
            portal.stop()
    keys, p95 = report(cases)
    missed = keys > MOST_KEYS or p95 > MOST_MS or not all(case.ahead for case in cases[WARM_UP:])
    if chosen.check and missed:
        sys.exit(f"A goal is missed: {MOST_KEYS} keys, {MOST_MS} ms at p95, every image fetched ahead.")


if __name__ == "__main__":
    main()
