"""The receiver of docs/webhooks.md, as it stands there, takes what is signed, refuses the rest, and handles it once."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mriplatform.launch.server import free_port
from mriplatform.outbox.delivering import drain
from mriplatform.outbox.kinds import Kind
from mriplatform.outbox.models import Delivery, Endpoint
from mriplatform.webhooks.services import redeliver, send_test
from tests.factories import make_collection, make_user

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"


@pytest.mark.django_db
def test_the_receiver_of_the_docs(listening):
    collection = make_collection("Neuro")
    uma, port = make_user("uma", collection=collection, role="uploader"), free_port()
    url = f"http://127.0.0.1:{port}/mri"
    endpoint, secret = listening(uma, collection, "study.final", url=url)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    environment = os.environ | {"WEBHOOK_SECRET": secret, "PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            send_test(actor=uma, endpoint=endpoint)
            while not Delivery.objects.filter(state="delivered").exists():
                assert process.poll() is None
                drain()
                time.sleep(0.05)
            redeliver(actor=uma, delivery=Delivery.objects.first())
            assert drain() == 1
            forged = urllib.request.Request(url, b"{}", {"webhook-id": "msg_1"}, method="POST")
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(forged, timeout=5)
        finally:
            process.kill()
        assert process.stdout.read().splitlines() == [f"webhook.test /api/v1/webhooks/{endpoint.pk}"]
    assert Endpoint.objects.get().failing_since is None


def test_every_kind_is_in_the_docs_and_so_is_what_lets_a_destination_in():
    told = PAGE.read_text()
    assert {kind for kind in Kind if f"`{kind.value}`" not in told} == set()
    assert "WEBHOOK_ALLOWED" in told
