"""A decoder's child process: what it may use, and how it talks.

What it sends back is a shape, a type and raw numbers, or a refusal's code and sentence, never a pickle: a child that
crafted bytes have taken over can lie about pixels, but not run code in the process that asked.
"""

from __future__ import annotations

import json
import math
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from classifier.intake.refusals import IntakeRefused

READY: Final = b"ready"
DTYPES: Final = ("|u1", "<u2")
"""The types of pixels that are passed between the processes."""

Job = Callable[[Any], npt.NDArray[Any]]


def serve(connection: Connection, seconds: float, memory_bytes: int) -> None:
    """Does one job after the other until the asking process hangs up or dies.

    Args:
        connection: brings pairs of a job and its argument.
        seconds: wall-clock and processor time of one job, after which the system kills this process.
        memory_bytes: address space that may be added to what the bare process has.
    """
    # Ctrl-C reaches the whole group; this process ends when its pipe does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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


def _limit_time(seconds: float) -> None:
    # The asking process kills at `seconds`; these two also hold when that process is gone.
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    processor = math.ceil(usage.ru_utime + usage.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (processor, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def _answer(connection: Connection, job: Job, argument: object) -> None:
    try:
        pixels = np.ascontiguousarray(job(argument))
    except IntakeRefused as refused:
        _send(connection, {"refused": refused.code, "sentence": refused.sentence})
    except MemoryError:
        _send(
            connection,
            {
                "refused": "too_much_memory",
                "sentence": "The image needs too much memory to decode; save it again as an ordinary PNG or JPEG.",
            },
        )
    else:
        _send(connection, {"shape": pixels.shape, "dtype": pixels.dtype.str})
        connection.send_bytes(memoryview(pixels).cast("B"))


def _send(connection: Connection, header: dict[str, object]) -> None:
    connection.send_bytes(json.dumps(header).encode())
