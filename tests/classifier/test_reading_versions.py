"""Which version reads for a collection, and other versions beside it: chosen, asked, claimed, tried again."""

import threading
from hashlib import sha256
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from classifier.exceptions import CheckpointRefused, PlatformError
from classifier.models import JobStatus, ModelVersion, Prediction, VersionChoice
from classifier.selectors import (
    agreement,
    answering_prediction,
    pairs,
    predictions_of,
    queue_ahead_of_studies,
    study_status,
    version_in_force,
    version_reading_for,
    versions_asked,
)
from classifier.services.choices import choose_version, eligible_versions
from classifier.services.comparison import Asked, ask_version
from classifier.services.predictions import (
    Answer,
    claim_batch,
    queue_predictions,
    record_answers,
    retry_prediction,
)
from classifier.services.registry import record_evaluation
from classifier.services.studies import set_finality
from ml.config import SHIPPED_CHECKPOINT
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from tests.checkpoints import TURNS_AWAY
from tests.factories import (
    make_collection,
    make_decision,
    make_prediction,
    make_study,
    make_user,
    make_version,
)

pytestmark = pytest.mark.django_db


def measured(version):
    record_evaluation(version=version, part="part", part_sha256="0" * 64, figures={"accuracy": 0.9})
    return version


@pytest.fixture
def first():
    return make_version()


@pytest.fixture
def second(first):
    return measured(make_version(promoted=False))


@pytest.fixture
def here(first):
    return make_collection("Here")


@pytest.fixture
def study(here):
    return make_study(here, images=2)


@pytest.fixture
def engineer(here):
    return make_user("erin", collection=here, role=Role.ML_ENGINEER)


def said(label_index: int, size: int = 7) -> Answer:
    probabilities = np.full(4, 0.1, np.float32)
    probabilities[label_index] = 0.7
    return Answer(
        probabilities=probabilities,
        maps=np.ones((size, size, 4), np.float32),
        frame=(0, 0, 64),
        embedding=np.ones(8, np.float32),
        runtime="onnxruntime",
        device="cpu",
    )


# --- The choice -----------------------------------------------------------------------------------------------


def test_a_named_version_reads_there_and_nowhere_else_from_then_on(here, first, second, engineer):
    elsewhere = make_collection("Elsewhere")
    before, after = make_study(here), make_study(here)
    queue_predictions(list(before.images.all()))
    choose_version(actor=engineer, collection=here, version=second, reason="It reads our scanner better.")
    queue_predictions(list(after.images.all()) + list(make_study(elsewhere).images.all()))
    by = {row.image.study_id: row.model_version for row in Prediction.objects.select_related("image__study")}
    assert (by[before.pk], by[after.pk]) == (first, second)
    assert set(by.values()) == {first, second}
    assert version_reading_for(elsewhere.pk) == first
    event = AuditEvent.objects.get(action="version.chosen")
    assert (event.collection_id, event.actor, event.data["number"]) == (here.pk, engineer, second.number)


def test_which_version_was_named_when_is_a_query_and_going_back_is_another_row(here, first, second):
    named = choose_version(actor=None, collection=here, version=second, reason="try it")
    assert choose_version(actor=None, collection=here, version=second, reason="again") == named
    back = choose_version(actor=None, collection=here, version=None, reason="it was worse")
    # Rows of one transaction share the database's clock, so the moments between them are set apart here.
    assert [row.sequence for row in VersionChoice.objects.order_by("sequence")] == [1, 2]
    assert version_reading_for(here.pk) == first
    assert version_reading_for(here.pk, at=named.at.replace(year=2000)) is None
    third = make_version()
    assert version_reading_for(here.pk) == third
    with pytest.raises(DatabaseError), transaction.atomic():
        VersionChoice.objects.filter(pk=back.pk).update(reason="x")


def test_only_a_version_that_was_measured_or_in_force_may_be_named(here, first):
    unknown = make_version(promoted=False)
    with pytest.raises(PlatformError, match="never measured") as refusal:
        choose_version(actor=None, collection=here, version=unknown, reason="why not")
    assert (refusal.value.status, refusal.value.code) == (422, "not_measured")
    assert list(eligible_versions()) == [first]
    choose_version(actor=None, collection=here, version=measured(unknown), reason="now it is")
    with pytest.raises(PlatformError, match="Say why"):
        choose_version(actor=None, collection=here, version=first, reason=" ")


