"""A decoder's child process: what it may use, and how it talks.

What it sends back is a shape, a type, raw numbers and a bounded JSON object of facts, or a refusal's code and sentence,
never a pickle: a child that crafted bytes have taken over can lie about pixels, but not run code in the process that
asked. A fault is reported by the lines that it ran through and without its words, which may quote a header.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier.intake.refusals import IntakeRefused

READY: Final = b"ready"
DTYPES: Final = ("|u1", "<u2")
"""The types of pixels that are passed between the processes."""

_NO_FACTS: Final[Mapping[str, Any]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a job found.

    Attributes:
        pixels: uint8 or uint16, of any shape.
        facts: a JSON object; whoever asked checks every value in it before believing it.
    """

    pixels: npt.NDArray[Any]
    facts: Mapping[str, Any] = field(default_factory=lambda: _NO_FACTS)


Job = Callable[[Any], "npt.NDArray[Any] | Answer"]


@dataclass(frozen=True, slots=True)
class NamedJob:
    """A job that is imported where it runs: what its module loads never loads in the process that asks."""

    module: str
    function: str

    def __call__(self, argument: object) -> Answer:
        job: Callable[[object], Answer] = getattr(importlib.import_module(self.module), self.function)
        return job(argument)


def serve(connection: Connection, seconds: float, memory_bytes: int) -> None:
    """Does one job after the other until the asking process hangs up or dies.

    Args:
        connection: brings pairs of a job and its argument.
        seconds: wall-clock and processor time of one job, after which the system kills this process.
        memory_bytes: address space that may be added to what the bare process has.
    """
    # Ctrl-C reaches the whole group; this process ends when its pipe does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _quieten()
    _confine(memory_bytes)
    connection.send_bytes(READY)
    while True:
        try:
            job, argument = connection.recv()
        except EOFError:
            return
        _limit_time(seconds)
        _answer(connection, job, argument)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _confine(memory_bytes: int) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    address_space = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
    for what in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(what, (0, 0))


def _quieten() -> None:
    """What libraries in C print goes nowhere: it may quote what they read. Faults are still reported (`_report`)."""
    sys.stderr = os.fdopen(os.dup(2), "w")
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a descriptor is wanted
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)


def _report(fault: Exception) -> None:
    lines = "".join(traceback.format_list(traceback.extract_tb(fault.__traceback__)))
    # Where the log is a file, this process may not write to it.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"The decoder failed with {type(fault).__name__}:\n{lines}")
        sys.stderr.flush()


def _limit_time(seconds: float) -> None:
    # The asking process kills at `seconds`; these two also hold when that process is gone.
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    processor = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (processor, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(connection: Connection, job: Job, argument: object) -> None:
    try:
        found = job(argument)
    except IntakeRefused as refused:
        _send(
            connection,
            {"refused": refused.code, "sentence": refused.sentence, "told": dict(refused.told)},
        )
    except MemoryError:
        _send(
            connection,
            {
                "refused": "too_much_memory",
                "sentence": "The image needs too much memory to decode; save it again as an ordinary PNG or JPEG.",
            },
        )
    except Exception as fault:  # noqa: BLE001 - whatever it is, its words may quote a header
        _report(fault)
        raise SystemExit(1) from None
    else:
        answer = found if isinstance(found, Answer) else Answer(found)
        pixels = np.ascontiguousarray(answer.pixels)
        _send(connection, {"shape": pixels.shape, "dtype": pixels.dtype.str, "facts": dict(answer.facts)})
        connection.send_bytes(memoryview(pixels).cast("B"))


def _send(connection: Connection, header: dict[str, object]) -> None:
    connection.send_bytes(json.dumps(header).encode())
