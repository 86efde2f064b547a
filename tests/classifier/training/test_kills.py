"""A worker killed with SIGKILL at twenty random points: nothing half-made to select, nothing left lying.

`KILLS=100 KILL_SEED=7` for more of them, and others.
"""

import hashlib
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models.functions import Now
from django.test import override_settings

from classifier.jobs.training.workplace import sweep_workplaces
from classifier.management.commands.register_model import register
from classifier.models import Evaluation, GateDecision, ModelVersion, TraceLine, TrainingRun
from classifier.services.files import sweep_files
from classifier.services.training import reap_expired_runs, start_run
from tests.checkpoints import TURNS_AWAY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILL_SEED", "20261121"))
ROOT = Path(__file__).resolve().parents[3]
WRITING = "in write"
PLACES = (
    "after finish_run", "after record_trace", "after register_version", "after record_evaluation",
    "after record_decision", "after register_candidate", "after check_trace", "after judge_candidate",
)  # fmt: skip


class Worker:
    """The forking worker (`forked_worker`), its files all under one folder."""

    def __init__(self, folder: Path, database_url: str, *, in_folder: bool) -> None:
        self.cache, self.temporary, self.files = folder / "cache", folder / "tmp", folder / "files"
        self.temporary.mkdir()
        self.files.mkdir()
        environment = os.environ | {
            "DATABASE_URL": database_url,
            "CHECKPOINT_CACHE": str(self.cache),
            "TMPDIR": str(self.temporary),
            "INFERENCE_RUNTIME": "onnx",
            "LOG_LEVEL": "ERROR",
            "BASE_CHECKPOINT": str(TURNS_AWAY),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        if in_folder:
            environment["CHECKPOINT_FOLDER"] = str(self.files)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.classifier.training.forked_worker"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._answer() == "ready"

    def attempt(self, order: str) -> tuple[int, float]:
        """One attempt in a child; how it ended, and after how many seconds."""
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        code, seconds = self._answer().split()
        return int(code), float(seconds)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> str:
        return self.process.stdout.readline().strip()


@pytest.fixture(params=["postgres", "folder"])
def worker(request, tmp_path, runtime_database_url, settings):
    """A worker whose checkpoints lie in the database, and one that keeps them in a folder."""
    in_folder = request.param == "folder"
    if in_folder:
        location = {"OPTIONS": {"location": tmp_path / "files"}}
        backend = {"BACKEND": "django.core.files.storage.FileSystemStorage"} | location
        settings.STORAGES = settings.STORAGES | {"checkpoints": backend}
    else:
        register(TURNS_AWAY, reason="for the test")
    started = Worker(tmp_path, runtime_database_url, in_folder=in_folder)
    yield started
    started.stop()


def orders(chance: random.Random, count: int, seconds: float) -> list[str]:
    """Where to kill: while the checkpoint is written, at some of the places, and at moments of a whole run."""
    places = [WRITING, *chance.sample(PLACES, min(count // 2 - 1, len(PLACES)))]
    moments = [f"at {chance.uniform(0, seconds):.3f}" for _ in range(count - len(places))]
    return chance.sample([*places, *moments], count)


def assert_nothing_half_made(storage: Storage) -> None:
    """Every version is whole: its run is over, its bytes are those that were registered, its figures are there."""
    for version in ModelVersion.objects.exclude(training_run=None):
        run = version.training_run
        assert run.status == "succeeded"
        assert (
            hashlib.sha256(storage.open(version.checkpoint.name).read()).hexdigest()
            == version.checkpoint_sha256
        )
        assert GateDecision.objects.filter(candidate=version, training_run=run).count() == 1
        assert TraceLine.objects.filter(run=run).count() == len(
            storage.open(run.manifest.name).read().splitlines()
        )
        assert Evaluation.objects.filter(model_version=version, training_run=run).exists()
    unfinished = TrainingRun.objects.exclude(status="succeeded")
    assert not ModelVersion.objects.filter(training_run__in=unfinished).exists()
    assert not Evaluation.objects.filter(training_run__in=unfinished).exists()
    assert not TraceLine.objects.filter(run__in=unfinished).exists()


def lose_lease() -> None:
    """What the reaper does once the lease of a killed worker has run out."""
    TrainingRun.objects.filter(status="running").update(lease_expires_at=Now() - timedelta(seconds=1))
    reap_expired_runs()


def test_a_worker_killed_at_random_points_leaves_nothing_half_made(worker, images, manifest, collection):
    shown, storage = images(6), storages["checkpoints"]

    def start() -> None:
        number = TrainingRun.objects.count()
        splits = ("train",) * (number % 4 + 1) + ("validation", "test")
        start_run(actor=None, manifest=manifest(shown, splits), seed=number, collection=collection)

    def kill(order: str) -> None:
        if not TrainingRun.objects.filter(status="queued").exists():
            start()
        code, _ = worker.attempt(order)
        lose_lease()
        assert_nothing_half_made(storage)
        if code == 0 and order.startswith("at"):
            # It had ended by then; earlier.
            kill(f"at {float(order.removeprefix('at ')) / 2:.3f}")
        else:
            assert code == -9, (order, code)

    start()
    code, seconds = worker.attempt("nowhere")
    assert code == 0
    libraries_own = set(worker.temporary.iterdir())
    for order in orders(random.Random(SEED), KILLS // 2, seconds):
        if order == WRITING:
            worker.attempt("nowhere")
        kill(order)
        if order == WRITING:
            # What is half written under the final name must not be taken for the whole by whoever comes next.
            worker.attempt("nowhere")
            assert TrainingRun.objects.first().status == "succeeded"
            assert_nothing_half_made(storage)
    worker.attempt("nowhere")
    lose_lease()
    assert_nothing_half_made(storage)
    for run in TrainingRun.objects.all():
        assert run.status in {"succeeded", "failed"}, (run.number, run.status)
        assert run.status == "succeeded" or "stopped during each of 3 attempts" in run.failure_reason
    assert_nothing_left(worker, storage)
    assert set(worker.temporary.iterdir()) == libraries_own


def assert_nothing_left(worker: Worker, storage: Storage) -> None:
    """After the sweep there is no file that no row names, and nothing of a worker but whole copies of checkpoints."""
    sweep_files(left_alone=timedelta(0))
    named = {version.checkpoint.name for version in ModelVersion.objects.all()}
    named |= {run.manifest.name for run in TrainingRun.objects.all()}
    kept = {
        f"{folder}/{name}" for folder in ("checkpoints", "manifests") for name in storage.listdir(folder)[1]
    }
    assert kept == named
    if isinstance(storage, FileSystemStorage):
        assert {
            str(path.relative_to(worker.files)) for path in worker.files.rglob("*") if path.is_file()
        } == named
    with override_settings(CHECKPOINT_CACHE=worker.cache):
        sweep_workplaces()
    assert not list((worker.cache / "training").iterdir())
