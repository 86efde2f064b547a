"""The final label on a study: told to whom it may be, with how it came about."""

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from reviews.models import Reading
from reviews.services.adjudication import adjudicate
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend
from tests.factories import analysed_image, make_collection


@pytest.fixture
def dora(member):
    return member("dora", "adjudicator")


@pytest.fixture
def disputed(alice, bob, collection, image, read):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image, "meningioma")
    read.finished(bob, image, "pituitary")
    return image


def asking(user):
    """A client of the user as the database has them now."""
    client = APIClient()
    client.force_authenticate(type(user).objects.get(pk=user.pk))
    return client


def finals(user, image):
    shown = asking(user).get(f"/api/v1/studies/{image.study_id}").json()
    return [
        one["final_label"] and (one["final_label"]["label"], one["final_label"]["path"])
        for one in shown["images"]
    ]


def test_the_study_tells_the_final_label_to_whom_it_may(dora, alice, member, engineer, disputed):
    uploader, third = disputed.study.uploaded_by, member("carla", "radiologist")
    everybody = (uploader, third, alice, engineer, dora)
    assert [finals(user, disputed) for user in everybody] == [[None]] * 5
    adjudicate(adjudicator=dora, image=disputed, label="meningioma", rationale="Dural tail.")
    told = ("meningioma", "adjudicated")
    assert [finals(user, disputed) for user in (uploader, alice, engineer, dora)] == [[told]] * 4
    # Another reader of the collection has nothing from it.
    assert finals(third, disputed) == [None]


def test_a_reader_does_not_see_it_while_they_have_the_image_open(alice, collection, image, read):
    first = read.finished(alice, image, "glioma")
    assert finals(alice, image) == [("glioma", "one reader")]
    Reading.objects.create(
        image=image, reader=alice, protocol=first.protocol, lease_expires_at=timezone.now(), purpose="repeat",
        repeats=first,
    )  # fmt: skip
    assert finals(alice, image) == [None]


def test_whoever_reads_the_same_pixels_elsewhere_is_not_told(alice, engineer, collection, image, read):
    read.finished(alice, image, "glioma")
    twin = analysed_image(make_collection("Twin"))
    type(twin).objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    assert finals(engineer, image) == [("glioma", "one reader")]
    type(engineer).objects.filter(pk=engineer.pk).update(is_staff=False)
    engineer.refresh_from_db()
    engineer.memberships.create(collection=twin.collection, role="radiologist")
    assert finals(engineer, image) == [None]


@pytest.mark.parametrize("who", ["engineer", "alice"])
def test_the_page_says_it_with_its_path_and_that_somebody_changed_theirs(
    who, alice, engineer, dora, disputed
):
    adjudicate(adjudicator=dora, image=disputed, label="pituitary", rationale="Sellar.")
    amend(reader=alice, reading=alice.readings.get(), verdict="not_assessable")
    client = Client()
    client.force_login({"engineer": engineer, "alice": alice}[who])
    page = client.get(f"/studies/{disputed.study_id}").content.decode()
    assert "Final label" in page
    assert "adjudicated" in page
    assert "Pituitary tumour" in page
    assert "A reader has said something else since the decision. The decision stands." in page


def test_the_page_says_nothing_to_a_reader_who_has_not_read_it(member, dora, disputed):
    adjudicate(adjudicator=dora, image=disputed, label="pituitary", rationale="Sellar.")
    client = Client()
    client.force_login(member("carla", "radiologist"))
    page = client.get(f"/studies/{disputed.study_id}").content.decode()
    assert "Final label" not in page
    assert "Pituitary" not in page
