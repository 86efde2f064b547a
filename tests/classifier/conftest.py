"""People, a collection, the shipped model in force, and uploads.

What needs Django is imported where it is used: this file is read before the servers are up and the settings complete.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import get_temp_dir
from pathlib import Path

import pytest

from tests.pictures import slice_png

SHIPPED = Path(__file__).resolve().parents[2] / "ml" / "checkpoints" / "mobilenetv2-v2.ckpt.zip"


@pytest.fixture
def collection(db):
    from mriplatform.accounts.models import Collection

    return Collection.objects.create(name="Neuro")


@pytest.fixture
def uploader(collection):
    from mriplatform.accounts.models import User
    from mriplatform.accounts.roles import Role

    user = User.objects.create(username="uma")
    user.memberships.create(collection=collection, role=Role.UPLOADER)
    return user


@pytest.fixture
def temporary(tmp_path, monkeypatch) -> Path:
    """Where temporary files go: a folder in which nothing else lies."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    # The fork server's sockets stay where they are: the folder is too long a path for one, and would be kept for good.
    get_temp_dir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def shipped(db):
    """The shipped model, registered and in force."""
    from classifier.management.commands.register_model import register
    from classifier.selectors import version_in_force

    register(SHIPPED, name="shipped", reason="for the test")
    return version_in_force()


@pytest.fixture
def upload(uploader, collection):
    """Uploads pictures, a study each; returns the studies."""
    from classifier.models import Origin
    from classifier.services.uploads import Grouping, UploadedPart, receive_upload

    def _upload(count: int = 1, first_seed: int = 1):
        parts = [UploadedPart(slice_png(seed)) for seed in range(first_seed, first_seed + count)]
        studies = []
        for _ in range(10):
            result = receive_upload(
                actor=uploader, collection=collection, files=parts, grouping=Grouping.STUDY_EACH, origin=Origin.API,
            )  # fmt: skip
            studies += result.studies
            # As any client does where the machine had no time to decode one: it is sent again.
            parts = [parts[verdict.number - 1] for verdict in result.verdicts if verdict.status == 503]
            if not parts:
                break
        missed = [verdict for verdict in result.verdicts if verdict.outcome not in ("stored", "duplicate")]
        assert not missed, [(verdict.outcome, verdict.code, verdict.sentence) for verdict in missed]
        return studies

    return _upload


@pytest.fixture
def start(runtime_database_url, private_valkey, tmp_path):
    """Starts processes of the platform on the test's database, as the runtime role, with a broker of its own; words
    after the command are settings."""
    environment = os.environ | {
        "DATABASE_URL": runtime_database_url,
        "REDIS_URL": private_valkey.url,
        "INFERENCE_LEASE_SECONDS": "2",
        "BELL_SECONDS": "1",
        "INFERENCE_RUNTIME": "onnx",
        "CHECKPOINT_CACHE": str(tmp_path / "cache"),
        "LOG_LEVEL": "WARNING",
    }
    started: list[subprocess.Popen] = []

    def _start(*command: str, **settings: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment | settings, start_new_session=True
        )
        started.append(process)
        return process

    yield _start
    for process in started:
        # With whatever it started: gunicorn's workers outlive it for a moment, and hold the database.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def worker(start) -> Callable[..., subprocess.Popen]:
    command = (
        "-m",
        "celery",
        "-A",
        "mriplatform",
        "worker",
        "-Q",
        "inference",
        "-P",
        "solo",
        "-l",
        "WARNING",
    )
    return lambda **settings: start(*command, **settings)


@pytest.fixture
def beat(start, tmp_path) -> Callable[..., subprocess.Popen]:
    schedule = str(tmp_path / "beat")
    return lambda **settings: start(
        "-m", "celery", "-A", "mriplatform", "beat", "-s", schedule, "-l", "WARNING", **settings
    )
