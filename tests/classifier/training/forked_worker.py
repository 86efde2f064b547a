"""A training worker that forks for each attempt, so that a kill costs no import of Keras.

Started by `test_kills` as a process of its own. It reads a line for each attempt, which says where the child is to
end, and answers with how the child ended (a signal is negative) and after how many seconds. `nowhere` lets it finish;
`at SECONDS` kills it then; `in write` kills it when half of the checkpoint's bytes are under their final name;
`after NAME` when that function of `PLACES` has returned, its transaction still open. Every kill is a SIGKILL.
"""

import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import django

if location := os.environ.get("CHECKPOINT_FOLDER"):
    from django.conf import settings

    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": location}}
    settings.STORAGES["checkpoints"] = backend

django.setup()

import keras  # noqa: E402, F401 - before the first fork: it is what takes seconds
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.storage import storages  # noqa: E402
from django.db import connections  # noqa: E402

import ml.training  # noqa: E402, F401
from classifier import engine  # noqa: E402
from classifier.jobs import training  # noqa: E402
from classifier.jobs.training import registering, running  # noqa: E402
from classifier.services import gate  # noqa: E402

PLACES = {
    "finish_run": registering,
    "record_trace": registering,
    "register_version": registering,
    "record_decision": registering,
    "record_evaluation": gate,
    "register_candidate": running,
    "check_trace": running,
    "judge_candidate": running,
}


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(order: str) -> None:
    """Lay the trap that an order asks for."""
    how, _, place = order.partition(" ")
    if how == "in":
        kill_while_writing()
    elif how == "after":
        kill_after(place)


def kill_while_writing() -> None:
    """Half of the checkpoint's bytes are written under its final name; then the process is gone."""
    storage = storages["checkpoints"]
    really = storage._save

    def half(name, content):
        if name.startswith("checkpoints/"):
            data = content.read()
            really(name, ContentFile(data[: random.randrange(1, len(data))]))
            kill_myself()
        return really(name, content)

    storage._save = half


def kill_after(place: str) -> None:
    module = PLACES[place]
    really = getattr(module, place)

    def then_gone(*args, **named):
        really(*args, **named)
        kill_myself()

    setattr(module, place, then_gone)


def attempt(order: str) -> int:
    """Work as a worker would, in a child; returns how it ended."""
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        connections.close_all()
        engine._engine = None
        arm(order)
        training.drain()
        os._exit(0)
    how, _, place = order.partition(" ")
    if how == "at":
        time.sleep(float(place))
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    if os.environ.get("CHECKPOINT_FOLDER"):
        from classifier.management.commands.register_model import register

        register(Path(os.environ["BASE_CHECKPOINT"]), reason="for the test")
    connections.close_all()
    tell("ready")
    for line in sys.stdin:
        started = time.monotonic()
        code = attempt(line.strip())
        tell(f"{code} {time.monotonic() - started}")


if __name__ == "__main__":
    main()
