"""`./dev demo`: the whole platform on this machine, from one process that owns all others."""

import argparse
import hashlib
import json
import os
import secrets
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from mriplatform.launch.database import DatabaseRefused, claim_database
from mriplatform.launch.programs import ServerError
from mriplatform.launch.server import try_lock, wait_until
from mriplatform.launch.supervisor import GivenUp, KeptServer, Supervisor, Worker
from mriplatform.local_servers import LocalPostgres, LocalValkey

ROOT = Path(__file__).resolve().parents[2]
FIRST_PORT, PORTS = 8000, 100
HEALTHY_SECONDS = 60.0


class DemoError(Exception):
    """The demo cannot start; the message says why and what to do."""


class Demo:
    """One demo in one data folder: its keys, its servers, its processes."""

    def __init__(self, folder: Path, port: int | None) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self._socket = _web_socket(port)
        self.supervisor = Supervisor(say)
        self._keys = _keys(folder / "demo-keys.json")
        self._lock = _lock(folder / "demo.lock")
        self._settings: dict[str, str] = {}
        self._owner_url = ""

    def start(self) -> None:
        """Bring everything up and return when the portal answers.

        Raises:
            DemoError, DatabaseRefused, ServerError: with a sentence on what is in the way.
        """
        for log in self.logs.glob("*.log"):
            log.replace(log.with_suffix(".log.1"))
        with stage("Servers"):
            self._start_servers()
        with stage("Database, model and samples"):
            self._prepare()
        with stage("Portal and workers"):
            for worker in self._workers():
                self.supervisor.start(worker)
            if not wait_until(self._healthy, HEALTHY_SECONDS, pause=0.1):
                raise DemoError(f"No answer at {self.address}. The log is {self.logs / 'web.log'}.")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/"

    @property
    def accounts(self) -> str:
        """What the set-up said: the accounts and their passwords."""
        return (self.logs / "demo_setup.log").read_text().strip()

    def stop(self) -> None:
        self.supervisor.stop()
        (self.folder / "demo.env").unlink(missing_ok=True)

    def _start_servers(self) -> None:
        given = os.environ
        secret = self._keys["servers"]
        database, broker = given.get("DATABASE_URL", ""), given.get("REDIS_URL", "")
        self._owner_url = given.get("DATABASE_OWNER_URL") or database
        if not database:
            postgres = LocalPostgres(self.folder / "postgres", secret=secret, durable=True)
            self.supervisor.start(KeptServer(postgres))
            database, self._owner_url = postgres.runtime_url, postgres.owner_url
        claim_database(self._owner_url)
        if not broker:
            valkey = LocalValkey(self.folder / "valkey", secret=secret, durable=True)
            self.supervisor.start(KeptServer(valkey))
            broker = valkey.url
        self._settings = self._make_settings(database, broker)
        _write_privately(self.folder / "demo.env", "".join(f"{k}={v}\n" for k, v in self._settings.items()))

    def _make_settings(self, database: str, broker: str) -> dict[str, str]:
        return {
            "DJANGO_SETTINGS_MODULE": "mriplatform.settings",
            "DATABASE_URL": database,
            "REDIS_URL": broker,
            "SECRET_KEY": os.environ.get("SECRET_KEY") or self._keys["secret_key"],
            "SUBJECT_KEY": os.environ.get("SUBJECT_KEY") or self._keys["subject_key"],
            "DEBUG": "0",
            "HTTPS_ONLY": "0",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "STATIC_ROOT": str(self.folder / "static"),
            "CHECKPOINT_CACHE": str(self.folder / "checkpoints"),
        }

    def _prepare(self) -> None:
        static, stamp, wanted = None, self.folder / "static.sha256", static_digest()
        if not stamp.is_file() or stamp.read_text() != wanted:
            static = self._command("collectstatic", "--noinput", "--verbosity", "0")
            static.start()
        self._finish(self._command("migrate", "--noinput", database=self._owner_url))
        self._finish(self._command("demo_setup", "--secrets", str(self.folder / "demo-secrets.json")))
        if static is not None:
            self._finish(static)
            stamp.write_text(wanted)

    def _finish(self, command: Worker) -> None:
        """Start it where it has not been, and wait for its good end."""
        if not command.started:
            command.start()
        if command.wait() != 0:
            last = "\n".join(command.log.read_text(errors="replace").splitlines()[-20:])
            raise DemoError(f"manage.py {command.name} failed:\n{last}")

    def _command(self, name: str, *arguments: str, database: str = "") -> Worker:
        settings = {"DATABASE_URL": database} if database else {}
        return self._worker(name, "manage.py", name, *arguments, settings=settings)

    def _worker(
        self,
        name: str,
        *arguments: str,
        death_signal: int = signal.SIGKILL,
        settings: Mapping[str, str] | None = None,
    ) -> Worker:
        return Worker(
            name=name,
            command=[sys.executable, *arguments],
            environment={**os.environ, **self._settings, **(settings or {})},
            folder=ROOT,
            log=self.logs / f"{name}.log",
            death_signal=death_signal,
        )

    def _workers(self) -> list[Worker]:
        # Solo workers: TensorFlow in a parent hangs its forked children. The one at the doors loads none, and waits.
        celery = ("-m", "celery", "-A", "mriplatform")
        quiet = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
        solo, threads = ("worker", "-P", "solo", *quiet), ("worker", "-P", "threads", "-c", "4", *quiet)
        bind = f"fd://{self._socket.fileno()}"
        gunicorn = ("-m", "gunicorn", "mriplatform.wsgi:application", "--bind", bind, "--access-logfile", "-")
        gthread = ("--workers", "2", "--worker-class", "gthread", "--threads", "8", "--no-control-socket")
        schedule = ("--schedule", str(self.folder / "beat-schedule"), "--pidfile", "")
        web = self._worker("web", *gunicorn, *gthread, death_signal=signal.SIGQUIT)
        web.keep_open = (self._socket.fileno(),)
        return [
            web,
            self._worker("inference", *celery, *solo, "-Q", "inference", "-n", "inference@%h"),
            self._worker("training", *celery, *solo, "-Q", "training", "-n", "training@%h"),
            self._worker("doors", *celery, *threads, "-Q", "intake,outbox", "-n", "doors@%h"),
            self._worker("beat", *celery, "beat", *schedule),
        ]

    def _healthy(self) -> bool:
        self.supervisor.look()
        try:
            with urllib.request.urlopen(f"{self.address}healthz", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False


def static_digest() -> str:
    """Changes whenever a static file may have: those of the packages with the lock, ours with their time."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for path in sorted(path for path in ROOT.glob("*/static/**/*") if path.is_file()):
        status = path.stat()
        digest.update(f"{path.relative_to(ROOT)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Say what is being done, and when it is done how long it took."""
    started = time.monotonic()
    sys.stdout.write(f"{name} ... ")
    sys.stdout.flush()
    yield
    say(f"{time.monotonic() - started:.1f} s")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _keys(path: Path) -> dict[str, str]:
    """The keys of this data folder, made at its first start."""
    if path.is_file():
        keys: dict[str, str] = json.loads(path.read_text())
        return keys
    keys = {name: secrets.token_urlsafe(64) for name in ("secret_key", "subject_key", "servers")}
    _write_privately(path, json.dumps(keys, indent=2))
    return keys


def _write_privately(path: Path, text: str) -> None:
    """Write a file that only its owner reads; it appears whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    unfinished.replace(path)


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not try_lock(handle):
        raise DemoError(f"Another demo already runs with the data in {path.parent}. Stop it first.")
    return handle


def _web_socket(wanted: int | None) -> socket.socket:
    """A listening socket for the web process to inherit: from here on the port is ours, whoever else looks for one."""
    candidates = [wanted] if wanted else range(FIRST_PORT, FIRST_PORT + PORTS)
    for port in candidates:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
            listening.listen(128)
        except OSError:
            listening.close()
            continue
        return listening
    raise DemoError(
        f"No port is free on 127.0.0.1: {candidates[0]} to {candidates[-1]} were tried. Give --port."
    )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev demo", description="Start the whole platform on this machine."
    )
    parser.add_argument(
        "--port", type=int, help=f"the portal's port; else the first free one from {FIRST_PORT}"
    )
    parser.add_argument("--data", type=Path, default=ROOT / "var", help="the data folder (default: var)")
    options = parser.parse_args()
    # SIGINT too: Python leaves it ignored where it was when we were started, as a script's background jobs have it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started, demo, status = time.monotonic(), None, 1
    try:
        demo = Demo(options.data.absolute(), options.port)
        demo.start()
        say(f"\n{demo.accounts}\n")
        say(f"Ready in {time.monotonic() - started:.1f} s: {demo.address}   (Ctrl-C stops it)")
        demo.supervisor.watch()
    except KeyboardInterrupt:
        say("\nStopping ...")
        status = 0
    except (DemoError, DatabaseRefused, ServerError, GivenUp) as error:
        say(f"\n{error}")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if demo is not None:
            demo.stop()
    if status == 0:
        say("Stopped.")
    return status


if __name__ == "__main__":
    sys.exit(main())
