"""The same pixels in two collections: who reads them blind in the one gets no answer to them in the other before."""

import pytest
from django.urls import reverse

from classifier.models import Image
from mriplatform.accounts.models import User
from reviews.exceptions import ReadingConflict
from reviews.selectors import open_disagreements, readable, set_aside, worklist, worklist_counts
from reviews.selectors.decisions import count_disagreements, decided_images, decisions_in, to_decide
from reviews.services.adjudication import adjudicate
from reviews.services.known_cases import set_known_case
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image, claim_next
from tests.factories import analysed_image, make_collection, make_prediction, make_user


@pytest.fixture
def assisted(version):
    collection = make_collection("Assisted")
    set_protocol(actor=None, collection=collection, mode="assisted", order="likely_tumour")
    return collection


@pytest.fixture
def twin(assisted, image):
    """The same pixels in an assisted collection, beside another image there."""
    twin = analysed_image(assisted, label="glioma")
    analysed_image(assisted, label="notumor")
    Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    return twin


@pytest.fixture
def reader(alice, assisted):
    """Alice reads in both."""
    alice.memberships.create(collection=assisted, role="radiologist")
    return User.objects.get(pk=alice.pk)


def waits(reader, twin):
    """Whether the twin is kept back: in the lists, the counts and for a claim alike."""
    collection = twin.collection
    listed = readable(reader, collection).filter(pk=twin.pk).exists()
    assert worklist_counts(reader, collection)["waiting"] == 1 + listed
    if not listed:
        assert claim_next(reader=reader, collection=collection).image_id != twin.pk
        with pytest.raises(ReadingConflict):
            claim_image(reader=reader, image=twin)
    return not listed


def test_it_waits_until_they_were_read_blind(reader, image, twin, read):
    assert waits(reader, twin)
    read.first(reader, image)
    assert not readable(reader, twin.collection).filter(pk=twin.pk).exists()


def test_once_they_were_read_it_is_there(reader, image, twin, read):
    read.finished(reader, image, "meningioma")
    assert not waits(reader, twin)
    assert claim_image(reader=reader, image=twin).events.get().kind == "reveal"


def test_it_waits_for_nobody_else(reader, member, assisted, image, twin):
    other = member("olga", "uploader")
    other.memberships.create(collection=assisted, role="radiologist")
    assert not waits(User.objects.get(pk=other.pk), twin)


def test_once_others_have_read_them_it_is_there(reader, bob, image, twin, read):
    read.finished(bob, image, "meningioma")
    assert not waits(reader, twin)


@pytest.mark.parametrize("mode", ["unaided", "assisted"])
def test_it_waits_where_the_other_shows_no_answer_from_the_start(reader, collection, image, twin, mode):
    set_protocol(actor=None, collection=collection, mode=mode)
    assert waits(reader, twin) == (mode == "unaided")


def test_it_waits_for_a_known_case(reader, collection, image, twin):
    set_known_case(actor=None, image=image, label="glioma", source="histology")
    assert waits(reader, twin)


def test_what_was_begun_with_the_answer_stays(reader, image, twin):
    reader.memberships.filter(collection=image.collection).delete()
    claim_image(reader=User.objects.get(pk=reader.pk), image=twin)
    reader.memberships.create(collection=image.collection, role="radiologist")
    assert readable(User.objects.get(pk=reader.pk), twin.collection).filter(pk=twin.pk).exists()


def test_two_blind_collections_do_not_wait_for_each_other(reader, assisted, image, twin):
    set_protocol(actor=None, collection=assisted, mode="blinded_first")
    assert not waits(reader, twin)


def test_the_list_aside_waits_as_well(reader, image, twin):
    twin.predictions.all()._raw_delete("default")
    make_prediction(twin, label="not_assessable")
    assert twin.pk not in set_aside(reader, twin.collection).values_list("pk", flat=True)
    assert twin.pk not in worklist(reader, twin.collection).values_list("pk", flat=True)


@pytest.fixture
def disputed(version, image, read):
    """The same pixels in a third collection, where two readers disagree, beside another image on which they do."""
    third = make_collection("Disputed")
    set_protocol(actor=None, collection=third, mode="blinded_first", readers_per_image=2)
    readers = [make_user(name, collection=third, role="radiologist") for name in ("rita", "ravi")]
    twin, other = (analysed_image(third, label="glioma") for _ in range(2))
    Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    for each in (twin, other):
        for reader, label in zip(readers, ("glioma", "pituitary"), strict=True):
            read.finished(reader, each, label)
    return twin


@pytest.fixture
def decider(alice, disputed):
    """Alice, who reads here, decides there."""
    alice.memberships.create(collection=disputed.collection, role="adjudicator")
    return User.objects.get(pk=alice.pk)


def decides(client, decider, disputed):
    """Whether the disputed twin is there for who decides: in the lists, the counts and its own page alike."""
    there = open_disagreements(disputed.collection, decider).filter(pk=disputed.pk).exists()
    assert to_decide(disputed.collection, decider).filter(pk=disputed.pk).exists() == there
    assert count_disagreements([disputed.collection_id], decider) == {disputed.collection_id: 1 + there}
    client.force_login(decider, backend="mriplatform.accounts.backends.RoleBackend")
    page = client.get(reverse("disagreement", args=[disputed.collection_id, disputed.pk]))
    assert page.status_code == (200 if there else 302)
    return there


def test_what_others_said_of_them_waits_for_who_decides(client, decider, image, disputed, read):
    assert not decides(client, decider, disputed)
    read.finished(decider, image, "meningioma")
    assert decides(client, decider, disputed)


def test_what_was_decided_waits_as_well(decider, image, disputed, read):
    other = make_user("otto", collection=disputed.collection, role="adjudicator")
    adjudicate(adjudicator=other, image=disputed, label="glioma", rationale="Clear.")
    lists = decided_images, decisions_in
    assert [found(disputed.collection, decider).count() for found in lists] == [0, 0]
    read.finished(decider, image, "meningioma")
    assert [found(disputed.collection, decider).count() for found in lists] == [1, 1]


def test_who_reads_assisted_elsewhere_decides_at_once(client, collection, decider, disputed):
    set_protocol(actor=None, collection=collection, mode="assisted")
    assert decides(client, decider, disputed)
