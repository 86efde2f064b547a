"""The whole platform as `./dev demo` starts it, on servers and data of its own, for tests that use it as people do."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


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
            cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name: str) -> str:
        """A fresh API token of a demo account."""
        return self.manage("make_token", name).strip().split()[-1]

    def get(self, path: str, token: str) -> Any:
        """The JSON that the API answers."""
        headers = {"Authorization": f"Token {token}"}
        with urllib.request.urlopen(urllib.request.Request(self.address + path, headers=headers)) as answer:
            return json.load(answer)

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
