"""The queue of record: claims, fences, reaping, retries, and versions that change underneath."""

import threading
from datetime import timedelta

import numpy as np
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from classifier.exceptions import StateConflict
from classifier.models import JobStatus, Prediction, Study
from classifier.selectors import queue_ahead_of_studies
from classifier.services.predictions import (
    Answer,
    claim_batch,
    queue_predictions,
    reap_expired,
    record_answers,
    record_failed_attempt,
    retry_prediction,
)
from tests.factories import make_version

pytestmark = pytest.mark.django_db

ANSWER = Answer(
    probabilities=np.array([0.7, 0.1, 0.1, 0.1], np.float32),
    maps=np.ones((7, 7, 4), np.float32),
    frame=(-4, 0, 232),
    embedding=np.ones(1280, np.float32),
    runtime="onnxruntime",
    device="cpu",
)


def expire(*predictions):
    ids = [prediction.pk for prediction in predictions]
    Prediction.objects.filter(pk__in=ids).update(lease_expires_at=Now() - timedelta(seconds=1))


def test_a_claim_takes_the_oldest_and_binds_a_lease_and_an_attempt(upload, shipped):
    upload(3)
    batch = claim_batch(worker="w1", limit=2)
    assert [row.image.study_id for row in batch] == sorted(row.image.study_id for row in batch)
    assert {(row.status, row.attempt, row.worker) for row in batch} == {("running", 1, "w1")}
    assert len(claim_batch(worker="w2", limit=2)) == 1
    assert claim_batch(worker="w3", limit=2) == []


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_never_claim_the_same_row(upload, shipped):
    upload(12)
    claimed, barrier = [], threading.Barrier(4)

    def work():
        barrier.wait()
        try:
            while batch := claim_batch(worker="w", limit=2):
                claimed.extend(row.pk for row in batch)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed)) == 12


def test_an_answer_after_the_lease_was_lost_is_not_recorded(upload, shipped):
    upload()
    (slow,) = claim_batch(worker="slow", limit=1)
    expire(slow)
    assert reap_expired() == (1, 0)
    (quick,) = claim_batch(worker="quick", limit=1)
    assert record_answers([(slow, ANSWER)]) == 0
    assert record_answers([(quick, ANSWER)]) == 1
    row = Prediction.objects.get()
    assert (row.status, row.attempt, row.label) == (JobStatus.SUCCEEDED, 2, "glioma")
    assert np.array_equal(row.map_array(), ANSWER.maps)
    assert np.array_equal(row.embedding_array(), ANSWER.embedding)


def test_what_was_lost_with_a_batch_is_claimed_alone_so_that_poison_takes_nobody_along(upload, shipped):
    upload(3)
    expire(*claim_batch(worker="killed", limit=3))
    reap_expired()
    assert [len(claim_batch(worker="w", limit=32)) for _ in range(4)] == [1, 1, 1, 0]


def test_the_third_silent_attempt_fails_with_a_reason(upload, shipped):
    upload()
    for _ in range(2):
        expire(*claim_batch(worker="w", limit=1))
        assert reap_expired() == (1, 0)
    expire(*claim_batch(worker="w", limit=1))
    assert reap_expired() == (0, 1)
    row = Prediction.objects.get()
    assert row.status == JobStatus.FAILED
    assert "stopped during each of 3 attempts" in row.failure_reason


def test_a_failed_attempt_goes_back_and_the_last_one_fails(upload, shipped):
    upload()
    for _ in range(3):
        (row,) = claim_batch(worker="w", limit=1)
        record_failed_attempt(
            row, code="pixels_damaged", reason="The stored pixels of this image are damaged."
        )
    row = Prediction.objects.get()
    assert (row.status, row.failure_code) == (JobStatus.FAILED, "pixels_damaged")


