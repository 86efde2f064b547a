"""Keeps a set of processes running, and ends them in order."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from mriplatform.launch.process import start_tethered
from mriplatform.launch.server import LocalServer

RESTARTS = 5
RESTARTS_WITHIN_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 30.0
WATCH_SECONDS = 0.2


class GivenUp(Exception):
    """A process dies again and again; the message says which and where its log is."""


class Supervised(Protocol):
    """Something that is started, may die, and is stopped."""

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass
class Worker:
    """A process of the platform, with its log; it dies with this process.

    `death_signal` is what it gets when this process is killed; `patience` is how long a kind stop may take, in
    seconds; `keep_open` are file descriptors that it inherits.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    death_signal: int = signal.SIGKILL
    patience: float = 10.0
    keep_open: Sequence[int] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = start_tethered(
                self.command,
                death_signal=self.death_signal,
                folder=self.folder,
                environment=self.environment,
                output=log,
                keep_open=self.keep_open,
            )

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        return self._process.wait() if self._process else 0

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process is None or self._process.poll() is not None:
                return
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self.patience)


@dataclass
class KeptServer:
    """An embedded server under supervision: restarted where it was, for others know its address."""

    server: LocalServer

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def log(self) -> Path:
        return self.server.log

    @property
    def running(self) -> bool:
        return self.server.running

    def start(self) -> None:
        self.server.start(self.server.port or None)

    def stop(self) -> None:
        self.server.stop()


@dataclass
class _Restart:
    due: float
    times: list[float] = field(default_factory=list)


class Supervisor:
    """Starts in the order given, restarts what dies after a growing pause, stops in the opposite order."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._all: list[Supervised] = []
        self._restarts: dict[str, _Restart] = {}

    def start(self, supervised: Supervised) -> None:
        self._all.append(supervised)
        supervised.start()

    def watch(self) -> None:
        """Look after them for ever.

        Raises:
            GivenUp: one of them died more than RESTARTS times within RESTARTS_WITHIN_SECONDS.
        """
        while True:
            self.look()
            time.sleep(WATCH_SECONDS)

    def look(self) -> None:
        """Look at each once: note a death, and restart what has waited long enough."""
        now = time.monotonic()
        for supervised in self._all:
            restart = self._restarts.get(supervised.name)
            if supervised.running:
                continue
            if restart is None or restart.due == 0:
                self._note_death(supervised, now)
            elif now >= restart.due:
                restart.due = 0
                supervised.start()

    def stop(self) -> None:
        for supervised in reversed(self._all):
            supervised.stop()

    def _note_death(self, supervised: Supervised, now: float) -> None:
        restart = self._restarts.setdefault(supervised.name, _Restart(due=0))
        restart.times = [past for past in restart.times if now - past < RESTARTS_WITHIN_SECONDS] + [now]
        if len(restart.times) > RESTARTS:
            raise GivenUp(
                f"{supervised.name} died {len(restart.times)} times within {RESTARTS_WITHIN_SECONDS:.0f} s. "
                f"Its log is {supervised.log}."
            )
        pause = min(2.0 ** (len(restart.times) - 1), LONGEST_PAUSE_SECONDS)
        restart.due = now + pause
        self._say(
            f"{supervised.name} ended by itself; starting it again in {pause:.0f} s. Its log: {supervised.log}"
        )
