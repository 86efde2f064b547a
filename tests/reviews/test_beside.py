"""Which images may be looked at beside the one that is read."""

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.models import Image, Study
from mriplatform.accounts.roles import Role
from reviews.selectors import readings_of
from reviews.selectors.beside import EARLIER_SHOWN, earlier_studies, images_of_study
from reviews.services.reading import claim_image
from reviews.views.beside import present_beside
from tests.factories import make_collection, make_prediction, make_study, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection()


@pytest.fixture
def reader(collection):
    return make_user("rivera", collection=collection, role=Role.RADIOLOGIST)


def study_of(collection, key: str, *, days: int, images: int = 1) -> Study:
    """A study that came so many days ago."""
    study = make_study(collection, subject=key, images=images)
    for image in study.images.all():
        make_prediction(image)
    Study.objects.filter(pk=study.pk).update(created_at=timezone.now() - timedelta(days=days))
    study.refresh_from_db()
    return study


def reading_in(study: Study, reader):
    claimed = claim_image(reader=reader, image=study.images.first())
    return readings_of(reader).get(pk=claimed.pk)


def test_earlier_studies_are_the_subjects_own_before_this_one_in_this_collection(collection, reader):
    elsewhere = make_collection("Elsewhere")
    oldest, older = study_of(collection, "one", days=90), study_of(collection, "one", days=30, images=2)
    now = study_of(collection, "one", days=10)
    study_of(collection, "one", days=1)
    study_of(collection, "two", days=40)
    study_of(collection, "", days=40)
    study_of(elsewhere, "one", days=50)
    assert earlier_studies(reading_in(now, reader)) == [older, oldest]


def test_a_study_of_nobody_has_no_earlier_one(collection, reader):
    study_of(collection, "", days=30)
    assert earlier_studies(reading_in(study_of(collection, "", days=1), reader)) == []


def test_hidden_and_removed_images_are_not_beside(collection, reader):
    older, now = study_of(collection, "one", days=9, images=3), study_of(collection, "one", days=1, images=3)
    reading = reading_in(now, reader)
    hidden, removed, left = older.images.all()
    Image.objects.filter(pk__in=[hidden.pk, now.images.last().pk]).update(hidden_at=timezone.now())
    Image.objects.filter(pk=removed.pk).update(pixels="")
    assert [list(study.images.all()) for study in earlier_studies(reading)] == [[left]]
    assert len(images_of_study(reading)) == 2
    Image.objects.filter(pk=left.pk).update(pixels="")
    assert earlier_studies(reading) == []


def test_a_page_asks_three_times_however_many_studies_there_are(
    collection, reader, django_assert_num_queries
):
    for days in range(2, EARLIER_SHOWN + 5):
        study_of(collection, "one", days=days, images=2)
    reading = reading_in(study_of(collection, "one", days=1, images=4), reader)
    with django_assert_num_queries(3):
        shown = present_beside(reading)
    assert len(shown["earlier"]) == EARLIER_SHOWN
    assert shown["position"] == 1
    assert [one["current"] for one in shown["slices"]] == [True, False, False, False]


def test_nothing_is_told_but_pixels_place_and_window(collection, reader):
    study_of(collection, "one", days=9)
    shown = present_beside(reading_in(study_of(collection, "one", days=1, images=2), reader))
    keys = {"src", "index", "center", "width", "current"}
    assert all(set(one) == keys for one in [*shown["slices"], *shown["earlier"][0]["slices"]])