def test_a_retry_gives_a_failed_prediction_all_its_attempts_again(upload, shipped, uploader):
    upload()
    Prediction.objects.update(status=JobStatus.FAILED, attempt=3, failure_reason="x")
    retry_prediction(actor=uploader, prediction_id=Prediction.objects.get().pk)
    (row,) = claim_batch(worker="w", limit=1)
    assert (row.attempt, row.failure_reason) == (1, "")
    with pytest.raises(StateConflict):
        retry_prediction(actor=uploader, prediction_id=row.pk)


def test_a_worker_from_before_a_retry_records_nothing_under_the_same_attempt_number(
    upload, shipped, uploader
):
    upload()
    (asleep,) = claim_batch(worker="asleep", limit=1)
    Prediction.objects.update(status=JobStatus.FAILED, attempt=3)
    retry_prediction(actor=uploader, prediction_id=asleep.pk)
    (awake,) = claim_batch(worker="awake", limit=1)
    assert awake.attempt == asleep.attempt
    assert not record_failed_attempt(asleep, code="prediction_error", reason="late")
    assert record_answers([(asleep, ANSWER)]) == 0
    assert record_answers([(awake, ANSWER)]) == 1


def test_a_retry_is_answered_by_the_version_in_force_now(upload, shipped, uploader):
    upload()
    Prediction.objects.update(status=JobStatus.FAILED, attempt=3, failure_code="checkpoint_refused")
    newer = make_version()
    prediction = Prediction.objects.get()
    assert prediction.model_version == shipped
    retry_prediction(actor=uploader, prediction_id=prediction.pk)
    assert claim_batch(worker="w", limit=1)[0].model_version == newer


def test_an_unbound_row_of_an_image_that_has_its_prediction_never_stops_the_queue(upload, request):
    images = [study.images.get() for study in upload(2)]
    version = request.getfixturevalue("shipped")
    queue_predictions(images[:1])
    claimed = claim_batch(worker="w", limit=9) + claim_batch(worker="w", limit=9)
    assert {row.image_id for row in claimed} == {image.pk for image in images}
    assert Prediction.objects.filter(model_version=version).count() == Prediction.objects.count() == 2


def test_before_a_version_is_in_force_rows_wait_and_are_bound_by_the_first_claim_after(upload, request):
    upload()
    assert Prediction.objects.get().model_version is None
    assert claim_batch(worker="w", limit=1) == []
    version = request.getfixturevalue("shipped")
    (row,) = claim_batch(worker="w", limit=1)
    assert row.model_version == version


def test_a_succeeded_prediction_cannot_be_changed_but_its_maps_can_be_removed(upload, shipped):
    upload()
    record_answers([(claim_batch(worker="w", limit=1)[0], ANSWER)])
    for change in (
        {"probabilities": [0.1, 0.7, 0.1, 0.1]},
        {"status": JobStatus.QUEUED},
        {"maps": b"other"},
        {"embedding": b"other"},
        {"runtime": "other"},
        {"novelty": 9.0},
        {"probabilities": None, "maps": None, "novelty": 9.0, "not_assessable": True},
    ):
        with pytest.raises(DatabaseError, match="succeeded_is_final"), transaction.atomic():
            Prediction.objects.update(**change)
    Prediction.objects.update(maps=None, embedding=None)
    assert Prediction.objects.get().map_array() is None


def test_queue_position_counts_who_came_before(upload, shipped):
    first, second, answered = upload(3)
    # What one request queues has one moment; these are set apart.
    for minutes, study in enumerate((first, second, answered)):
        queued_at = now() + timedelta(minutes=minutes)
        Prediction.objects.filter(image__study=study).update(queued_at=queued_at)
    Prediction.objects.filter(image__study=answered).update(status=JobStatus.FAILED)
    studies = list(Study.objects.all())
    with CaptureQueriesContext(connection) as asked:
        ahead = queue_ahead_of_studies(studies)
    assert ahead == {first.pk: 0, second.pk: 1, answered.pk: 0}
    assert sum("COUNT" in query["sql"] for query in asked) == 1
