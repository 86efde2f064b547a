"""The whole platform as `./dev demo` starts it, on servers and data of its own, for tests that use it as people do."""

import json
import os
import re
import select
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
            cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
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
    process = subprocess.Popen(
        [sys.executable, "-m", "mriplatform.launch.demo", "--data", str(folder)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
    )  # fmt: skip
    said, deadline = [], time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        ready, _, _ = select.select([process.stdout], [], [], 1)
        line = process.stdout.readline() if ready else ""
        said.append(line)
        if found := re.search(r"Ready in .* (http://[^ ]+)/", line):
            passwords = json.loads((folder / "demo-secrets.json").read_text())
            return Portal(found.group(1), passwords, folder, process)
        if process.poll() is not None:
            break
    process.kill()
    raise AssertionError("The demo did not start:\n" + "".join(said))
