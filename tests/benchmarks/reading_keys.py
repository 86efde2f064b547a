"""What an agreed case costs a reader: keystrokes, and the wait from the last key to the next image on the screen.

    ./dev run python -m tests.benchmarks.reading_keys [--images 40] [--check]

Starts a demo with data of its own, has it analyse synthetic slices, and reads them in Chromium by keys alone, blinded,
each time saying what the model will say. The wait runs from the moment the browser received the last key to the first
frame after the next image was drawn on its canvas; before each last key the page has had time to fetch that image
ahead. Also the wait from a key to the model's answer on the page. `--check` fails where a goal is missed.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import requests
from playwright.sync_api import Page, expect, sync_playwright

from ml.labels import CLASSES
from mriplatform.demo.slices import draw_slice
from tests.conftest import find_chromium
from tests.e2e.conftest import ARGUMENTS
from tests.e2e.portal import Portal, start_portal
from tests.pictures import png

WARM_UP = 3
MOST_KEYS = 3
MOST_MS = 150
AHEAD_MS = 1500
ANSWERS = """
import json
from classifier.models import Prediction
rows = Prediction.objects.filter(image__collection={collection!r}, status="succeeded")
print("answers", json.dumps({{str(row.image_id): row.label for row in rows}}))
"""
# Absolute times, since a key is pressed on one document and the image may be drawn on the next.
CLOCK = """(() => {
  const now = () => performance.timeOrigin + performance.now();
  addEventListener("keydown", (event) => {
    sessionStorage.keys = Number(sessionStorage.keys ?? 0) + 1;
    sessionStorage.pressed = performance.timeOrigin + event.timeStamp;
  }, true);
  addEventListener("viewer:ready", (event) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => { sessionStorage.drawn = JSON.stringify([event.target.getAttribute("src"), now()]); };
    port2.postMessage(null);
  }));
  addEventListener("htmx:load", () => requestAnimationFrame(() => { sessionStorage.swapped = now(); }));
})()"""


def send_slices(portal: Portal, collection: str, count: int) -> dict[str, str]:
    """Upload slices and wait until they are analysed; returns the model's label by image."""
    session = requests.Session()
    session.headers["Authorization"] = f"Token {portal.token('uploader')}"
    for number in range(count):
        kind = CLASSES[number % len(CLASSES)]
        data = png(draw_slice(kind, ("axial", "sagittal", "coronal")[number % 3], 5000 + number))
        sent = session.post(
            f"{portal.address}/api/v1/studies",
            data={"collection": collection},
            files={"files": (f"{number}.png", data)},
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


def stored(page: Page, name: str) -> Any:
    return page.evaluate("(name) => JSON.parse(sessionStorage[name] ?? 'null')", name)


def read_one(page: Page, labels: dict[str, str]) -> tuple[int, float, float]:
    """Read the image that is shown, agreeing; returns keys after the first read, ms to the answer, ms to the next."""
    page.wait_for_selector("#viewer[data-state=ready]")
    expect(page.get_by_text("What do you see?")).to_be_visible()
    source = page.locator("#viewer").get_attribute("src") or ""
    label = labels[source.split("/")[-2]]
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(AHEAD_MS)
    keys = ["0"] if label == "not_assessable" else [str(CLASSES.index(label) + 1), "9"]
    for key in (*keys, "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Show it").wait_for()
    page.evaluate("sessionStorage.keys = 0")
    page.keyboard.press("Enter")
    page.locator("form.verdict").wait_for()
    answered = stored(page, "swapped") - stored(page, "pressed")
    page.keyboard.press("a")
    page.wait_for_function(
        "(source) => { const [drawn] = JSON.parse(sessionStorage.drawn); return drawn !== source; }",
        arg=source,
    )
    _, drawn = stored(page, "drawn")
    return stored(page, "keys"), answered, drawn - stored(page, "pressed")


def line(words: str, figures: list[float]) -> float:
    p50, p95, worst = np.percentile(figures, [50, 95, 100])
    print(
        f"{words:<34} p50 {p50:5.0f} ms   p95 {p95:5.0f} ms   worst {worst:5.0f} ms   ({len(figures)} images)"
    )
    return float(p95)


def measure(portal: Portal, images: int) -> tuple[int, float]:
    """Most keystrokes of a case after its first read, and the p95 of the wait for the next image."""
    collection = portal.make_collection("Benchmark")
    # One more than are read, so that a next image always waits.
    labels = send_slices(portal, collection, WARM_UP + images + 1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(CLOCK)
        enter(page, portal, collection)
        read = [read_one(page, labels) for _ in range(WARM_UP + images)][WARM_UP:]
        browser.close()
    keys = max(count for count, _, _ in read)
    print(f"keystrokes of an agreed case       {keys} after the first read (goal {MOST_KEYS})")
    line("a key to the model's answer", [answered for _, answered, _ in read])
    return keys, line("the last key to the next image", [drawn for _, _, drawn in read])


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
            keys, p95 = measure(portal, chosen.images)
        finally:
            portal.stop()
    if chosen.check and (keys > MOST_KEYS or p95 > MOST_MS):
        sys.exit("A goal is missed.")


if __name__ == "__main__":
    main()
