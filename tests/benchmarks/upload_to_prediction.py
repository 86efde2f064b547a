"""How long from an upload to its prediction shown, on a running demo, warm.

    ./dev run python -m tests.benchmarks.upload_to_prediction [--uploads 30]

Starts a demo with data of its own and measures two ways, one upload at a time: by the API (POST until the study says
`succeeded`), and in a real browser (from pressing *Send* until the study's page says *Analysed*). Prints percentiles
in milliseconds.
"""

import argparse
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import requests
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import find_chromium
from tests.e2e.conftest import ARGUMENTS
from tests.e2e.portal import Portal, start_portal
from tests.pictures import picture_png

WARM_UP = 5


def by_api(portal: Portal, collection: str) -> Callable[[int], float]:
    session = requests.Session()
    session.headers["Authorization"] = f"Token {portal.token('uploader')}"

    def one(seed: int) -> float:
        data = picture_png(seed, 512)
        started = time.perf_counter()
        sent = session.post(
            f"{portal.address}/api/v1/studies",
            data={"collection": collection},
            files={"files": ("a.png", data)},
        )
        sent.raise_for_status()
        study = f"{portal.address}/api/v1/studies/{sent.json()['studies'][0]['id']}"
        while session.get(study).json()["status"] != "succeeded":
            time.sleep(0.005)
        return time.perf_counter() - started

    return one


def by_page(portal: Portal, collection: str, page: Page) -> Callable[[int], float]:
    page.goto(f"{portal.address}/login?next=/")
    page.get_by_label("Username").fill("uploader")
    page.get_by_label("Password").fill(portal.passwords["uploader"])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Collections")).to_be_visible()

    def one(seed: int) -> float:
        page.goto(f"{portal.address}/collections/{collection}/upload")
        file = {"name": "a.png", "mimeType": "image/png", "buffer": picture_png(seed, 512)}
        page.locator("input[type=file]").set_input_files(file)
        send = page.get_by_role("button", name="Send")
        started = time.perf_counter()
        send.click()
        page.wait_for_url(re.compile(r"/studies/[0-9a-f-]+$"), wait_until="commit")
        page.locator("main").get_by_text("Analysed").first.wait_for()
        return time.perf_counter() - started

    return one


def report(name: str, one: Callable[[int], float], uploads: int, first_seed: int) -> None:
    for seed in range(WARM_UP):
        one(first_seed + seed)
    seconds = [one(first_seed + WARM_UP + seed) for seed in range(uploads)]
    p50, p95, worst = np.percentile(seconds, [50, 95, 100]) * 1000
    print(f"{name:<8} p50 {p50:6.0f} ms   p95 {p95:6.0f} ms   worst {worst:6.0f} ms   ({uploads} uploads)")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uploads", type=int, default=30)
    uploads = parser.parse_args().uploads
    # One upload after another would soon reach the limit of a person's uploads in a minute.
    os.environ["UPLOADS_PER_MINUTE"] = "100000"
    with tempfile.TemporaryDirectory() as folder:
        portal = start_portal(Path(folder) / "demo")
        try:
            collection = portal.make_collection("Benchmark")
            report("API", by_api(portal, collection), uploads, 10_000)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
                report("page", by_page(portal, collection, browser.new_page()), uploads, 20_000)
                browser.close()
        finally:
            portal.stop()


if __name__ == "__main__":
    main()
