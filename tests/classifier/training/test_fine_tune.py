"""The recipe fine-tune: a whole new checkpoint from pixels, honest about what it saw; it goes on after a kill."""

import numpy as np
import pytest

from classifier.engine import engine
from classifier.jobs import training as training_job
from classifier.jobs.training import live, running
from classifier.jobs.training.fine_tune import LAST
from classifier.jobs.training.workplace import folder_of
from classifier.models import Evaluation, Image, ModelVersion, TrainingRun
from classifier.services.training import claim_run, start_run
from ml.inference import OnnxPredictor, verify_golden

pytestmark = pytest.mark.django_db

RECIPE = {"kind": "fine_tune", "epochs": 2, "batch_size": 2, "learning_rate": 0.02, "keep": 0.5}


def test_a_network_trained_on_is_a_whole_checkpoint_and_knows_what_it_saw(small, images, manifest, uploader):
    shown = images(10)
    start_run(actor=uploader, manifest=manifest(shown), recipe=RECIPE, seed=4)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert (run.status, run.failure_reason) == ("succeeded", "")
    assert run.report["counts"] == {"train": 6, "validation": 2, "test": 2}
    base, made = engine().load(small).checkpoint, engine().load(run.candidate).checkpoint
    verify_golden(OnnxPredictor(made), made)
    seen = {image.pixel_sha256 for place, image in enumerate(shown) if place % 5 != 4}
    locked = {image.pixel_sha256 for place, image in enumerate(shown) if place % 5 == 4}
    taught = set(made.training_hashes().sha256)
    assert seen | set(base.training_hashes().sha256) == taught
    assert set(made.reference().hashes) == locked
    assert not locked & taught
    assert set(made.replay().hashes) <= seen
    assert made.metadata["parent_sha256"] == base.sha256
    assert made.metadata["training"]["manifest_sha256"] == run.manifest_sha256
    old, new = (c.build_network().trainable.get_weights() for c in (base, made))
    moved = [not np.allclose(a, b, atol=1e-6) for a, b in zip(old, new, strict=True)]
    assert any(moved)
    assert not all(moved)
    # The layers that novelty is told by kept their weights, so it is told as before.
    np.testing.assert_array_equal(made.novelty().whitening, base.novelty().whitening)
    epochs = [step for step in run.progress if step["stage"] == "network" and "epoch" in step]
    assert [step["step"] for step in epochs] == [1, 2]
    assert epochs[-1]["remaining_s"] == 0
    assert {"loss", "validation_loss", "validation_accuracy"} <= set(epochs[0])
    # What the base's own reference part was embedded by is another network: the platform's images alone count.
    assert {row.part for row in Evaluation.objects.filter(training_run=run)} == {"test part of this platform"}
    assert run.gate_decisions.get().verdict == "insufficient"


@pytest.mark.parametrize("missing", ["validation", "test"])
def test_without_a_part_to_stop_by_or_be_measured_on_it_fails_and_says_so(
    missing, small, images, manifest, uploader
):
    other = "test" if missing == "validation" else "validation"
    start_run(actor=uploader, manifest=manifest(images(4), ("train", other)), recipe=RECIPE)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert run.status == "failed"
    assert f"no image in the {missing} part" in run.failure_reason
    assert ModelVersion.objects.get() == small
    assert not folder_of(run).exists()


def test_a_training_that_was_killed_goes_on_after_its_last_epoch(
    small, images, manifest, uploader, monkeypatch
):
    start_run(actor=uploader, manifest=manifest(images(10)), recipe=RECIPE, seed=4)
    monkeypatch.setattr(live, "WRITE_SECONDS", 0.0)
    really = live.Reporter.step

    class Killed(BaseException):
        """As SIGKILL does, it is caught by nothing; unlike it, it leaves the test alive."""

    def killed_after_the_first_epoch(self, figures):
        really(self, figures)
        if figures.get("epoch") == 1:
            raise Killed

    run = claim_run(worker="first")
    with monkeypatch.context() as patched:
        patched.setattr(live.Reporter, "step", killed_after_the_first_epoch)
        patched.setattr("classifier.jobs.training.workplace.shutil.rmtree", lambda *args, **named: None)
        with pytest.raises(Killed):
            running.execute(run)
    assert (folder_of(run) / LAST).exists()
    TrainingRun.objects.update(status="queued")
    training_job.drain()
    run.refresh_from_db()
    assert (run.status, run.attempt) == ("succeeded", 2)
    assert any("goes on learning" in entry["text"] for entry in run.log)
    epochs = [step["step"] for step in run.progress if "epoch" in step]
    assert epochs == [1, 2]
    assert not folder_of(run).exists()


def test_another_network_is_trained_anew_and_says_nothing_of_the_old_ones_images(
    small, images, manifest, uploader
):
    recipe = RECIPE | {"network": "cnn", "epochs": 1}
    start_run(actor=uploader, manifest=manifest(images(20)), recipe=recipe)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert (run.status, run.failure_reason) == ("succeeded", "")
    made = engine().load(run.candidate).checkpoint
    assert made.metadata["network"]["name"] == "cnn"
    assert "parent_sha256" not in made.metadata
    assert len(made.training_hashes().sha256) == 16
    assert Image.objects.count() == 20
