"""Whether this container's process does its work: `healthcheck.py web | worker NAME | beat FILE`. Exits 0 if so."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

# Beat writes its schedule at least every three minutes.
BEAT_SECONDS = 600


def web() -> bool:
    """Ask /healthz under a name that ALLOWED_HOSTS admits."""
    host = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")[0].strip().lstrip("*.") or "localhost"
    port = os.environ.get("WEB_BIND", "0.0.0.0:8000").rpartition(":")[2]
    request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=4) as answer:  # noqa: S310 - an address made just above
        return bool(answer.status == 200)


def worker(name: str = "celery") -> bool:
    """Ask this container's own worker to answer by the broker."""
    own = f"{name}@{socket.gethostname()}"
    command = ["celery", "-A", "mriplatform", "inspect", "ping", "--timeout", "15", "--destination", own]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


def beat(schedule: str) -> bool:
    """Look at when beat last wrote its schedule, which may be several files."""
    written = [path.stat().st_mtime for path in Path(schedule).parent.glob(Path(schedule).name + "*")]
    return bool(written) and time.time() - max(written) < BEAT_SECONDS


if __name__ == "__main__":
    checks = {"web": web, "worker": worker, "beat": beat}
    sys.exit(0 if checks[sys.argv[1]](*sys.argv[2:]) else 1)
