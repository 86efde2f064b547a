"""Browsers for the people of tests/reviews, and the forms that their pages send."""

from uuid import uuid4

import pytest
from django.test import Client


@pytest.fixture
def browse():
    """A signed-in browser: `browse(alice)`."""

    def _browse(user, **more):
        client = Client(**more)
        client.force_login(user, backend="mriplatform.accounts.backends.RoleBackend")
        return client

    return _browse


@pytest.fixture
def say():
    """Posts a form to a step of a reading: `say(client, "first-read", reading, label="glioma")`."""
    from django.urls import reverse

    def _say(client, step, reading, /, **fields):
        headers = fields.pop("headers", {})
        data = {"idempotency_key": str(uuid4())} | {name: str(value) for name, value in fields.items()}
        return client.post(reverse(f"reading-{step}", args=[reading.pk]), data, headers=headers)

    return _say
