"""Who hears of what, and when: a reader of an image nothing of the machine before its study is final, by any way."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from classifier.models import Image, JobStatus, Prediction, TrainingRun
from classifier.services.predictions import Answer as MachineAnswer
from classifier.services.predictions import (
    claim_batch,
    record_answers,
    record_failed_attempt,
    retry_prediction,
)
from classifier.services.registry import promote
from classifier.services.removal import hide_image
from classifier.services.studies import set_finality
from classifier.services.telling import tell_predictions
from classifier.services.training import cancel_run, fail_run, finish_run
from mriplatform.outbox.delivering import drain
from mriplatform.outbox.kinds import Kind
from mriplatform.outbox.models import Delivery, OutboxEvent
from mriplatform.webhooks.selectors import deliveries_of, delivery_counts
from mriplatform.webhooks.services import WebhookRefused, redeliver, send_test
from reviews.services.protocols import set_protocol
from reviews.services.telling import tell_review
from tests.factories import (
    analysed_image,
    make_collection,
    make_prediction,
    make_study,
    make_user,
    make_version,
)
from tests.reviews.acts import Read

pytestmark = pytest.mark.django_db
KINDS = ("prediction.failed", "prediction.succeeded", "review.submitted", "study.final")


@pytest.fixture
def version():
    return make_version()


@pytest.fixture
def collection(version):
    return make_collection("Neuro")


@pytest.fixture
def member(collection):
    return lambda name, *roles, where=None: _member(name, where or collection, roles)


def _member(name, collection, roles):
    user = make_user(name, collection=collection, role=roles[0])
    for role in roles[1:]:
        user.memberships.create(collection=collection, role=role)
    return user


@pytest.fixture
def analysed(collection, version):
    """An image that the machine has just answered, as a worker records it."""

    def _analysed(where=collection):
        image = make_study(where).images.get()
        prediction = Prediction.objects.create(image=image, model_version=version)
        record_answers([(_claimed(prediction), _glioma())])
        return image

    return _analysed


def _claimed(prediction):
    (claimed,) = (row for row in claim_batch(worker="w", limit=9) if row.pk == prediction.pk)
    return claimed


def _glioma():
    import numpy as np

    return MachineAnswer(
        probabilities=np.array([0.9, 0.05, 0.03, 0.02], np.float32), maps=np.zeros((7, 7, 4), np.float32),
        frame=(0, 0, 64), embedding=np.zeros(8, np.float32), runtime="stand-in", device="cpu",
    )  # fmt: skip


def test_who_reads_nothing_hears_at_once_and_nothing_that_the_machine_said(
    listening, member, collection, analysed, receiver
):
    for name, role in (("uma", "uploader"), ("erin", "ml_engineer")):
        listening(member(name, role), collection, "prediction.succeeded")
    image = analysed()
    assert drain() == 2
    prediction = image.predictions.get()
    for told in receiver.events:
        assert told["type"] == "prediction.succeeded"
        assert told["data"] == {
            "prediction": str(prediction.pk), "image": str(image.pk), "study": str(image.study_id),
            "collection": str(collection.pk), "status": "succeeded", "for_comparison": False,
            "address": f"/api/v1/predictions/{prediction.pk}",
        }  # fmt: skip
    assert all(word not in body for _, body in receiver.got for word in (b"glioma", b"0.9", b"stand-in"))


@pytest.mark.parametrize(
    "roles",
    [
        ("radiologist",),
        ("adjudicator",),
        ("radiologist", "ml_engineer", "approver"),
        ("uploader", "radiologist"),
    ],
)
def test_a_reader_hears_of_the_machine_only_when_the_study_is_final(
    listening, member, collection, analysed, receiver, roles
):
    endpoint, _ = listening(member("alice", *roles), collection, *KINDS)
    image = analysed()
    assert drain() == 0
    assert receiver.got == []
    assert [row.state for row in endpoint.deliveries.all()] == ["held"]
    assert not deliveries_of(endpoint).exists(), "that it is held says that something happened"
    assert delivery_counts(endpoint)["waiting"] == 0
    set_finality(study=image.study, final=True)
    assert drain() == 2
    assert sorted(receiver.kinds) == ["prediction.succeeded", "study.final"]
    assert deliveries_of(endpoint).count() == 2


def test_a_reader_with_the_same_pixels_elsewhere_waits_for_what_they_read(
    listening, member, collection, analysed, receiver, version
):
    """An engineer here reads the same pixels there: what the machine does here is held until that is final."""
    elsewhere = make_collection("Elsewhere")
    erin = member("erin", "ml_engineer")
    erin.memberships.create(collection=elsewhere, role="radiologist")
    listening(erin, collection, "prediction.succeeded")
    image, other = analysed(), analysed()
    twin = make_study(elsewhere).images.get()
    Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    assert drain() == 1
    assert receiver.events[0]["data"]["image"] == str(other.pk)
    set_finality(study=image.study, final=True)
    drain()
    assert len(receiver.got) == 1, "their own study is not final"
    set_finality(study=twin.study, final=True)
    drain()
    assert [told["data"]["image"] for told in receiver.events] == [str(other.pk), str(image.pk)]


def test_what_a_reader_hears_before_is_the_same_whatever_the_machine_did(
    listening, member, collection, version, receiver
):
    """Their other events come in the same order, with the same content, at the same tries, in two worlds that differ
    in what the machine did: it succeeded, it failed twice and was tried again, or it has not answered."""
    alice, bob = member("alice", "radiologist"), member("bob", "radiologist")
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    endpoint, _ = listening(alice, collection, *KINDS)
    worlds = []
    for world in ("succeeded", "failed", "nothing"):
        receiver.got.clear()
        point = transaction.savepoint_create()
        read, waits = analysed_image(collection, label="glioma"), make_study(collection).images.get()
        prediction = make_prediction(waits, version=version)
        if world == "succeeded":
            tell_predictions(Kind.PREDICTION_SUCCEEDED, [prediction])
        if world == "failed":
            for kind in (Kind.PREDICTION_FAILED, Kind.PREDICTION_FAILED, Kind.PREDICTION_SUCCEEDED):
                tell_predictions(kind, [prediction])
        tries = drain()
        Read().finished(alice, read, "glioma")
        tries += drain()
        Read().finished(bob, read, "glioma")
        tries += drain()
        named = {
            str(pk): word for pk, word in ((read.pk, "read"), (read.study_id, "study"), (waits.pk, "waits"))
        }
        said = []
        for told in receiver.events:
            data = {
                key: named.get(value, "")
                for key, value in told["data"].items()
                if key not in ("reading", "address")
            }
            said.append((told["type"], told["sequence"], data))
        shown = [(row.event.kind, row.state, row.attempts) for row in deliveries_of(endpoint)]
        worlds.append((tries, said, shown))
        transaction.savepoint_rollback(point)
    assert worlds[0] == worlds[1] == worlds[2]
    assert [kind for kind, _, _ in worlds[0][1]] == ["review.submitted", "study.final"]


def test_roles_are_those_of_the_moment_of_sending(listening, member, collection, analysed, receiver):
    uma, erin, ada = member("uma", "uploader"), member("erin", "ml_engineer"), member("ada", "auditor")
    endpoints = [listening(user, collection, "prediction.succeeded")[0] for user in (uma, erin, ada)]
    analysed()
    uma.memberships.all().delete()
    type(erin).objects.filter(pk=erin.pk).update(is_active=False)
    ada.memberships.create(collection=collection, role="radiologist")
    assert drain() == 0
    assert receiver.got == []
    states = [endpoint.deliveries.get().state for endpoint in endpoints]
    assert states == ["dropped", "dropped", "held"]
    # No reader any more: what was held is looked at again by and by.
    ada.memberships.filter(role="radiologist").delete()
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert drain() == 1


def test_a_study_that_is_open_again_holds_what_was_not_sent_yet(
    listening, member, collection, analysed, receiver
):
    endpoint, _ = listening(member("alice", "radiologist"), collection, "prediction.succeeded")
    image = analysed()
    set_finality(study=image.study, final=True)
    drain()
    set_finality(study=image.study, final=False)
    analysed()
    redeliver(actor=endpoint.owner, delivery=endpoint.deliveries.get(state="delivered"))
    assert drain() == 0
    assert len(receiver.got) == 1
    set_finality(study=image.study, final=True)
    assert drain() == 1


def test_finality_that_comes_while_a_delivery_is_being_held_releases_it(
    listening, member, collection, analysed, receiver, monkeypatch
):
    """It was not final when it was looked at; before it is put aside, whoever makes it final is waited for."""
    from mriplatform.outbox import delivering

    listening(member("alice", "radiologist"), collection, "prediction.succeeded")
    image = analysed()
    lock = delivering.hold_lock

    def _meanwhile(object_id):
        set_finality(study=image.study, final=True)
        lock(object_id)

    monkeypatch.setattr(delivering, "hold_lock", _meanwhile)
    assert drain() == 1


def test_reviews_are_told_to_their_reader_and_to_who_sees_labels(listening, member, collection, receiver):
    alice, bob = member("alice", "radiologist"), member("bob", "radiologist")
    for user in (alice, bob, member("erin", "ml_engineer"), member("dora", "adjudicator")):
        listening(user, collection, "review.submitted")
    image = analysed_image(collection, label="glioma")
    reading = Read().finished(alice, image, "meningioma")
    assert drain() == 2
    owners = {row.endpoint.owner.username for row in Delivery.objects.filter(state="delivered")}
    assert owners == {"alice", "erin"}
    assert set(receiver.kinds) == {"review.submitted"}
    assert receiver.events[0]["data"]["reading"] == str(reading.pk)
    assert all(word not in body for _, body in receiver.got for word in (b"meningioma", b"correct", b"alice"))


def test_an_uploader_cannot_have_reviews(listening, member, collection):
    with pytest.raises(WebhookRefused, match=r"review\.submitted"):
        listening(member("uma", "uploader"), collection, "review.submitted")


def test_each_end_of_a_run_and_each_promotion_is_told(listening, member, collection, receiver, version):
    erin = member("erin", "ml_engineer")
    listening(erin, None, "training_run.finished", "model_version.promoted")
    listening(erin, collection, "training_run.finished")
    recipe = {"kind": "head"}
    runs = []
    for number, status in ((1, "running"), (2, "running"), (3, "running"), (4, "queued")):
        # One is active at a time.
        TrainingRun.objects.update(status="failed")
        run = TrainingRun.objects.create(
            number=number, recipe=recipe, manifest="m", manifest_sha256="0" * 64, base_version=version, status=status,
            collection=collection if number == 1 else None,
        )  # fmt: skip
        runs.append(run)
        match number:
            case 1:
                finish_run(run=run, report={}, progress=[])
            case 2:
                fail_run(run=run, reason="It broke, on image 7.")
            case 3:
                cancel_run(actor=erin, run=run)
                fail_run(run=run, reason="It was cancelled.")
            case 4:
                cancel_run(actor=erin, run=run)
    other = make_version(promoted=False)
    promote(actor=None, version=other, reason="for the test")
    assert drain() == 6
    told = [(event["type"], event["data"]["number"], event["data"]["status"]) for event in receiver.events]
    assert sorted(told) == [
        ("model_version.promoted", other.number, "in_force"),
        ("training_run.finished", 1, "succeeded"),
        ("training_run.finished", 1, "succeeded"),
        ("training_run.finished", 2, "failed"),
        ("training_run.finished", 3, "cancelled"),
        ("training_run.finished", 4, "cancelled"),
    ]
    assert not any(b"broke" in body or b"for the test" in body for _, body in receiver.got)
    # Who hears of runs may be no member of the collection whose labels they learn from.
    assert not any(str(collection.pk).encode() in body for _, body in receiver.got)


def test_failures_and_what_is_tried_again_come_in_order(
    listening, member, collection, receiver, version, settings
):
    settings.INFERENCE_ATTEMPTS = 1
    erin = member("erin", "ml_engineer")
    listening(erin, collection, "prediction.succeeded", "prediction.failed")
    image = make_study(collection).images.get()
    prediction = Prediction.objects.create(image=image, model_version=version)
    record_failed_attempt(_claimed(prediction), code="prediction_error", reason="A sentence of ours.")
    retry_prediction(actor=erin, prediction_id=prediction.pk)
    record_answers([(_claimed(prediction), _glioma())])
    hidden = make_study(collection).images.get()
    Prediction.objects.create(image=hidden, model_version=version, status=JobStatus.QUEUED)
    hide_image(actor=erin, image=hidden)
    while drain():
        pass
    mine = [
        (event["type"], event["sequence"])
        for event in receiver.events
        if event["object"] == str(prediction.pk)
    ]
    assert mine == [("prediction.failed", 1), ("prediction.succeeded", 2)]
    assert [event["type"] for event in receiver.events if event["data"]["image"] == str(hidden.pk)] == [
        "prediction.failed"
    ]
    assert not any(b"sentence" in body for _, body in receiver.got)


def test_a_comparison_is_told_to_who_may_view_predictions_alone(
    listening, member, collection, receiver, version
):
    elsewhere = make_collection("Elsewhere")
    both = member("both", "ml_engineer")
    both.memberships.create(collection=elsewhere, role="radiologist")
    for user in (
        member("uma", "uploader"),
        member("alice", "radiologist"),
        member("erin", "ml_engineer"),
        both,
    ):
        listening(user, collection, "prediction.succeeded")
    image = analysed_image(collection, label="glioma")
    twin = make_study(elsewhere).images.get()
    Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    other = make_prediction(image, version=make_version(promoted=False), for_comparison=True)
    tell_predictions(Kind.PREDICTION_SUCCEEDED, [other])
    set_finality(study=image.study, final=True)
    drain()
    owners = {row.endpoint.owner.username for row in Delivery.objects.filter(state="delivered")}
    assert owners == {"erin"}


def test_nothing_of_another_collection_is_heard(listening, member, collection, analysed, receiver):
    listening(member("erin", "ml_engineer"), collection, "prediction.succeeded")
    analysed(make_collection("Elsewhere"))
    assert drain() == 0
    assert not Delivery.objects.exists()


def test_a_test_is_sent_to_who_is_still_there(listening, member, collection, receiver):
    uma = member("uma", "uploader")
    endpoint, _ = listening(uma, collection, "study.final")
    send_test(actor=uma, endpoint=endpoint)
    assert drain() == 1
    assert receiver.kinds == ["webhook.test"]
    send_test(actor=uma, endpoint=endpoint)
    uma.memberships.all().delete()
    assert drain() == 0


def test_every_address_that_is_told_is_one_of_the_api(
    listening, member, collection, analysed, receiver, version
):
    from django.urls import resolve

    analysed()
    tell = OutboxEvent.objects.get()
    assert resolve(tell.data["address"]).url_name == "api-prediction"
    alice = member("alice", "radiologist")
    Read().finished(alice, analysed_image(collection, label="glioma"), "glioma")
    promote(actor=None, version=make_version(promoted=False), reason="for the test")
    names = {resolve(event.data["address"]).url_name for event in OutboxEvent.objects.all()}
    assert names == {"api-prediction", "api-study", "api-model-version"}


def test_a_reading_costs_two_queries_more_where_nobody_listens(member, collection, django_assert_num_queries):
    reading = Read().revealed(
        member("alice", "radiologist"), analysed_image(collection, label="glioma"), "glioma"
    )
    assert reading.image.collection_id == collection.pk
    with django_assert_num_queries(2):  # an INSERT and a SELECT
        tell_review(reading)
    assert OutboxEvent.objects.filter(object_id=reading.pk, sequence=1).exists()