def test_no_collection_is_a_way_around_the_gate(here, first):
    candidate = measured(make_version(promoted=False))
    for verdict, allowed in (("fail", False), ("pass", True), ("insufficient", False)):
        make_decision(candidate, first, verdict)
        assert (candidate in eligible_versions()) is allowed
    with pytest.raises(PlatformError, match="The gate has not passed version") as refusal:
        choose_version(actor=None, collection=here, version=candidate, reason="it reads our scanner best")
    assert (refusal.value.status, refusal.value.code) == (422, "gate_not_passed")
    assert version_reading_for(here.pk) == first


def test_a_version_whose_checkpoint_was_altered_is_not_named(here, second):
    from classifier.models import StoredFile

    StoredFile.objects.filter(name=second.checkpoint.name).update(content=b"other")
    with pytest.raises(CheckpointRefused, match="altered"):
        choose_version(actor=None, collection=here, version=second, reason="r")


def test_what_waited_for_a_version_is_bound_to_the_one_that_its_collection_names():
    collection = make_collection("No version yet")
    study = make_study(collection)
    named = measured(make_version(promoted=False))
    queue_predictions(list(study.images.all()))
    choose_version(actor=None, collection=collection, version=named, reason="r")
    claimed = claim_batch(worker="w", limit=9)
    assert [row.model_version for row in claimed] == [named]


# --- Another version ------------------------------------------------------------------------------------------


def test_asking_twice_queues_once_and_what_failed_is_tried_again(study, second, engineer):
    assert ask_version(actor=engineer, study=study, version=second) == Asked(queued=2, known=0)
    assert ask_version(actor=engineer, study=study, version=second) == Asked(queued=0, known=2)
    rows = Prediction.objects.filter(model_version=second)
    assert {row.for_comparison for row in rows} == {True}
    rows.filter(pk=rows[0].pk).update(status=JobStatus.FAILED, attempt=3, failure_reason="It broke.")
    assert ask_version(actor=engineer, study=study, version=second) == Asked(queued=1, known=1)
    assert set(rows.values_list("status", "attempt", "failure_reason")) == {("queued", 0, "")}
    assert [event.data["images"] for event in AuditEvent.objects.filter(action="prediction.asked")] == [1, 2]


def test_hidden_images_are_not_asked_about(study, second):
    study.images.update(pixels="")
    with pytest.raises(PlatformError, match="No image of this study has pixels"):
        ask_version(actor=None, study=study, version=second)


def test_every_answer_is_claimed_before_any_comparison(here, study, first, second):
    ask_version(actor=None, study=study, version=second)
    ask_version(actor=None, study=study, version=first)
    later = make_study(here)
    queue_predictions(list(later.images.all()))
    assert queue_ahead_of_studies([later]) == {later.pk: 0}
    batches = [claim_batch(worker="w", limit=9) for _ in range(4)]
    assert [{(row.for_comparison, row.model_version) for row in batch} for batch in batches] == [
        {(False, first)}, {(True, second)}, {(True, first)}, set(),
    ]  # fmt: skip


def test_an_image_has_one_answer_and_a_comparison_names_its_version(study, second):
    image = study.images.first()
    make_prediction(image)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_prediction(image, version=second)
    with pytest.raises(IntegrityError), transaction.atomic():
        Prediction.objects.create(image=study.images.last(), for_comparison=True)


@pytest.mark.parametrize("before", [True, False])
def test_a_comparison_changes_neither_answer_nor_status_whenever_it_was_made(study, first, second, before):
    images = list(study.images.all())
    if not before:
        queue_predictions(images)
    ask_version(actor=None, study=study, version=second)
    if before:
        queue_predictions(images)
    while batch := claim_batch(worker="w", limit=9):
        record_answers([(row, said(2 if row.for_comparison else 0)) for row in batch])
    found = Prediction.objects.filter(image=images[0])
    assert {row.model_version for row in found} == {first, second}
    assert answering_prediction(images[0]).model_version == first
    assert study_status(study) == JobStatus.SUCCEEDED
    Prediction.objects.filter(for_comparison=True).delete()
    failed = make_prediction(
        images[0], version=second, status="failed", probabilities=None, maps=None, for_comparison=True
    )
    assert study_status(study) == JobStatus.SUCCEEDED
    assert retry_prediction(actor=make_user(), prediction_id=failed.pk).model_version == second


def test_a_failed_answer_is_tried_again_by_what_reads_now_though_that_was_asked_before(study, first, second):
    image = study.images.first()
    empty = {"status": "failed", "probabilities": None, "maps": None}
    failed = make_prediction(image, version=first, **empty)
    asked = make_prediction(image, version=second, label="glioma", for_comparison=True)
    choose_version(actor=None, collection=study.collection, version=second, reason="the first is broken")
    assert retry_prediction(actor=make_user(), prediction_id=failed.pk) == asked
    assert answering_prediction(image) == asked
    assert answering_prediction(image).status == JobStatus.SUCCEEDED
    failed.refresh_from_db()
    assert (failed.for_comparison, failed.model_version) == (True, first)


