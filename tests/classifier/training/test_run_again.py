"""A fine-tuning in a folder, run again there by another process that has neither Django nor a database."""

import json

import pytest

from classifier.jobs import training as training_job
from classifier.models import TrainingRun
from classifier.services.training import start_run
from tests.classifier.test_export_run import exported, reproduced

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]


@pytest.mark.parametrize("options", [{"epochs": 2}, {"epochs": 1, "network": "small_cnn"}])
def test_a_fine_tuning_is_run_again_from_its_folder_alone(
    small, images, manifest, uploader, collection, tmp_path, options
):
    recipe = {"kind": "fine_tune", "batch_size": 8, "patience": 0} | options
    start_run(actor=uploader, manifest=manifest(images(20)), recipe=recipe, seed=3, collection=collection)
    training_job.drain()
    run = TrainingRun.objects.get()
    assert (run.status, run.failure_reason) == ("succeeded", "")
    folder = tmp_path / "run"
    assert "20 images are in" in exported(run, folder)
    made = reproduced(folder, "--json")
    assert made.returncode == 0, made.stdout or made.stderr
    told = json.loads(made.stdout)
    assert (told["agrees"], told["missing"], told["different"]) == (True, 0, [])
    assert told["compared"] > 20
    assert told["largest"] <= 0.002
    assert told["verdict"][0] == told["verdict"][1]
