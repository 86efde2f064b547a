"""Disagreements: shown to who decides, without names and without the machine's answer."""

import pytest
from django.urls import reverse


@pytest.fixture
def ada(member):
    return member("ada", "adjudicator")


@pytest.fixture
def disputed(read, alice, bob, collection, image):
    from reviews.services.protocols import set_protocol

    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image, label="meningioma")
    read.finished(bob, image, label="pituitary")
    return image


def address(image):
    return reverse("disagreement", args=[image.collection_id, image.pk])


def test_who_decides_sees_what_was_said_and_no_more(browse, ada, disputed):
    client = browse(ada)
    listed = client.get(reverse("disagreements", args=[disputed.collection_id])).content.decode()
    shown = client.get(address(disputed)).content.decode()
    for page in (listed, shown):
        assert "Meningioma" in page
        assert "Pituitary tumour" in page
        for hidden in ("alice", "bob", "Probably", "persuaded", "Correct"):
            assert hidden not in page
    assert "Reader 1" in shown


def test_a_decision_is_final(browse, ada, disputed):
    from reviews.selectors import final_label

    client = browse(ada)
    decided = client.post(address(disputed), {"label": "pituitary", "rationale": "In the sella."})
    assert decided.url == reverse("disagreements", args=[disputed.collection_id])
    assert final_label(disputed).label == "pituitary"
    after = client.get(decided.url).content.decode()
    assert "The final label of image" in after
    assert "Nothing to decide" in after
    assert client.get(address(disputed)).url == decided.url
    assert client.post(address(disputed), {"label": "glioma", "rationale": "No."}).status_code == 409


@pytest.mark.parametrize(
    ("said", "status", "sentence"),
    [
        ({"label": "glioma"}, 400, "Say why"),
        ({"rationale": "Because."}, 400, "Choose the final label."),
        ({"label": "glioma", "rationale": "x" * 2001}, 400, "at most 2000 characters"),
    ],
)
def test_a_decision_needs_a_label_and_a_reason(browse, ada, disputed, said, status, sentence):
    refused = browse(ada).post(address(disputed), said)
    assert refused.status_code == status
    assert sentence in refused.content.decode()
    assert not disputed.adjudications.exists()


def test_who_has_read_the_image_does_not_decide(browse, alice, collection, disputed):
    alice.memberships.create(collection=collection, role="adjudicator")
    client = browse(alice)
    listed = client.get(reverse("disagreements", args=[collection.pk])).content.decode()
    assert "Nothing to decide" in listed
    assert client.get(address(disputed)).status_code == 302
    assert client.post(address(disputed), {"label": "glioma", "rationale": "Mine."}).status_code == 422


def test_an_image_of_another_collection_is_not_there(browse, ada, charlie, version):
    from mriplatform.accounts.models import Collection
    from tests.factories import analysed_image

    foreign = analysed_image(Collection.objects.get(name="Elsewhere"))
    mine = ada.memberships.get().collection
    client = browse(ada)
    assert client.get(reverse("disagreement", args=[mine.pk, foreign.pk])).status_code == 404
    assert client.get(address(foreign)).status_code == 404
