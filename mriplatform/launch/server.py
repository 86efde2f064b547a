"""A server that is a child of this process: its folder and lock, its user, port, start and end."""

import fcntl
import hashlib
import hmac
import os
import re
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mriplatform.launch.process import start_tethered
from mriplatform.launch.programs import ServerError

# In no system's list of users: what a server of ours owns, nothing else on the machine does.
SERVER_USER_ID = 64320
SERVER_ENVIRONMENT = {"LANG": "C.UTF-8", "PATH": os.defpath, "TZ": "UTC"}
START_SECONDS = 60.0
OLD_SERVER_SECONDS = 20.0
PORT_ATTEMPTS = 5
_PORT_TAKEN = re.compile(rb"address already in use", re.IGNORECASE)


class LocalServer(ABC):
    """A server on 127.0.0.1 that asks for a password and does not outlive this process."""

    name: str
    death_signal: int
    stop_signals: tuple[int, ...]

    def __init__(self, folder: Path, *, secret: str, durable: bool) -> None:
        """Prepare a server whose data is in `folder`, with its log and its lock beside it.

        Args:
            secret: every password is derived from it; the same folder needs the same secret.
            durable: whether data must survive a crash of the machine; tests need not wait for a disk.
        """
        self.folder = folder.absolute()
        self.port = 0
        self._secret = secret
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, port: int | None = None) -> None:
        """Start the server, on `port` or a free one, and return when it answers.

        Raises:
            ServerError: no program, a folder in use or not ours, or a server that ends at once.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as lock:
            user_id = self._user_id()
            self._prepare(user_id)
            if self.log.exists():
                self.log.replace(self.log.with_suffix(".log.1"))
            for attempt in range(1, PORT_ATTEMPTS + 1):
                self.port = port or free_port()
                with self.log.open("wb") as log:
                    self._process = self._spawn(user_id, log.fileno(), lock)
                if wait_until(lambda: not self.running or self._ping(), START_SECONDS) and self.running:
                    break
                self.stop()
                if attempt == PORT_ATTEMPTS or not _PORT_TAKEN.search(self.log.read_bytes()):
                    raise ServerError(
                        f"{self.name} did not start. The end of {self.log}:\n{self._last_words()}"
                    )
        self._finish()

    def stop(self, seconds: float = 30.0) -> None:
        """End the server: kindly, then less so. Does nothing where none runs."""
        for number in (*self.stop_signals, signal.SIGKILL):
            if self._process is None or self._process.poll() is not None:
                break
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        self._process = None

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def password(self, role: str) -> str:
        return hmac.new(self._secret.encode(), f"{self.name} {role}".encode(), hashlib.sha256).hexdigest()

    def _prepare(self, user_id: int | None) -> None:
        """Make the data folder what the server needs before it starts."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        give(self.folder, user_id)

    @abstractmethod
    def _spawn(self, user_id: int | None, log: int, lock: int) -> subprocess.Popen[bytes]:
        """Start the server's process, which keeps `lock` open and writes to `log` (file descriptors)."""

    @abstractmethod
    def _ping(self) -> bool:
        """Whether the server answers."""

    def _finish(self) -> None:  # noqa: B027 - not every server has something left to do
        """Do what is left to do once the server answers."""

    def _run(
        self, command: list[str], user_id: int | None, log: int, lock: int, stdin: int = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        return start_tethered(
            command,
            death_signal=self.death_signal,
            folder=self.folder,
            environment=SERVER_ENVIRONMENT,
            user_id=user_id,
            output=log,
            stdin=stdin,
            keep_open=[lock],
        )

    def _user_id(self) -> int | None:
        """Whom to become: root, the owner of the data or else the servers' user; a plain user, nobody."""
        owner = self.folder.stat().st_uid if self.folder.exists() else None
        if os.geteuid() == 0:
            return owner or SERVER_USER_ID
        if owner not in (None, os.geteuid()):
            raise ServerError(
                f"{self.folder} belongs to user {owner}. Start as that user or root, or remove it."
            )
        return None

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Hold the folder's lock. The server inherits it: it is free only when no server is left there."""
        handle = os.open(self.folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not wait_until(lambda: try_lock(handle), OLD_SERVER_SECONDS):
                raise ServerError(f"Another {self.name} still uses {self.folder}. End it first.")
            yield handle
        finally:
            os.close(handle)

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


def own_folder(folder: Path, user_id: int | None) -> str:
    """A server's working directory, by an address that asks no permission of the folders above it."""
    return "/proc/self/cwd" if user_id is not None and sys.platform.startswith("linux") else str(folder)


def give(path: Path, user_id: int | None) -> None:
    """Make that user the owner, where there is one to give it to."""
    if user_id is not None:
        os.chown(path, user_id, user_id, follow_symlinks=False)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def try_lock(handle: int) -> bool:
    """Lock an open file for as long as anyone has it open; False where somebody else holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.01) -> bool:
    """Whether `condition` came true within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
