"""The worker's side with the real shipped model: draining, poison images, altered checkpoints, a switch of versions."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from classifier import engine as engine_module
from classifier.engine import Engine
from classifier.jobs.inference import drain
from classifier.models import JobStatus, ModelVersion, Prediction, StoredFile
from classifier.services.load_checks import ask_load_check
from classifier.services.promotion import roll_back
from classifier.services.registry import promote, register_version
from ml.checkpoint import read_checkpoint, replace_head
from mriplatform.audit.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """An engine of this test's own, as a fresh worker has it."""
    fresh = Engine(tmp_path / "cache", "onnx")
    monkeypatch.setattr(engine_module, "_engine", fresh)
    return fresh


def other_version(version: ModelVersion) -> ModelVersion:
    """A second version: the same network under another head."""
    checkpoint = read_checkpoint(version.checkpoint.open().read())
    kernel, bias = checkpoint.head()
    archive = replace_head(checkpoint, kernel[:, ::-1].copy(), bias[::-1].copy(), {"note": "mirrored head"})
    return register_version(
        actor=None, name="other", archive=archive, metadata=read_checkpoint(archive).metadata
    )


def test_a_drain_predicts_all_that_is_queued(upload, shipped, worker):
    upload(5)
    assert drain() == 5
    for row in Prediction.objects.all():
        assert row.status == JobStatus.SUCCEEDED
        assert sum(row.probabilities) == pytest.approx(1, abs=1e-5)
        assert row.map_array().shape == (14, 14, 4)
        assert row.map_frame[2] > 32
        assert row.embedding_array().shape == (384,)
        assert (row.runtime, row.device, row.model_version) == ("onnxruntime", "cpu", shipped)
    assert drain() == 0


def test_a_poison_image_fails_with_a_reason_and_its_neighbours_are_predicted(upload, shipped, worker):
    studies = upload(4)
    poison = studies[1].images.get()
    StoredFile.objects.filter(name=poison.pixels.name).update(content=b"not a PNG any more")
    drain()
    failed = Prediction.objects.get(image=poison)
    assert (failed.status, failed.attempt) == (JobStatus.FAILED, 3)
    assert failed.failure_reason == "The stored pixels of this image are damaged."
    assert Prediction.objects.filter(status=JobStatus.SUCCEEDED).count() == 3


def test_pixels_swapped_in_the_storage_are_never_predicted(upload, shipped, worker):
    first, second = upload(2)
    other = StoredFile.objects.get(name=second.images.get().pixels.name).content
    StoredFile.objects.filter(name=first.images.get().pixels.name).update(content=other)
    drain()
    assert Prediction.objects.get(image__study=first).failure_code == "pixels_damaged"


def test_a_fault_of_the_model_on_one_image_is_its_own(upload, shipped, worker, monkeypatch):
    studies = upload(3)
    model = worker.load(shipped)
    poison = model.prepare(studies[2].images.get())
    real = model.predict

    def fragile(batch):
        if any(np.array_equal(one.levels, poison.levels) for one in batch):
            raise RuntimeError("the runtime gave up")
        return real(batch)

    monkeypatch.setattr(model, "predict", fragile)
    drain()
    failed = Prediction.objects.get(status=JobStatus.FAILED)
    assert failed.image.study == studies[2]
    assert "RuntimeError" in failed.failure_reason
    assert Prediction.objects.filter(status=JobStatus.SUCCEEDED).count() == 2


def test_a_switch_of_versions_needs_no_restart_and_can_be_taken_back(upload, shipped, worker):
    upload(1, first_seed=1)
    drain()
    candidate = other_version(shipped)
    promote(actor=None, version=candidate, reason="better")
    upload(1, first_seed=2)
    drain()
    ask_load_check(actor=None, version=shipped)
    drain()
    roll_back(actor=None, reason="worse after all")
    upload(1, first_seed=3)
    drain()
    by_time = Prediction.objects.order_by("queued_at", "id")
    assert [row.model_version.number for row in by_time] == [1, 2, 1]


def test_a_checkpoint_altered_in_the_storage_is_refused_and_named_in_the_alarm(upload, shipped, worker):
    stored = StoredFile.objects.get(name=shipped.checkpoint.name)
    content = bytearray(stored.content)
    content[len(content) // 2] ^= 1
    StoredFile.objects.filter(pk=stored.pk).update(content=bytes(content))
    upload()
    assert drain() == 0
    row = Prediction.objects.get()
    assert (row.status, row.failure_code) == (JobStatus.FAILED, "checkpoint_refused")
    assert "altered" in row.failure_reason
    alarm = AuditEvent.objects.filter(action="checkpoint.alarm").first()
    assert alarm.data["sha256"] == shipped.checkpoint_sha256


def test_a_workers_altered_copy_is_alarmed_and_fetched_again(upload, shipped, worker, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    copy = cache / f"{shipped.checkpoint_sha256}.zip"
    copy.write_bytes(b"altered")
    upload()
    assert drain() == 1
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == shipped.checkpoint_sha256
    assert AuditEvent.objects.filter(action="checkpoint.alarm").exists()


def test_a_copy_that_another_process_takes_away_just_now_is_fetched_again(
    upload, shipped, worker, monkeypatch
):
    """Who vouches for a version deletes the copy, to fetch it anew; the host's other processes read the same one."""
    there = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path: path.suffix == ".zip" or there(path))
    upload()
    assert drain() == 1
    assert Prediction.objects.get().status == JobStatus.SUCCEEDED


def test_the_runtime_role_may_do_all_that_a_worker_does_and_not_change_a_ledger(
    runtime_database_url, shipped
):
    import psycopg2

    own = psycopg2.connect(runtime_database_url)
    with own, own.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('classifier_prediction', 'UPDATE')")
        assert cursor.fetchone() == (True,)
        for table in (
            "audit_auditevent",
            "classifier_modelversion",
            "classifier_promotion",
            "reviews_reviewevent",
        ):
            for verb in ("UPDATE", "DELETE", "TRUNCATE"):
                cursor.execute("SELECT has_table_privilege(%s, %s)", [table, verb])
                assert cursor.fetchone() == (False,), (table, verb)
            cursor.execute("SELECT has_table_privilege(%s, 'INSERT')", [table])
            assert cursor.fetchone() == (True,)
    own.close()
    with connection.cursor() as cursor, pytest.raises(Exception, match="append_only"):
        cursor.execute("UPDATE classifier_modelversion SET name = 'x'")


def test_a_batch_that_hangs_ends_its_worker_within_the_lease():
    """In native code too, where no Python signal handler would run: the process exits, and says where it hung."""
    hang = (
        "import django; django.setup()\n"
        "from classifier.jobs.inference import watchdog\n"
        "import ctypes\n"
        "with watchdog(0.5):\n"
        "    ctypes.PyDLL(None).sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", hang], capture_output=True, text=True, timeout=40)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
