"""Spoilt PNG, JPEG, DICOM and ZIP files by the ten thousand: what becomes of the web process, and of the intake.

    ./dev run python -m tests.benchmarks.mutated_files [--web 10000] [--direct 40000] [--state FILE]

The first ones go through the API of a gunicorn with a PostgreSQL of its own, four at a time, archives through theirs
with a worker that reads them; the others straight into the intake. The files are known by their numbers: with a state
file a run goes on where the last one stopped. Prints, and ends with an error where there was one: answers over 10 s,
5xx but 503, web workers that died, archives that were taken and neither stored nor refused, faults that are no refusal.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
TOO_LONG_SECONDS = 10.0
AT_A_TIME, BLOCK = 4, 200
MANY = str(10**9)
PEOPLE = """
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from mriplatform.accounts.services import grant_role, make_token
user = User.objects.create(username="spoiler")
collection = Collection.objects.create(name="Spoilt")
grant_role(actor=None, user=user, collection=collection, role=Role.UPLOADER)
print(collection.pk, make_token(user=user, name="spoilt")[1])
"""


class Figures:
    """What happened so far, kept in a file between two runs."""

    def __init__(self, mode: str, state: Path | None) -> None:
        self._file = state and state.with_suffix(f".{mode}.json")
        self.mode, self.done, self.seconds, self.worst = mode, 0, 0.0, 0.0
        self.said: Counter[str] = Counter()
        self.faults: list[str] = []
        if self._file and self._file.exists():
            kept = json.loads(self._file.read_text())
            self.done, self.seconds, self.worst = kept["done"], kept["seconds"], kept["worst"]
            self.said, self.faults = Counter(kept["said"]), kept["faults"]

    def keep(self) -> None:
        if self._file:
            names = ("done", "seconds", "worst", "said", "faults")
            self._file.write_text(json.dumps({name: getattr(self, name) for name in names}, indent=1))

    def note(self, number: int, kind: str, how: str, said: str, seconds: float, fault: bool = False) -> None:
        self.said[f"{kind} {said}"] += 1
        self.worst = max(self.worst, seconds)
        if seconds > TOO_LONG_SECONDS:
            self.faults.append(f"{self.mode} {number} ({kind}, {how}): {seconds:.1f} s")
        if fault:
            self.faults.append(f"{self.mode} {number} ({kind}, {how}): {said}")

    def show(self) -> None:
        rate = self.done / self.seconds if self.seconds else 0
        print(
            f"\n{self.mode}: {self.done} files in {self.seconds:.0f} s ({rate:.1f}/s), slowest {self.worst:.2f} s"
        )
        for what, count in sorted(self.said.items()):
            print(f"  {what:<40} {count:7}")
        for fault in self.faults:
            print(f"  FAULT {fault}")


def run_to(figures: Figures, until: int, one: Callable[[int], None]) -> None:
    """All numbers up to `until`, several at a time, a block at a time."""
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        while figures.done < until:
            block = range(figures.done, min(figures.done + BLOCK, until))
            started = time.perf_counter()
            list(threads.map(one, block))
            figures.seconds += time.perf_counter() - started
            figures.done = block.stop
            figures.keep()
            if figures.done % (10 * BLOCK) == 0:
                print(f"{figures.mode}: {figures.done} of {until}, {len(figures.faults)} faults", flush=True)


def direct(figures: Figures, until: int) -> None:
    """Straight into the intake."""
    from classifier.intake import Decoder
    from tests.mutants import mutant, take

    with Decoder(workers=2) as decoder:

        def one(number: int) -> None:
            # Other files than those that went through the API.
            spoilt = mutant(10**7 + number)
            started, fault = time.perf_counter(), False
            try:
                said = take(spoilt, decoder)
            except Exception as error:
                said, fault = f"{type(error).__name__}: {error}"[:200], True
            figures.note(number, spoilt.kind, spoilt.how, said, time.perf_counter() - started, fault)

        run_to(figures, until, one)


def web(figures: Figures, until: int) -> None:
    """Through the API of a running web process."""
    from tests.mutants import mutant

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as site:
        before = site.workers()
        accepted: list[tuple[int, str, str]] = []

        def one(number: int) -> None:
            spoilt = mutant(number)
            archive = spoilt.kind == "zip"
            fields = {"collection": site.collection} | ({"partial": "true"} if archive else {})
            started, fault = time.perf_counter(), False
            try:
                response = requests.post(
                    f"{site.address}/api/v1/{'archives' if archive else 'studies'}", data=fields,
                    files={"file" if archive else "files": (spoilt.name, spoilt.data)},
                    headers=site.headers, timeout=60,
                )  # fmt: skip
                if archive and response.ok:
                    accepted.append((number, spoilt.how, response.json()["id"]))
                said = str(response.status_code)
                fault = response.status_code >= 500 and response.status_code != 503
            except requests.RequestException as error:
                said, fault = type(error).__name__, True
            figures.note(number, spoilt.kind, spoilt.how, said, time.perf_counter() - started, fault)

        run_to(figures, until, one)
        for number, how, archive_id in accepted:
            became, seconds = read_to_the_end(site, archive_id)
            figures.note(number, "archive", how, became, seconds, became not in ("stored", "refused"))
        if site.workers() != before:
            figures.faults.append(f"web: other web workers than at the start: {before}, {site.workers()}")
        if site.reader.poll() is not None:
            figures.faults.append("web: the worker that reads archives has ended")
        figures.keep()


def read_to_the_end(site: "Site", archive_id: str) -> tuple[str, float]:
    """What the worker made of an archive that was taken, and how long it was still waited for once its turn came."""
    started = time.perf_counter()
    while True:
        answer = requests.get(
            f"{site.address}/api/v1/archives/{archive_id}", headers=site.headers, timeout=60
        )
        answer.raise_for_status()
        status, seconds = str(answer.json()["status"]), time.perf_counter() - started
        if status not in ("checking", "checked", "storing") or seconds > 2 * TOO_LONG_SECONDS:
            return status, seconds
        time.sleep(0.05)


class Site:
    """A web process, and the worker that reads archives."""

    def __init__(self, address: str, gunicorn: subprocess.Popen, reader: subprocess.Popen, said: str) -> None:
        self.address, self._gunicorn, self.reader = address, gunicorn, reader
        self.collection, token = said.split()[-2:]
        self.headers = {"Authorization": f"Token {token}"}

    def workers(self) -> list[int]:
        """The process numbers of gunicorn's workers."""
        task = Path(f"/proc/{self._gunicorn.pid}/task/{self._gunicorn.pid}/children")
        return sorted(map(int, task.read_text().split()))


