"""Real workers, a real broker, real kills: nothing is lost, nothing is done twice, poison fails alone."""

import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable

import pytest
import redis
from celery import Celery
from django.db.models import Max

from classifier.models import Image, JobStatus, Prediction
from mriplatform.accounts.services import make_token
from tests.pictures import picture_png

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

POISONED_WORKER = """
import os, signal, sys
import django
django.setup()
from classifier.engine import LoadedModel
prepare = LoadedModel.prepare
def deadly(self, image):
    if str(image.pk) == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)
    return prepare(self, image)
LoadedModel.prepare = deadly
from mriplatform.celery import app
app.worker_main(["worker", "-Q", "inference", "-P", "solo", "-l", "WARNING"])
"""


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, dict(Prediction.objects.values_list("pk", "status"))
        time.sleep(0.02)


def count(status: JobStatus) -> int:
    return Prediction.objects.filter(status=status).count()


def assert_each_once(total: int) -> None:
    assert Image.objects.count() == Prediction.objects.count() == count(JobStatus.SUCCEEDED) == total
    assert all(sum(row.probabilities) == pytest.approx(1, abs=1e-5) for row in Prediction.objects.all())


def kill_in_mid_batch(victim: subprocess.Popen) -> int:
    """Kills the worker while it holds a batch; returns how many rows it held. Stopped first, it cannot finish them."""
    while True:
        wait_until(lambda: count(JobStatus.RUNNING) > 0)
        victim.send_signal(signal.SIGSTOP)
        if held := count(JobStatus.RUNNING):
            victim.kill()
            victim.wait()
            return held
        victim.send_signal(signal.SIGCONT)


def test_a_worker_killed_in_mid_batch_loses_nothing(upload, shipped, worker, beat, settings):
    settings.UPLOADS_PER_MINUTE = 1000
    for first in (1, 101, 201):
        upload(40, first_seed=first)
    beat()
    held = kill_in_mid_batch(worker())
    worker()
    wait_until(lambda: count(JobStatus.SUCCEEDED) == 120)
    assert_each_once(120)
    assert Prediction.objects.filter(attempt__gt=1).count() == held


def test_a_flushed_broker_loses_nothing(upload, shipped, worker, beat, private_valkey):
    upload(50, first_seed=1)
    upload(50, first_seed=101)
    redis.Redis.from_url(private_valkey.url).flushall()
    worker()
    beat()
    wait_until(lambda: count(JobStatus.SUCCEEDED) == 100)
    assert_each_once(100)


def post_upload(port: int, token: str, collection_id: str) -> int:
    """Uploads one image through the API, as a program does; returns the status."""
    boundary = "part"
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="collection"\r\n\r\n{collection_id}\r\n'
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body = (head + file).encode() + picture_png(7) + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/studies",
        data=body,
        headers={
            "Authorization": f"Token {token}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


def test_with_the_broker_away_an_upload_is_still_taken_and_predicted_later(
    uploader, collection, shipped, start, worker, beat, private_valkey
):
    _, token = make_token(user=uploader, name="test")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start("-m", "gunicorn", "mriplatform.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket")
    wait_until(lambda: answers(port))
    address = private_valkey.port
    private_valkey.kill()
    assert post_upload(port, token, str(collection.pk)) == 202
    assert count(JobStatus.QUEUED) == 1
    private_valkey.start(address)
    worker()
    beat()
    wait_until(lambda: count(JobStatus.SUCCEEDED) == 1)


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_one_message_delivered_fifty_times_does_the_work_once(upload, shipped, worker, private_valkey):
    upload(20)
    bell = Celery(broker=private_valkey.url)
    for _ in range(50):
        bell.send_task("classifier.drain_predictions", queue="inference", ignore_result=True)
    worker()
    worker()
    wait_until(lambda: count(JobStatus.SUCCEEDED) == 20)
    client = redis.Redis.from_url(private_valkey.url)
    wait_until(lambda: client.llen("inference") == 0)
    assert_each_once(20)
    assert Prediction.objects.aggregate(most=Max("attempt"))["most"] == 1


def test_an_image_that_kills_its_worker_fails_after_three_attempts_and_takes_nobody_along(
    upload, shipped, start, beat
):
    studies = upload(12)
    poison = studies[5].images.get()
    beat()
    process = start("-c", POISONED_WORKER, str(poison.pk))

    def settled() -> bool:
        nonlocal process
        if process.poll() is not None:
            process = start("-c", POISONED_WORKER, str(poison.pk))
        return count(JobStatus.FAILED) + count(JobStatus.SUCCEEDED) == 12

    wait_until(settled, 180)
    failed = Prediction.objects.get(status=JobStatus.FAILED)
    assert failed.image == poison
    assert failed.attempt == 3
    assert "stopped during each of 3 attempts" in failed.failure_reason
    assert count(JobStatus.SUCCEEDED) == 11
