"""The loop, thin: a manifest of corrections retrains the head; the candidate is measured beside the incumbent."""

import json
from datetime import timedelta

import numpy as np
import pytest
from django.db.models.functions import Now

from classifier.engine import engine
from classifier.exceptions import PlatformError, StateConflict
from classifier.jobs import training as training_job
from classifier.jobs.inference import drain as predict_all
from classifier.jobs.training import live
from classifier.jobs.training.gathering import Embedder, gather
from classifier.jobs.training.live import LeaseLost, Reporter
from classifier.jobs.training.running import execute
from classifier.models import Evaluation, Image, JobStatus, ModelVersion, Prediction, TrainingRun
from classifier.services.registry import promote
from classifier.services.training import claim_run, heartbeat, reap_expired_runs, start_run
from mriplatform.audit.models import AuditEvent
from tests.factories import make_prediction, make_version

pytestmark = pytest.mark.django_db


def manifest(images, label="pituitary", split="train", **more) -> bytes:
    lines = [
        {"image": str(image.pk), "pixel_sha256": image.pixel_sha256, "label": label, "split": split, **more}
        for image in images
    ]
    return "\n".join(json.dumps(line, sort_keys=True) for line in lines).encode()


def test_ten_corrections_retrain_the_head_and_every_one_is_traced(upload, shipped, uploader):
    upload(11)
    predict_all()
    images = list(Image.objects.order_by("created_at"))
    text = manifest(images[:10]) + b"\n" + manifest(images[10:], split="excluded", reason="not assessable")
    run = start_run(actor=uploader, manifest=text, seed=3)
    assert training_job.drain() == 1
    run.refresh_from_db()
    assert (run.status, run.failure_reason) == (JobStatus.SUCCEEDED, "")
    assert run.report["counts"] == {"train": 10, "excluded": 1}
    assert list(run.trace_lines.order_by("number").values_list("image", flat=True)) == [
        image.pk for image in images
    ]
    assert run.report["candidate"]["n"] == run.report["incumbent"]["n"] > 100
    assert [step["stage"] for step in run.progress if "step" not in step] == [
        "start", "embeddings", "head", "archive", "gate", "register",
    ]  # fmt: skip
    fitted = [step for step in run.progress if step["stage"] == "head" and "step" in step]
    assert fitted[-1]["loss"] < fitted[0]["loss"]
    assert all(step["remaining_s"] >= 0 for step in fitted)
    assert any("10 images to learn from" in entry["text"] and entry["at"] for entry in run.log)
    candidate = run.candidate
    assert candidate.number == 2
    assert candidate.metadata["training"]["manifest_sha256"] == run.manifest_sha256
    assert Evaluation.objects.filter(training_run=run).count() == 2
    assert run.gate_decisions.get().rule == run.rule
    taught = engine().load(candidate).checkpoint.training_hashes().sha256
    assert {image.pixel_sha256 for image in images[:10]} <= set(taught)
    assert images[10].pixel_sha256 not in taught
    promote(actor=None, version=candidate, reason="it learned")
    study = upload(1, first_seed=50)[0]
    predict_all()
    assert study.images.get().predictions.get().model_version == candidate


def test_a_second_run_while_one_is_active_is_a_conflict_that_names_it(upload, shipped, uploader):
    upload()
    text = manifest(Image.objects.all())
    start_run(actor=uploader, manifest=text)
    with pytest.raises(StateConflict, match="Training run 1 is active"):
        start_run(actor=uploader, manifest=text)


def test_without_a_version_in_force_there_is_nothing_to_train_from(upload, uploader):
    upload()
    with pytest.raises(StateConflict, match="No model version is in force"):
        start_run(actor=uploader, manifest=manifest(Image.objects.all()))


def test_a_manifest_without_a_training_image_fails_with_a_reason(upload, shipped, uploader):
    upload()
    run = start_run(actor=uploader, manifest=manifest(Image.objects.all(), split="test"))
    training_job.drain()
    run.refresh_from_db()
    assert run.status == JobStatus.FAILED
    assert "nothing to learn from" in run.failure_reason
    assert ModelVersion.objects.count() == 1


