"""Who sees answers: never a reader, not even where the same pixels lie in a collection that they do not read."""

import pytest

from classifier.selectors import predictions_of, sees_answers
from mriplatform.accounts.roles import Role
from tests.factories import make_collection, make_image, make_prediction, make_study, make_user, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def twins():
    """The same pixels in two collections, answered in the second."""
    make_version()
    read, other = make_collection("Read"), make_collection("Other")
    studies = [make_study(collection, images=0) for collection in (read, other)]
    images = [make_image(study, seed=77) for study in studies]
    make_prediction(images[1], label="glioma")
    return read, other, studies[1]


def test_an_engineer_sees_the_answer(twins):
    _, other, study = twins
    engineer = make_user("erin", collection=other, role=Role.ML_ENGINEER)
    assert sees_answers(engineer, study)
    assert predictions_of(engineer).count() == 1


def test_an_engineer_who_reads_the_same_pixels_elsewhere_does_not(twins):
    read, other, study = twins
    both = make_user("bo", collection=other, role=Role.ML_ENGINEER)
    both.memberships.create(collection=read, role=Role.RADIOLOGIST)
    assert not sees_answers(both, study)
    assert predictions_of(both).count() == 0


def test_an_engineer_who_reads_other_pixels_elsewhere_does(twins):
    _, other, study = twins
    both = make_user("bo", collection=other, role=Role.ML_ENGINEER)
    both.memberships.create(collection=make_collection("Third"), role=Role.RADIOLOGIST)
    assert sees_answers(both, study)
    assert predictions_of(both).count() == 1
