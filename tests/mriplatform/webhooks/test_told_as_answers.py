"""A prediction that becomes its image's answer after it has come: who waits for answers alone is told of it."""

import numpy as np
import pytest

from classifier.models import Image, JobStatus, Prediction
from classifier.services.answers import replace_answers
from classifier.services.comparison import ask_version
from classifier.services.predictions import (
    Answer,
    claim_batch,
    queue_predictions,
    record_answers,
    record_failed_attempt,
    retry_prediction,
)
from classifier.services.registry import promote
from classifier.services.studies import set_finality
from mriplatform.outbox.delivering import drain
from mriplatform.outbox.models import Delivery
from tests.factories import make_collection, make_prediction, make_study, make_user, make_version

pytestmark = pytest.mark.django_db
NOTHING = {"probabilities": None, "maps": None, "map_shape": None, "embedding": None}


@pytest.fixture
def collection():
    return make_collection("Neuro")


@pytest.fixture
def told(listening, collection, receiver):
    """What an uploader and a reader have heard by now, each by a webhook of theirs: kind, prediction, comparison."""
    users = [make_user(name, collection=collection, role=role)
             for name, role in (("uma", "uploader"), ("alice", "radiologist"))]  # fmt: skip
    endpoints = [
        listening(user, collection, "prediction.succeeded", "prediction.failed")[0] for user in users
    ]

    def _told():
        while drain():
            pass
        heard = []
        for endpoint in endpoints:
            rows = Delivery.objects.filter(endpoint=endpoint, state="delivered").select_related("event")
            heard.append([
                (row.event.kind.removeprefix("prediction."), str(row.object_id), row.event.data["for_comparison"])
                for row in rows.order_by("id")
            ])  # fmt: skip
        return heard

    return _told


def answered():
    return Answer(
        probabilities=np.array([0.9, 0.05, 0.03, 0.02], np.float32), maps=np.zeros((7, 7, 4), np.float32),
        frame=(0, 0, 64), embedding=np.zeros(8, np.float32), runtime="stand-in", device="cpu",
    )  # fmt: skip


def heard(kind, prediction):
    return [(kind, str(prediction.pk), False)]


def compared(study, version):
    """What a version, asked for comparison, has answered; as a worker records it."""
    ask_version(actor=None, study=study, version=version)
    (row,) = (row for row in claim_batch(worker="w", limit=9) if row.model_version_id == version.pk)
    record_answers([(row, answered())])
    return row


def test_a_retry_that_makes_a_comparison_the_answer_tells_that_it_has_succeeded(collection, told):
    study, first = make_study(collection), make_version()
    failed = make_prediction(study.images.get(), version=first, status=JobStatus.FAILED, **NOTHING)
    second = make_version()
    asked = compared(study, second)
    assert told() == [[], []], "an uploader is told of no comparison"
    assert retry_prediction(actor=make_user(), prediction_id=failed.pk) == asked
    assert told() == [heard("succeeded", asked), []]
    set_finality(study=study, final=True)
    assert told()[1] == heard("succeeded", asked), "a reader is told when it is final, and of no comparison"


@pytest.mark.parametrize("ended", ["succeeded", "failed"])
def test_a_comparison_that_becomes_the_answer_of_an_image_that_waited_for_a_version_is_told(
    collection, told, ended
):
    study = make_study(collection)
    queue_predictions([study.images.get()])
    version = make_version(promoted=False)
    asked = compared(study, version)
    if ended == "failed":
        Prediction.objects.filter(pk=asked.pk).delete()
        failed = {"for_comparison": True, "status": JobStatus.FAILED}
        asked = make_prediction(study.images.get(), version=version, **failed, **NOTHING)
    assert told() == [[], []]
    promote(actor=None, version=version, reason="the first")
    assert claim_batch(worker="w", limit=9) == []
    assert Prediction.objects.get() == asked
    assert told() == [heard(ended, asked), []]
    claim_batch(worker="w", limit=9)
    assert told() == [heard(ended, asked), []], "once"


@pytest.mark.parametrize("ended", ["succeeded", "failed"])
def test_what_was_claimed_as_a_comparison_and_became_the_answer_meanwhile_is_told_as_the_answer(
    collection, told, settings, ended
):
    settings.INFERENCE_ATTEMPTS = 1
    study = make_study(collection)
    queue_predictions([study.images.get()])
    version = make_version(promoted=False)
    ask_version(actor=None, study=study, version=version)
    (running,) = claim_batch(worker="w", limit=9)
    assert running.for_comparison
    promote(actor=None, version=version, reason="the first")
    assert claim_batch(worker="other", limit=9) == []
    assert told() == [[], []], "it has not come yet"
    if ended == "succeeded":
        assert record_answers([(running, answered())]) == 1
    else:
        assert record_failed_attempt(running, code="prediction_error", reason="A sentence of ours.")
    assert told() == [heard(ended, running), []]


def test_a_backlog_that_is_read_again_tells_of_its_new_answers(collection, told):
    study, first = make_study(collection), make_version()
    make_prediction(study.images.get(), version=first, status=JobStatus.FAILED, **NOTHING)
    second = make_version()
    asked = compared(study, second)
    images = list(Image.objects.select_for_update().filter(study=study))
    assert replace_answers(images=images, version=second) == 1
    assert replace_answers(images=images, version=second) == 0
    assert told() == [heard("succeeded", asked), []]
    set_finality(study=study, final=True)
    assert told() == [heard("succeeded", asked)] * 2
