"""Where a run keeps files while it works: one folder, gone when the run has ended however it ended."""

import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.conf import settings

from classifier.jobs.training.live import LeaseLost
from classifier.models import RunStatus, TrainingRun

logger = logging.getLogger(__name__)

# A copy of a checkpoint that is still being written is younger; what is older was left by a killed worker.
UNFINISHED_SECONDS: Final = 3600.0
_TEMPORARY: Final = "tmp"


def folder_of(run: TrainingRun) -> Path:
    """The folder of a run on this worker; what a stopped training goes on from is kept there."""
    return _root() / str(run.pk)


@contextmanager
def workplace(run: TrainingRun) -> Iterator[Path]:
    """The run's folder, with this process's temporary files within it, so that a kill strands none elsewhere.

    The folder goes when the body ends; where the process is killed it stays for the next attempt,
    or until the run has ended (`sweep_workplaces`).
    """
    folder = folder_of(run)
    shutil.rmtree(folder / _TEMPORARY, ignore_errors=True)
    (folder / _TEMPORARY).mkdir(parents=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder / _TEMPORARY)
    finished = True
    try:
        yield folder
    except LeaseLost:
        finished = False  # whoever has the run now may be working in this very folder
        raise
    finally:
        tempfile.tempdir = before
        if finished:
            shutil.rmtree(folder, ignore_errors=True)


def sweep_workplaces() -> list[Path]:
    """Delete the folders of runs that are over, and half-written copies of checkpoints, on this worker.

    Returns:
        What was deleted.
    """
    # Listed first: a run that begins meanwhile is then either not listed yet, or active already.
    listed = _listed(_root())
    active = TrainingRun.objects.filter(status__in=[RunStatus.QUEUED, RunStatus.RUNNING])
    kept = {str(pk) for pk in active.values_list("pk", flat=True)}
    folders = [path for path in listed if path.name not in kept]
    before = time.time() - UNFINISHED_SECONDS
    copies = [
        path
        for path in _listed(settings.CHECKPOINT_CACHE)
        if path.is_file() and path.suffix != ".zip" and path.stat().st_mtime < before
    ]
    for path in folders:
        shutil.rmtree(path, ignore_errors=True)
    for path in copies:
        path.unlink(missing_ok=True)
    for path in (*folders, *copies):
        logger.warning("%s was left by a worker that was killed; it was deleted.", path.name)
    return [*folders, *copies]


def _root() -> Path:
    return Path(settings.CHECKPOINT_CACHE) / "training"


def _listed(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
