"""The whole platform as `./dev demo` starts it, on servers and data of its own, for tests that use it as people do."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

MAKE_COLLECTION = """
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.services import grant_role
from mriplatform.demo.people import ACCOUNTS
from reviews.services.protocols import ensure_protocol
collection = Collection.objects.create(name={name!r})
ensure_protocol(collection)
for account, role in ACCOUNTS.items():
    grant_role(actor=None, user=User.objects.get(username=account), collection=collection, role=role)
print("collection", collection.pk)
"""
ANSWER = """
from classifier.models import Prediction
print("answer", Prediction.objects.get(image__study={study!r}).label)
"""

ROOT = Path(__file__).resolve().parents[2]
# Longer than a machine takes that trains at the same time; no test measures speed by it.
START_SECONDS = PATIENCE_SECONDS = 120


@dataclass
class Portal:
    """A running demo: where it answers, who may sign in, and how to run a command beside it."""

    address: str
    passwords: dict[str, str]
    folder: Path
    process: subprocess.Popen

    def manage(self, *arguments: str) -> str:
        """Run `manage.py` with the portal's own settings; returns what it printed."""
        lines = (self.folder / "demo.env").read_text().splitlines()
        settings = dict(line.split("=", 1) for line in lines)
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def make_collection(self, name: str) -> str:
        """A collection with all the demo's people in it; returns its identifier."""
        return said(self.manage("shell", "-c", MAKE_COLLECTION.format(name=name)), "collection")

    def answer(self, study: str) -> str:
        """The class that the model gave the study's one image, past every door."""
        return said(self.manage("shell", "-c", ANSWER.format(study=study)), "answer")

    def token(self, name: str) -> str:
        """A fresh API token of a demo account."""
        return self.manage("make_token", name).strip().split()[-1]

    def curl(self, token: str, path: str, *arguments: str) -> tuple[int, Any]:
        """What curl gets from the API with a token: the status and the JSON (or the text that is none)."""
        command = ["curl", "-sS", "-H", f"Authorization: Token {token}", "-w", "\n%{http_code}"]
        done = subprocess.run(
            [*command, *arguments, f"{self.address}/api/v1{path}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        body, _, status = done.stdout.rpartition("\n")
        try:
            return int(status), json.loads(body)
        except ValueError:
            return int(status), body

    def post(self, token: str, path: str, **fields: Any) -> Any:
        """POST fields as JSON; returns the JSON of an answer that is no refusal."""
        sent = ("-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(fields))
        status, body = self.curl(token, path, *sent)
        assert status < 300, (path, status, body)
        return body

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()


def start_portal(folder: Path) -> Portal:
    """Start a demo with its data in `folder`; returns when it says that it is ready."""
    ours = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "SECRET_KEY", "SUBJECT_KEY"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "mriplatform.launch.demo", "--data", str(folder)],
            cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"Ready in .* (http://[^ ]+)/", log.read_text()):
            passwords = json.loads((folder / "demo-secrets.json").read_text())
            return Portal(found.group(1), passwords, folder, process)
        time.sleep(0.1)
    process.kill()
    raise AssertionError("The demo did not start:\n" + log.read_text())


def said(output: str, word: str) -> str:
    """What follows `word` on the line that begins with it."""
    return re.search(rf"^{word} (\S+)$", output, re.MULTILINE)[1]


def upload(page: Page, collection: str, name: str, data: bytes) -> str:
    """Uploads one image through the page; returns the study's identifier once it is analysed, without a reload."""
    page.goto(f"/collections/{collection}/upload")
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": data})
    page.get_by_role("button", name="Send").click()
    page.wait_for_url(re.compile(r"/studies/[0-9a-f-]+$"))
    expect(page.locator("main").get_by_text("Analysed").first).to_be_visible(timeout=30_000)
    return page.url.rsplit("/", 1)[1]