@contextmanager
def serving(folder: Path) -> Iterator[Site]:
    """gunicorn as the demo starts it, on servers of its own, with limits that nobody meets."""
    from mriplatform.launch.server import free_port
    from mriplatform.local_servers import LocalPostgres, LocalValkey

    postgres = LocalPostgres(folder / "postgres", secret=secrets.token_hex(), durable=False)
    valkey = LocalValkey(folder / "valkey", secret=secrets.token_hex(), durable=False)
    started: list[subprocess.Popen] = []
    try:
        postgres.start()
        valkey.start()
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "mriplatform.settings", "REDIS_URL": valkey.url, "DEBUG": "0",
            "SECRET_KEY": secrets.token_hex(), "SUBJECT_KEY": secrets.token_hex(), "HTTPS_ONLY": "0",
            "ALLOWED_HOSTS": "127.0.0.1", "STATIC_ROOT": str(folder / "static"), "LOG_LEVEL": "ERROR",
            "UPLOADS_PER_MINUTE": MANY, "API_REQUESTS_PER_MINUTE": MANY, "UPLOAD_BYTES_PER_USER": MANY,
            "CHECKPOINT_CACHE": str(folder / "checkpoints"), "DATABASE_URL": postgres.runtime_url,
        }  # fmt: skip
        owner = environment | {"DATABASE_URL": postgres.owner_url}

        def manage(*words: str) -> str:
            command = [sys.executable, "manage.py", *words]
            return subprocess.run(
                command, cwd=ROOT, env=owner, check=True, stdout=subprocess.PIPE, text=True
            ).stdout

        manage("collectstatic", "--noinput", "-v0")
        manage("migrate", "--noinput", "-v0")
        said = manage("shell", "-v0", "-c", PEOPLE)
        port = free_port()
        gunicorn = (
            "-m", "gunicorn", "mriplatform.wsgi:application", "--bind", f"127.0.0.1:{port}", "--workers", "2",
            "--worker-class", "gthread", "--threads", "8", "--no-control-socket", "--log-level", "warning",
        )  # fmt: skip
        reader = (
            "-m",
            "celery",
            "-A",
            "mriplatform",
            "worker",
            "-P",
            "threads",
            "-c",
            "2",
            "-Q",
            "intake",
            "-l",
            "ERROR",
        )
        for command in (gunicorn, reader):
            started.append(
                subprocess.Popen(
                    [sys.executable, *command], cwd=ROOT, env=environment, start_new_session=True
                )
            )
        site = Site(f"http://127.0.0.1:{port}", started[0], started[1], said)
        wait_for(site.address)
        yield site
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        valkey.stop()
        postgres.stop()


def wait_for(address: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if requests.get(f"{address}/healthz", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise SystemExit("gunicorn did not answer")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--web", type=int, default=10_000, metavar="N", help="through the API (default 10000)"
    )
    parser.add_argument(
        "--direct", type=int, default=40_000, metavar="N", help="into the intake (default 40000)"
    )
    parser.add_argument("--state", type=Path, help="where to keep what was done, to go on from there")
    options = parser.parse_args()
    modes: list[tuple[str, Any, int]] = [("web", web, options.web), ("direct", direct, options.direct)]
    faults = 0
    for name, mode, until in modes:
        figures = Figures(name, options.state)
        if figures.done < until:
            mode(figures, until)
        figures.show()
        faults += len(figures.faults)
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