def test_a_comparison_asked_while_an_image_waits_for_a_version_becomes_its_answer_once_that_version_reads():
    study = make_study(make_collection("Early"))
    queue_predictions(list(study.images.all()))
    version = measured(make_version(promoted=False))
    ask_version(actor=None, study=study, version=version)
    choose_version(actor=None, collection=study.collection, version=version, reason="r")
    (row,) = claim_batch(worker="w", limit=9)
    assert (row.model_version, row.for_comparison) == (version, False)
    assert Prediction.objects.filter(image__study=study).count() == 1


def test_a_failed_answer_without_a_version_gives_way_to_one_that_was_asked_before():
    study = make_study(make_collection("Early"))
    (row,) = queue_predictions(list(study.images.all()))
    version = measured(make_version(promoted=False))
    ask_version(actor=None, study=study, version=version)
    Prediction.objects.filter(pk=row.pk).update(status=JobStatus.FAILED)
    choose_version(actor=None, collection=study.collection, version=version, reason="r")
    again = retry_prediction(actor=make_user(), prediction_id=row.pk)
    assert (again.model_version, again.status, again.for_comparison) == (version, JobStatus.QUEUED, False)
    assert Prediction.objects.get() == again


@pytest.mark.django_db(transaction=True)
def test_asking_and_binding_at_the_same_moment_follow_each_other():
    study = make_study(make_collection("Early"))
    queue_predictions(list(study.images.all()))
    version = make_version()
    claimed = []

    def work():
        try:
            claimed.extend(claim_batch(worker="w", limit=9))
        finally:
            connection.close()

    with transaction.atomic():
        ask_version(actor=None, study=study, version=version)
        claim = threading.Thread(target=work)
        claim.start()
        claim.join(20)
        assert not claim.is_alive(), "A claim waits for somebody who asks."
        assert not claimed
    (row,) = claim_batch(worker="w", limit=9)
    assert (row.model_version, row.for_comparison) == (version, False)
    assert Prediction.objects.count() == 1


# --- Side by side ---------------------------------------------------------------------------------------------


def test_pairs_say_where_versions_agree_and_how_far_apart_they_are(study, first, second):
    one, two = study.images.all()
    make_prediction(one, version=first, label="glioma")
    make_prediction(two, version=first, label="glioma")
    assert agreement(pairs(study, second)) == ""
    make_prediction(one, version=second, label="glioma", for_comparison=True)
    assert agreement(pairs(study, second)) == "They agree."
    make_prediction(two, version=second, label="pituitary", for_comparison=True)
    found = pairs(study, second)
    assert [pair.agree for pair in found] == [True, False]
    assert agreement(found) == "They agree on 1 of 2 images."
    assert versions_asked(study) == [second]
    rows = {row["label"]: row for row in found[1].rows}
    assert rows["Glioma"]["apart"] == pytest.approx(5 - 85)
    assert (rows["Glioma"]["answer_top"], rows["Glioma"]["other_top"]) == (True, False)


def test_an_uploader_sees_the_answer_of_a_final_study_and_no_comparison(study, first, second, engineer):
    image = study.images.first()
    answer = make_prediction(image, version=first)
    make_prediction(image, version=second, for_comparison=True)
    set_finality(study=study, final=True)
    assert list(predictions_of(study.uploaded_by)) == [answer]
    assert predictions_of(engineer).count() == 2


# --- What ships -----------------------------------------------------------------------------------------------


def test_every_checkpoint_that_ships_is_registered_once_and_the_first_put_in_force(monkeypatch):
    command = "classifier.management.commands.register_model"
    monkeypatch.setattr(f"{command}.SHIPPED_CHECKPOINTS", (SHIPPED_CHECKPOINT, TURNS_AWAY))
    said = StringIO()
    call_command("register_model", promote="It ships.", stdout=said)
    assert said.getvalue() == "Version 1 is registered and in force.\nVersion 2 is registered.\n"
    assert version_in_force().checkpoint_sha256 == sha256(SHIPPED_CHECKPOINT.read_bytes()).hexdigest()
    call_command("register_model", stdout=said)
    assert ModelVersion.objects.count() == 2
    # Both were measured on their own reference parts, so a collection may name either.
    assert set(eligible_versions()) == set(ModelVersion.objects.all())


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.joblib", "model.pkl"])
def test_files_of_other_tools_are_refused_with_the_reason(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(CommandError, match="never loaded"):
        call_command("register_model", str(tmp_path / name))
    assert not ModelVersion.objects.exists()