def test_an_image_hidden_meanwhile_is_left_out_with_the_reason(upload, shipped, uploader):
    upload(3)
    predict_all()
    images = list(Image.objects.order_by("created_at"))
    Image.objects.filter(pk=images[0].pk).update(hidden_at=Now())
    run = start_run(actor=uploader, manifest=manifest(images))
    training_job.drain()
    run.refresh_from_db()
    assert run.report["counts"] == {"excluded": 1, "train": 2}
    assert "hidden or removed" in run.trace_lines.get(number=1).reason


def test_gathering_embeddings_renews_the_lease_on_the_way(upload, shipped, uploader, monkeypatch):
    upload(3)
    start_run(actor=uploader, manifest=manifest(Image.objects.all()))
    run = claim_run(worker="w")
    monkeypatch.setattr(live, "WRITE_SECONDS", 0.0)
    leases = []
    monkeypatch.setattr(live, "heartbeat", lambda **told: leases.append(told["run"]) or True)
    gather(run, Embedder(shipped, engine().load(shipped)), Reporter(run), known={})
    assert len(leases) >= 3


def test_a_run_whose_worker_was_lost_is_taken_up_again_and_the_lost_one_records_nothing(
    upload, shipped, uploader
):
    upload()
    start_run(actor=uploader, manifest=manifest(Image.objects.all()))
    lost = claim_run(worker="lost")
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert reap_expired_runs() == 1
    second = claim_run(worker="second")
    assert second.attempt == 2
    assert not heartbeat(run=lost, progress=[])
    assert heartbeat(run=second, progress=[{"step": 1}])
    with pytest.raises(LeaseLost):
        execute(lost)
    assert ModelVersion.objects.count() == 1


def test_after_three_lost_workers_the_run_has_failed(upload, shipped, uploader):
    upload()
    start_run(actor=uploader, manifest=manifest(Image.objects.all()))
    for _ in range(3):
        claim_run(worker="lost")
        TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
        reap_expired_runs()
    run = TrainingRun.objects.get()
    assert run.status == JobStatus.FAILED
    assert "3 attempts" in run.failure_reason


def test_a_promotion_needs_a_reason_and_leaves_a_trace(shipped, uploader):
    with pytest.raises(PlatformError, match="Say why"):
        promote(actor=None, version=shipped, reason=" ")
    with pytest.raises(StateConflict, match="in force already"):
        promote(actor=None, version=shipped, reason="again")
    assert AuditEvent.objects.filter(action="version.promoted").count() == 1


def test_a_run_learns_from_its_own_base_versions_embeddings_whoever_else_has_read_the_images(
    upload, shipped, uploader
):
    upload(4)
    predict_all()
    images = list(Image.objects.order_by("created_at"))
    other = make_version(promoted=False)
    for image in images:
        make_prediction(image, version=other, for_comparison=True)
    unread = Prediction.objects.get(image=images[3], model_version=shipped)
    own = unread.embedding_array()
    Prediction.objects.filter(pk=unread.pk).update(embedding=None)
    run = start_run(actor=uploader, manifest=manifest(images), base=shipped)
    assert run.base_version == shipped
    claimed, embedder = claim_run(worker="w"), Embedder(shipped, engine().load(shipped))
    embeddings = gather(claimed, embedder, Reporter(claimed), known={}).train.values
    assert (embedder.stored, embedder.computed) == (3, 1)
    stored = Prediction.objects.get(image=images[0], model_version=shipped).embedding_array()
    np.testing.assert_array_equal(embeddings[0], stored)
    np.testing.assert_allclose(embeddings[3], own, atol=1e-4)


def test_a_run_may_start_from_a_version_that_is_not_in_force(shipped, uploader):
    other = make_version(promoted=False)
    run = start_run(actor=uploader, manifest=b"{}", base=other)
    assert run.base_version == other
    assert AuditEvent.objects.get(action="training.started").data["base"] == other.number
