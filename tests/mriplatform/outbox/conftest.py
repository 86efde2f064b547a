"""A receiver on loopback that the platform is allowed to send to, and quick tries."""

import pytest

from tests.mriplatform.outbox.receiver import Receiver


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def quick(settings):
    """Short pauses and limits, and loopback allowed."""
    from mriplatform.outbox.allowed import parse_allowed

    settings.WEBHOOK_ALLOWED = (parse_allowed("http://127.0.0.0/8"),)
    settings.WEBHOOK_SECONDS = 1
    settings.WEBHOOK_CONNECT_SECONDS = 1
    settings.WEBHOOK_FIRST_PAUSE_SECONDS = 0
    settings.WEBHOOK_REST_SECONDS = 0
    return settings


@pytest.fixture
def listening(receiver, quick):
    """Makes an endpoint for the receiver: `listening(owner, collection, kinds…)`; returns it with its secret."""
    from mriplatform.webhooks.services import make_endpoint

    def _listening(owner, collection, *kinds, url=""):
        return make_endpoint(owner=owner, collection=collection, url=url or receiver.url, kinds=kinds)

    return _listening
