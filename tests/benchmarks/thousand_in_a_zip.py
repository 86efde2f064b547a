"""A thousand images in one ZIP, through the portal in a real browser, on a running demo.

    ./dev run python -m tests.benchmarks.thousand_in_a_zip [--images 1000] [--folder FOLDER]

Starts a demo with data of its own (web process, inference worker and doors worker), sends the ZIP from the page and
follows it until every image is stored and predicted. The images are slices that the demo draws, each another one, or
with --folder the first PNG and JPEG files below a folder, such as the real ones of ../shared/data.

Prints images a second stored (from *Send*, the sending and the check included) and predicted, what the page's progress
said on the way, and the memory of the web process: the resident sizes of gunicorn's processes, and of the decoder
children and the fork server below them, before (after a dozen images were sent so) and at their peak. What then
waits in quarantine is let in by the intake reviewer. Exits with 1 where an image is missing in the end, is there twice
or was not predicted, where no progress was shown, or where the peak is 200 MiB or more above before.
"""

import argparse
import os
import re
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests
from playwright.sync_api import Page, sync_playwright

from mriplatform.demo.slices import draw_slice
from tests.conftest import find_chromium
from tests.e2e.conftest import ARGUMENTS
from tests.e2e.portal import Portal, said, start_portal
from tests.pictures import png

LIMIT_MIB = 200
WARM_UP = 12
PATIENCE_SECONDS = 3600
KINDS, PLANES = ("glioma", "meningioma", "notumor", "pituitary"), ("axial", "coronal", "sagittal")
COUNT = """
from classifier.models import Image, Prediction, QuarantinedImage, Study
here = {{"collection": "{collection}"}}
images = Image.objects.filter(**here)
print("apart", QuarantinedImage.objects.filter(status="waiting", **here).count())
print("studies", Study.objects.filter(**here).count())
print("images", images.count())
print("pixels", images.values("pixel_sha256").distinct().count())
print("predicted", Prediction.objects.filter(image__in=images, for_comparison=False, status="succeeded").count())
print("predictions", Prediction.objects.filter(image__in=images, for_comparison=False).count())
"""


@dataclass
class Memory:
    """The resident memory of the web process, sampled ten times a second.

    Attributes:
        before, peak: MiB, by kind of process; `peak` is the moment at which their sum was largest.
    """

    root: int
    before: dict[str, float] = field(default_factory=dict)
    peak: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self.before = self.peak = self.now()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            if sum((now := self.now()).values()) > sum(self.peak.values()):
                self.peak = now

    def now(self) -> dict[str, float]:
        sizes = {"gunicorn": 0.0, "decoder": 0.0}
        for pid, line in web_processes(self.root):
            sizes["gunicorn" if "gunicorn" in line else "decoder"] += resident(pid)
        return sizes

    @property
    def more(self) -> float:
        return sum(self.peak.values()) - sum(self.before.values())


def web_processes(root: int) -> Iterator[tuple[int, str]]:
    """The processes below `root` that are gunicorn's, or below one of these, each with its command line."""
    children: dict[int, list[int]] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            stat, line = (entry / "stat").read_text(), (entry / "cmdline").read_text()
        except OSError:
            continue
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
        lines[int(entry.name)] = line.replace("\0", " ")
    waiting = [(pid, False) for pid in children.get(root, [])]
    while waiting:
        pid, below = waiting.pop()
        web = below or "gunicorn" in lines[pid]
        if web:
            yield pid, lines[pid]
        waiting += [(child, web) for child in children.get(pid, [])]


