"""What the processors did meanwhile, where the system tells (Linux): the load, and this benchmark's own part of it."""

import os
from pathlib import Path

PROC = Path("/proc")


def load() -> str:
    """The load averages, how many processors there are, and how nicely this process runs."""
    averages = ", ".join(f"{average:.1f}" for average in os.getloadavg())
    return f"{averages} (1, 5, 15 min) on {os.cpu_count()} processors, nice {os.nice(0)}"


def worked_ms() -> float:
    """Milliseconds that processors have worked for this process and all that descend from it."""
    return sum(_worked(process) for process in _family()) / 1e6


def _family() -> list[int]:
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            # The name, in brackets, may hold anything.
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it ended meanwhile
    family = [os.getpid()]
    for member in family:
        family += [process for process, parent in parents.items() if parent == member]
    return family


def _worked(process: int) -> int:
    """Nanoseconds on a processor, all threads together."""
    worked = 0
    for thread in (PROC / str(process) / "task").glob("[0-9]*"):
        try:
            worked += int((thread / "schedstat").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            continue
    return worked
