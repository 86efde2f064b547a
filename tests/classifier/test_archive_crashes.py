"""Workers that take archives in are killed, and what they had begun is finished by others, once."""

import os
import signal
import time
from collections.abc import Callable

import pytest
from django.db import connection

from classifier.models import Archive, ArchivePart, Image, Prediction, Study
from classifier.services.archives import create_archive, send_archive
from mriplatform.audit.models import AuditEvent
from tests.classifier.intake.archive_cases import real

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
COUNT = 60
PATIENCE_SECONDS = 200
WORKER = (
    "-m",
    "celery",
    "-A",
    "mriplatform",
    "worker",
    "-Q",
    "intake",
    "-P",
    "threads",
    "-c",
    "2",
    "-l",
    "WARNING",
)


def wait_for(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)
        connection.close()


def test_a_worker_killed_while_it_checks_and_one_while_it_stores(start, beat, uploader, collection):
    data = real(COUNT)
    sent = create_archive(actor=uploader, collection=collection, size=len(data))
    send_archive(archive=sent, data=data)
    beat()
    lease = {"ARCHIVE_LEASE_SECONDS": "2"}
    for begun in (
        lambda: sent.entries.exclude(outcome="pending").exists(),
        lambda: Study.objects.exists(),
    ):
        killed = start(*WORKER, **lease)
        wait_for(begun)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
        assert not Archive.objects.filter(status="stored").exists()
        assert ArchivePart.objects.exists()
    start(*WORKER, **lease)
    start(*WORKER, **lease)
    wait_for(lambda: Archive.objects.get().status == "stored")
    assert (Study.objects.count(), Image.objects.count(), Prediction.objects.count()) == (COUNT, COUNT, COUNT)
    assert set(sent.entries.values_list("outcome", flat=True)) == {"stored"}
    assert AuditEvent.objects.filter(action="study.uploaded").count() == COUNT
    assert AuditEvent.objects.filter(action="archive.stored").count() == 1
    assert not ArchivePart.objects.exists()
