"""What somebody put into the broker who could write to it: a pickle, tasks that there are not, and odd arguments."""

import base64
import json
import os
import pickle
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis

pytestmark = [pytest.mark.timeout(180), pytest.mark.usefixtures("transactional_db")]
QUEUE = "intake"
RUN = """
import os, sys
log = os.open({log!r}, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
os.dup2(log, 1)
os.dup2(log, 2)
sys.argv = "celery -A mriplatform worker -P threads -c 1 -Q {queue} -l INFO".split()
from celery.__main__ import main
main()
"""


class Opened:
    """Makes a file wherever it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._path),)


def message(body: bytes, kind: str, task: str) -> str:
    """A message as the transport lays it into a list."""
    headers = {
        "lang": "py",
        "task": task,
        "id": str(uuid4()),
        "root_id": None,
        "parent_id": None,
        "group": None,
    }
    delivery = {"exchange": "", "routing_key": QUEUE}
    properties = {
        "correlation_id": headers["id"], "reply_to": str(uuid4()), "delivery_mode": 2, "delivery_info": delivery,
        "priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid4()),
    }  # fmt: skip
    return json.dumps({
        "body": base64.b64encode(body).decode(), "content-encoding": "binary", "content-type": kind,
        "headers": headers, "properties": properties,
    })  # fmt: skip


def test_a_pickle_and_forged_tasks_are_refused_and_the_worker_lives(start, private_valkey, tmp_path) -> None:
    """They are gone from the queue, said in the log, and a real bell is still heard."""
    trap, log = tmp_path / "opened", tmp_path / "worker.log"
    worker = start("-c", RUN.format(log=str(log), queue=QUEUE), LOG_LEVEL="INFO")
    broker = redis.Redis.from_url(private_valkey.url)
    packed = pickle.dumps(((Opened(trap),), {}, {}))
    call = json.dumps([[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]).encode()
    odd = json.dumps([["x"] * 50, {"collection": "x"}, {}]).encode()
    forged = [
        message(packed, "application/x-python-serialize", "classifier.drain_archives"),
        message(call, "application/json", "os.system"),
        message(call, "application/json", "celery.backend_cleanup\0"),
        message(odd, "application/json", "classifier.drain_archives"),
        message(b"{" * 5000, "application/json", "classifier.drain_archives"),
        message(call, "application/json", "classifier.drain_archives"),
    ]
    for one in forged:
        broker.lpush(QUEUE, one)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (log.exists() and "succeeded in" in log.read_text()):
        assert worker.poll() is None, "the worker has ended"
        time.sleep(0.1)
    said = log.read_text()
    assert "Task classifier.drain_archives" in said
    assert "succeeded in" in said
    assert broker.llen(QUEUE) == 0
    assert not trap.exists()
    assert "ContentDisallowed" in said or "Refusing to deserialize" in said
    assert "unregistered task" in said
    assert worker.poll() is None
