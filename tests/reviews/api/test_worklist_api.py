"""The worklist, for programs."""

import pytest
from rest_framework.test import APIClient

from reviews.models import WorklistEntry
from tests.factories import analysed_image


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def address(collection):
    return f"/api/v1/collections/{collection.pk}/worklist"


def test_it_has_what_waits_oldest_first_and_the_readers_progress(alice, collection, address, read):
    images = [analysed_image(collection) for _ in range(4)]
    read.finished(alice, images[0])
    read.claimed(alice, images[1])
    document = client_of(alice).get(address).json()
    assert document["progress"] == {"waiting": 2, "mine_open": 1, "set_aside": 0, "done": 1, "total": 4}
    assert [row["id"] for row in document["results"]] == [str(image.pk) for image in images[2:]]
    assert len(client_of(alice).get(f"{address}?limit=1").json()["results"]) == 1
    WorklistEntry.objects.filter(image=images[3]).update(bits=16, height=32)
    for query in ("bits=16", "shape=wide", f"study={images[3].study_id}", "bits=16&since=2020-01-01"):
        (row,) = client_of(alice).get(f"{address}?{query}").json()["results"]
        assert row["id"] == str(images[3].pk)
    assert client_of(alice).get(f"{address}?since=2999-01-01").json()["results"] == []


def test_it_is_its_readers_alone(alice, engineer, charlie, address):
    assert client_of(engineer).get(address).status_code == 403
    assert client_of(charlie).get(address).status_code == 404
    assert APIClient().get(address).status_code == 401
    for query in ("bits=12", "since=soon", "shape=round", "limit=201", "label=glioma"):
        assert client_of(alice).get(f"{address}?{query}").status_code == 400
