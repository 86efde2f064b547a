"""The bell is best effort: a broker that refuses or hangs holds a request up for a moment, never for long."""

import socket
import time

import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from classifier import doorbell
from mriplatform import bell


@pytest.fixture(autouse=True)
def heard(monkeypatch):
    monkeypatch.setattr(bell, "_silent_until", 0.0)


@pytest.fixture
def unheard(monkeypatch):
    """Every bell is sent to nobody; returns those that were sent."""
    sent = []

    class Away:
        def send_task(self, task, **options):
            sent.append(task)
            raise OperationalError("away")

    monkeypatch.setattr(bell, "current_app", Away())
    return sent


@pytest.mark.django_db(transaction=True)
def test_fifty_bells_of_one_request_wait_for_an_absent_broker_once(unheard):
    with transaction.atomic():
        for _ in range(50):
            doorbell.ring(doorbell.INFERENCE)
    assert len(unheard) == 1


def test_after_a_while_the_bell_is_tried_again(unheard, monkeypatch):
    bell.send(doorbell.INFERENCE, "inference")
    now = time.monotonic()
    monkeypatch.setattr(bell.time, "monotonic", lambda: now + settings.BELL_SECONDS + 1)
    bell.send(doorbell.INFERENCE, "inference")
    assert len(unheard) == 2


def test_a_broker_that_refuses_is_given_up_at_once(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    app = Celery(broker=f"redis://127.0.0.1:{port}/0", set_as_current=False)
    app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    monkeypatch.setattr(bell, "current_app", app)
    began = time.monotonic()
    bell.send(doorbell.INFERENCE, "inference")
    # Tells being given up from being tried again and again, however slow the machine is.
    assert time.monotonic() - began < 60