def resident(pid: int) -> float:
    """MiB; 0 for a process that has ended."""
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def images_of(folder: Path | None, count: int) -> Iterator[tuple[str, bytes]]:
    if folder is None:
        for number in range(count):
            pixels = draw_slice(KINDS[number % 4], PLANES[number // 4 % 3], 50_000 + number)
            yield f"{number + 1}.png", png(pixels)
        return
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    for number, path in enumerate(found[:count]):
        yield f"{number + 1}{path.suffix.lower()}", path.read_bytes()


def zipped(path: Path, images: Iterator[tuple[str, bytes]]) -> int:
    count = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in images:
            out.writestr(name, data)
            count += 1
    return count


def sign_in(page: Page, portal: Portal) -> None:
    page.goto(f"{portal.address}/login?next=/")
    page.get_by_label("Username").fill("uploader")
    page.get_by_label("Password").fill(portal.passwords["uploader"])
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Collections").wait_for()


def send(page: Page, portal: Portal, collection: str, archive: Path) -> list[str]:
    """Send the ZIP by the page, and follow it until it is stored; returns what the progress said on the way."""
    page.goto(f"{portal.address}/collections/{collection}/archives")
    page.locator("input[name=file]").set_input_files(archive)
    page.get_by_label("Store the good ones").check()
    page.get_by_role("button", name="Send", exact=True).click()
    told: list[str] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        place = page.locator("#archive-progress > p, archive-sender .drop-area + p").first
        word = " ".join((place.text_content(timeout=PATIENCE_SECONDS * 1000) or "").split())
        if word and (not told or told[-1] != word):
            told.append(word)
        if word.startswith(("Stored", "Refused", "Failed")):
            return told
        page.wait_for_timeout(250)
    raise AssertionError("The archive was not stored in an hour.")


def counted(portal: Portal, collection: str) -> dict[str, int]:
    out = portal.manage("shell", "-c", COUNT.format(collection=collection))
    names = ("apart", "studies", "images", "pixels", "predicted", "predictions")
    return {name: int(said(out, name)) for name in names}


def let_in(portal: Portal, collection: str) -> None:
    """Let in, as an intake reviewer, what the search for writing took for some: nothing names anybody here."""
    session = requests.Session()
    session.headers["Authorization"] = f"Token {portal.token('intake')}"
    address = f"{portal.address}/api/v1"
    answer = session.get(f"{address}/quarantine?collection={collection}&status=waiting")
    answer.raise_for_status()
    for row in answer.json()["results"]:
        why = {"reason": "Of a benchmark: there is no writing."}
        session.post(f"{address}/quarantine/{row['id']}/release", json=why).raise_for_status()


def predicted_all(portal: Portal, collection: str) -> dict[str, int]:
    """What there is once every image that is stored is predicted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := counted(portal, collection))["predicted"] < found["images"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    return found


def measure(portal: Portal, archive: Path, warm: Path, images: int) -> bool:
    collection = portal.make_collection("A thousand in a ZIP")
    memory = Memory(portal.process.pid)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=ARGUMENTS)
        page = browser.new_page()
        sign_in(page, portal)
        # What every process loads once is loaded before.
        send(page, portal, portal.make_collection("A dozen before"), warm)
        memory.start()
        began = time.perf_counter()
        told = send(page, portal, collection, archive)
        stored = time.perf_counter() - began
        found = predicted_all(portal, collection)
        predicted = time.perf_counter() - began
        memory.stop()
        browser.close()
    steps = [word for word in told if " of " in word]
    print(f"stored      {stored:7.1f} s   {images / stored:6.1f} images/s (sent, checked and stored)")
    print(
        f"predicted   {predicted:7.1f} s   {images / predicted:6.1f} images/s (from Send to the last prediction)"
    )
    print(f"progress    {len(steps)} steps seen, such as: {'; '.join(steps[:: max(1, len(steps) // 4)][:5])}")
    for name in memory.before:
        print(
            f"memory      {name:<9} {memory.before[name]:6.0f} MiB before, {memory.peak[name]:6.0f} at the peak"
        )
    print(f"memory      peak − before: {memory.more:.0f} MiB (limit {LIMIT_MIB})")
    print(f"rows        {found}")
    while (apart := found.pop("apart")) > 0:
        let_in(portal, collection)
        found = predicted_all(portal, collection)
        print(f"let in      {apart} that waited in quarantine; rows then {found}")
    return set(found.values()) == {images} and len(steps) > 2 and memory.more < LIMIT_MIB


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    os.environ.pop("DATABASE_URL", None)
    with tempfile.TemporaryDirectory() as place:
        archive, warm = Path(place) / "scans.zip", Path(place) / "warm.zip"
        count = zipped(archive, images_of(asked.folder, asked.images))
        zipped(warm, images_of(None, WARM_UP))
        print(f"{count} images, {archive.stat().st_size / 2**20:.0f} MiB")
        portal = start_portal(Path(place) / "demo")
        try:
            passed = measure(portal, archive, warm, count)
        finally:
            portal.stop()
    print("passed" if passed else "FAILED")
    sys.exit(not passed)


if __name__ == "__main__":
    main()
