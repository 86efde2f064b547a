"""A few warm child processes that decode, each with limited memory and time, killed when it hangs.

Each child has its own pipe, so one that dies in the middle of a word leaves the others talking. Children come from a
fork server, hence inherit neither database connections nor locks of the web process.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import queue
import signal
import threading
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from classifier.intake.confinement import DTYPES, READY, Answer, Job, serve
from classifier.intake.refusals import IntakeRefused

_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["classifier.intake.decoding", "classifier.intake.dicom.reading", "classifier.intake.writing.preload"]
)
_STARTUP_SECONDS: Final = 30
# A decoder that leaks would otherwise meet its memory limit on an innocent image.
_JOBS_PER_CHILD: Final = 500
_MAX_HEADER_BYTES: Final = 2**20
# What the system says of a process that would work if it were let: runnable, waiting for the disk, stopped.
_HELD_UP: Final = "RDT"


class Decoder:
    """Runs decoding jobs in child processes. Safe to share between threads; children start when first needed.

    Args:
        workers: children at most, hence jobs at a time.
        seconds: of one job, and of waiting for a free child.
        memory_bytes: address space that a job may add to the bare child.
    """

    def __init__(self, *, workers: int = 2, seconds: float = 10.0, memory_bytes: int = 1536 * 2**20) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._owner = 0
        # Last in, first out: the child that was used last has its memory warm. None stands for one to be started.
        self._queue: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(workers):
            self._queue.put(None)

    def run(self, job: Job, argument: object, *, at_most: int) -> Answer:
        """Runs `job(argument)` in a child.

        Args:
            job: a function of a module, or its name, that returns an `Answer` or an array of uint8 or uint16.
            argument: anything that can be pickled.
            at_most: bytes of pixels; a longer answer is not read.

        Returns:
            What the job found; the pixels are read-only, the facts are not yet checked.

        Raises:
            RuntimeError: the decoder was used before this process was forked.
            IntakeRefused: by the job itself; `too_slow`, `too_much_memory`, `decoder_failed` (the child died);
                `decoder_busy` (no child was free in time, or the machine had no time for it), `decoder_down` (none can
                be started).
        """
        children = self._children()
        try:
            child = children.get(timeout=self._seconds)
        except queue.Empty:
            raise _busy() from None
        try:
            if child is None or not child.usable:
                child = _Child(self._seconds, self._memory_bytes)
            return child.ask(job, argument, at_most)
        finally:
            if child is not None and not child.usable:
                child.kill()
                child = None
            children.put(child)

    def warm(self) -> None:
        """Starts the children that are not running yet, so that the first upload need not wait for one."""
        idle = self._take_idle()
        for child in idle:
            self._children().put(child or _Child(self._seconds, self._memory_bytes))

    def close(self) -> None:
        """Ends the idle children. A later job starts new ones."""
        for child in self._take_idle():
            if child is not None:
                child.kill()
            self._children().put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take_idle(self) -> list[_Child | None]:
        children, idle = self._children(), []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(children.get_nowait())
        return idle

    def _children(self) -> queue.LifoQueue[_Child | None]:
        with self._lock:
            self._owner = self._owner or os.getpid()
        # Two processes that talk through one pipe would read each other's images.
        if self._owner != os.getpid():
            raise RuntimeError(
                "This decoder belongs to the process that first used it. "
                "Make and use decoders after the process has forked."
            )
        return self._queue


def _busy() -> IntakeRefused:
    return IntakeRefused(
        "decoder_busy", "Too many images are being decoded at the moment; try again in a few seconds."
    )


def _state(pid: int | None) -> tuple[str, float]:
    """What a process does, by the letter of proc(5), and the seconds of processor time that it has had."""
    try:
        found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0.0
    return found[0], (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")


class _Child:
    """One running child, used by one thread at a time."""

    def __init__(self, seconds: float, memory_bytes: int) -> None:
        self._seconds = seconds
        self._jobs_left = _JOBS_PER_CHILD
        self._held_up = False
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=serve, args=(theirs, seconds, memory_bytes), name="decoder", daemon=True
        )
        try:
            self._process.start()
            theirs.close()
            started = self._pipe.poll(_STARTUP_SECONDS) and self._pipe.recv_bytes() == READY
        except (OSError, EOFError):
            started = False
        if not started:
            self.kill()
            raise IntakeRefused(
                "decoder_down", "Images cannot be decoded at the moment; try again in a few minutes."
            )

    @property
    def usable(self) -> bool:
        # The fork server says a little late that a child has died; the system knows at once.
        alive = self._process.is_alive() and _state(self._process.pid)[0] not in ("", "Z", "X")
        return self._jobs_left > 0 and alive

    def kill(self) -> None:
        self._pipe.close()
        if self._process.pid is not None:
            self._process.kill()
            self._process.join()

    def ask(self, job: Job, argument: object, at_most: int) -> Answer:
        self._jobs_left -= 1
        expired = threading.Event()
        self._held_up = False
        _, used = _state(self._process.pid)
        timer = threading.Timer(self._seconds, self._expire, (expired, used))
        timer.start()
        try:
            self._pipe.send((job, argument))
            header = json.loads(self._pipe.recv_bytes(_MAX_HEADER_BYTES))
            return self._answer(header, at_most)
        except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
            self._jobs_left = 0
            raise self._death(expired) from error
        finally:
            # Joined, so that a timer that just went off cannot kill in the middle of the next job.
            timer.cancel()
            timer.join()

    def _answer(self, header: dict[str, Any], at_most: int) -> Answer:
        if "refused" in header:
            if header["refused"] == "too_much_memory":
                self._jobs_left = 0
            refused = IntakeRefused(header["refused"], header["sentence"])
            refused.told = dict(header.get("told") or {})
            raise refused
        shape, dtype, facts = header["shape"], header["dtype"], header["facts"]
        if dtype not in DTYPES or not isinstance(facts, dict):
            raise ValueError(f"The decoder answered with other types than {DTYPES}, or no facts.")
        return Answer(np.frombuffer(self._pipe.recv_bytes(at_most), dtype).reshape(shape), facts)

    def _expire(self, expired: threading.Event, used: float) -> None:
        # Where others took the processor, that is no fault of the image: it is not refused for good.
        state, now = _state(self._process.pid)
        self._held_up = state in tuple(_HELD_UP) and now - used < self._seconds / 2
        expired.set()
        self._process.kill()

    def _death(self, expired: threading.Event) -> IntakeRefused:
        self._process.kill()
        self._process.join()
        exitcode = self._process.exitcode
        # Its own alarm comes a second later than ours, so only where this process was held up itself.
        if self._held_up or (exitcode == -signal.SIGALRM and not expired.is_set()):
            return _busy()
        if expired.is_set() or exitcode in (-signal.SIGXCPU, -signal.SIGALRM):
            return IntakeRefused(
                "too_slow",
                f"The image took longer than {self._seconds:g} seconds to decode; save it again as PNG or JPEG.",
            )
        return IntakeRefused.undecodable()
