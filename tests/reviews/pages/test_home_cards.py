"""What waits for an adjudicator stands on the first page."""

import re

import pytest
from django.urls import reverse

from reviews.services.protocols import set_protocol
from tests.factories import analysed_image, make_collection, make_user


@pytest.fixture
def okafor(collection):
    return make_user("okafor", collection=collection, role="adjudicator")


def home_of(client) -> str:
    return " ".join(client.get(reverse("home")).content.decode().split())


def disagree(read, collection, *readers) -> None:
    image = analysed_image(collection)
    for reader, label in zip(readers, ("glioma", "meningioma"), strict=True):
        read.finished(reader, image, label)


def test_disagreements_that_wait_are_counted_for_who_decides(browse, read, collection, alice, okafor):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    erin = make_user("erin", collection=collection, role="radiologist")
    client = browse(okafor)
    address = reverse("disagreements", args=[collection.pk])
    assert re.search(rf'<a class="button" href="{address}">Disagreements</a>', home_of(client))
    disagree(read, collection, alice, erin)
    assert re.search(
        rf'<a class="button primary" href="{address}"[^>]*>1 disagreement to decide</a>', home_of(client)
    )
    disagree(read, collection, alice, erin)
    assert "2 disagreements to decide" in home_of(client)
    assert "isagreement" not in home_of(browse(alice))


def test_one_query_counts_them_in_all_collections(browse, okafor, django_assert_num_queries):
    from mriplatform.accounts.selectors import roles_of
    from reviews.selectors.decisions import count_disagreements

    others = [make_collection() for _ in range(3)]
    assert roles_of(okafor)  # asked once in every request, whatever it is for
    with django_assert_num_queries(1):
        assert count_disagreements([other.pk for other in others], okafor) == {}
