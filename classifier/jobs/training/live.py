"""What a run says while it works: its curve, its log, how long it will take; and that it is still alive."""

import faulthandler
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from classifier.models import TrainingRun
from classifier.services.training import heartbeat

logger = logging.getLogger(__name__)

# How often a step that follows others at once is written; what comes in between is written with the next.
WRITE_SECONDS: Final = 0.5
# A head learns in about a second: whoever watches sees it learn only where it is written more often at first.
EARLY_SECONDS, EARLY_SHARE = 5.0, 0.3
LONGEST_LOG: Final = 300
LONGEST_CURVE: Final = 1000
# A run that has shown no step for so long hangs; its worker ends, and another takes the run up.
STALL_SECONDS: Final = 1800.0


class LeaseLost(Exception):
    """Another worker holds the run now; this one stops and records nothing."""


class Cancelled(Exception):
    """Somebody cancelled the run; its worker stops and leaves nothing."""


class Reporter:
    """Writes a run's progress and log, and renews its lease each time it does.

    Every method may raise `LeaseLost` or `Cancelled`: whoever is working stops there.
    """

    def __init__(self, run: TrainingRun) -> None:
        self.run = run
        self.progress: list[dict[str, Any]] = []
        self._earlier: list[dict[str, Any]] = list(run.progress)
        self.log: list[dict[str, str]] = list(run.log)
        self._written = 0.0
        self._stage, self._started = "", time.monotonic()

    def begin(self, stage: str, text: str) -> None:
        """A stage begins; `text` says what is done in it."""
        self._stage, self._started = stage, time.monotonic()
        self.progress.append({"stage": stage})
        self.say(text)

    def resume(self) -> None:
        """The stage goes on where an earlier attempt left it: its steps so far belong to the curve."""
        self.progress += [step for step in self._earlier if step["stage"] == self._stage and "step" in step]

    def say(self, text: str) -> None:
        """One line for the log."""
        logger.info("Training run %s: %s", self.run.number, text)
        self.log.append({"at": timezone.now().isoformat(), "text": text})
        del self.log[1:-LONGEST_LOG]
        self.write()

    def step(self, figures: dict[str, Any]) -> None:
        """A step of the stage: `step` of `steps`, and its figures; what remains is reckoned from the pace so far."""
        remaining = {} if "remaining_s" in figures else self._remaining(figures)
        self.progress.append({"stage": self._stage, **figures, **remaining})
        if len(self.progress) > LONGEST_CURVE:
            del self.progress[len(self.progress) // 2]
        self.tick()

    def tick(self) -> None:
        """A sign of life in between; writes where the last was a moment ago."""
        now = time.monotonic()
        share = EARLY_SHARE if now - self._started < EARLY_SECONDS else 1.0
        if now - self._written >= share * WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what was said, now."""
        if not heartbeat(run=self.run, progress=self.progress, log=self.log):
            # The run itself keeps the attempt that this worker was given: what it records is fenced by that.
            now = TrainingRun.objects.only("cancel_requested_at", "attempt").get(pk=self.run.pk)
            mine = now.attempt == self.run.attempt
            raise Cancelled if mine and now.cancel_requested_at else LeaseLost
        self._written = time.monotonic()

    def silent_for(self) -> float:
        """Seconds since the last sign."""
        return time.monotonic() - self._written

    def _remaining(self, figures: dict[str, Any]) -> dict[str, float]:
        """Nothing before the first step is done: there is no pace to reckon with."""
        step, steps = figures.get("step", 0), figures.get("steps", 0)
        if not 0 < step <= steps:
            return {}
        each = (time.monotonic() - self._started) / step
        return {"remaining_s": round(each * (steps - step), 1)}


@contextmanager
def kept_alive(reporter: Reporter) -> Iterator[None]:
    """Renew the lease from a thread of its own while one step takes longer than the lease.

    That a thread lives does not say that the work does: a run that has shown no step for `STALL_SECONDS` is let go,
    and its process ended with its stack on stderr, so that the run comes back to the queue by its lease.
    """
    done = threading.Event()
    thread = threading.Thread(target=_renew, args=(reporter, done), daemon=True, name="training-lease")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _renew(reporter: Reporter, done: threading.Event) -> None:
    every = settings.TRAINING_LEASE_SECONDS / 3
    try:
        while not done.wait(every):
            if reporter.silent_for() > STALL_SECONDS:
                logger.error("Training run %s hangs; this worker ends.", reporter.run.number)
                faulthandler.dump_traceback_later(1, exit=True, file=2)
                return
            if reporter.silent_for() > every:
                _renew_once(reporter.run)
    finally:
        connection.close()


def _renew_once(run: TrainingRun) -> None:
    try:
        # Whether the run is still this worker's is for the worker to find, at its next step.
        heartbeat(run=run)
    except DatabaseError:
        logger.warning("The lease of training run %s could not be renewed; trying again.", run.number)
