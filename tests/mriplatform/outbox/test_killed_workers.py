"""Real workers, a receiver that fails, hangs and recovers, and SIGKILL in between: each event arrives, in order."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from uuid import uuid4

import pytest
from django.db import close_old_connections
from standardwebhooks import Webhook

from mriplatform.outbox.models import Delivery
from mriplatform.outbox.publishing import News, publish_all
from mriplatform.webhooks.services import make_endpoint
from tests.factories import make_collection, make_user
from tests.mriplatform.outbox.receiver import hang

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, list(Delivery.objects.values_list("state", "attempts"))
        time.sleep(0.05)


@pytest.fixture
def worker(runtime_database_url, private_valkey, monkeypatch, tmp_path):
    """Starts a worker at the doors, as the demo does, with short pauses; bells from here reach it too."""
    from celery import current_app

    monkeypatch.setattr(current_app.conf, "broker_url", private_valkey.url)
    environment = os.environ | {
        "DATABASE_URL": runtime_database_url,
        "REDIS_URL": private_valkey.url,
        "WEBHOOK_ALLOWED": "http://127.0.0.0/8",
        "WEBHOOK_SECONDS": "1",
        "WEBHOOK_LEASE_SECONDS": "2",
        "WEBHOOK_FIRST_PAUSE_SECONDS": "1",
        "WEBHOOK_PAUSE_SECONDS": "1",
        "WEBHOOK_REST_SECONDS": "1",
        "BELL_SECONDS": "1",
        "LOG_LEVEL": "WARNING",
    }
    started = []

    def _worker():
        celery = (
            "-m",
            "celery",
            "-A",
            "mriplatform",
            "worker",
            "-P",
            "threads",
            "-c",
            "4",
            "-Q",
            "intake,outbox",
        )
        command = [*celery, "-B", "-s", str(tmp_path / uuid4().hex), "-l", "WARNING"]
        started.append(subprocess.Popen([sys.executable, *command], env=environment, start_new_session=True))
        return started[-1]

    yield _worker
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def kill(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_each_event_arrives_in_order_whatever_is_killed(worker, receiver, quick):
    collection = make_collection("Neuro")
    uma = make_user("uma", collection=collection, role="uploader")
    _, secret = make_endpoint(owner=uma, collection=collection, url=receiver.url, kinds=["study.final"])
    studies = [uuid4() for _ in range(4)]

    def _happen():
        publish_all([News("study.final", study, collection.pk, {"study": str(study)}) for study in studies])

    receiver.answer = 500
    first = worker()
    for _ in range(3):
        _happen()
    wait_until(lambda: receiver.got)
    receiver.answer = hang
    before = len(receiver.got)
    wait_until(lambda: len(receiver.got) > before)
    # In the middle of a try that its receiver has taken: nobody wrote down what came of it.
    kill(first)
    _happen()
    receiver.answer = 204
    worker()
    wait_until(lambda: not Delivery.objects.exclude(state="delivered").exists())
    close_old_connections()
    arrived = {}
    for headers, body in receiver.got:
        told = Webhook(secret).verify(body, headers)
        arrived.setdefault(told["object"], []).append((told["sequence"], headers["webhook-id"]))
    assert arrived.keys() == {str(study) for study in studies}
    for tries in arrived.values():
        sequences = [sequence for sequence, _ in tries]
        assert sequences == sorted(sequences)
        assert set(sequences) == {1, 2, 3, 4}
        assert len(set(tries)) == 4, "the same event has the same identifier at every try"
    assert len(receiver.got) > 16, "some were sent more than once"
