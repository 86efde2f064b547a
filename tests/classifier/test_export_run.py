"""A run in a folder, run again by another process that has neither Django nor a database."""

import json
import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from classifier.jobs import training as training_job
from classifier.jobs.inference import drain as predict_all
from classifier.models import Image, TrainingRun
from classifier.services.removal import hide_image, purge_study
from classifier.services.training import start_run
from mriplatform.audit.models import AuditEvent

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
# Neither Django nor a driver can be imported where this runs, and the environment names no server.
ALONE = """
import sys
for name in ("django", "celery", "psycopg2", "redis", "mriplatform", "classifier", "reviews"):
    sys.modules[name] = None
from ml.cli import main
sys.exit(main(["reproduce", *sys.argv[1:]]))
"""
KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH")
PARTS = ["train"] * 8 + ["validation"] * 2 + ["test"] * 3 + ["excluded"]
LABELS = ("glioma", "meningioma", "pituitary", "notumor")


def manifest(images):
    lines = [
        {
            "image": str(image.pk), "pixel_sha256": image.pixel_sha256, "label": LABELS[place % 4], "split": split,
            "cluster": str(image.cluster), "weight": 0.5 if place == 3 else 1.0,
            "reason": "not assessable" if split == "excluded" else "",
        }
        for place, (image, split) in enumerate(zip(images, PARTS, strict=True))
    ]  # fmt: skip
    return "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines).encode()


@pytest.fixture
def run(upload, shipped, uploader, collection):
    upload(len(PARTS))
    predict_all()
    text = manifest(Image.objects.order_by("created_at"))
    start_run(actor=uploader, manifest=text, seed=5, collection=collection)
    training_job.drain()
    found = TrainingRun.objects.get()
    assert (found.status, found.failure_reason) == ("succeeded", "")
    return found


def exported(run, folder):
    said = StringIO()
    call_command("export_run", str(run.number), str(folder), stdout=said)
    return said.getvalue()


def reproduced(folder, *options, **environment):
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith("OPENBLAS_")}
    kept |= environment
    return subprocess.run(
        [sys.executable, "-c", ALONE, str(folder), *options],
        cwd=folder.parent, env=kept | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.timeout(900)
def test_a_run_is_run_again_from_its_folder_alone(run, uploader, tmp_path):
    folder = tmp_path / "run"
    assert "13 images are in" in exported(run, folder)
    written = {path.name for path in folder.iterdir()}
    assert written == {
        "run.json", "manifest.jsonl", "images.jsonl", "pixels", "embeddings.npz", "head.npz", "base.ckpt.zip",
    }  # fmt: skip
    facts = json.loads((folder / "run.json").read_text())
    assert facts["candidate"]["sha256"] == run.candidate.checkpoint_sha256
    assert (facts["run"]["seed"], facts["run"]["recipe"]["kind"]) == (5, "head")
    assert len(facts["evaluations"]) == 4  # two sides on two parts
    assert AuditEvent.objects.get(action="training.exported").data == {
        "number": 1,
        "images": 13,
        "missing": 0,
    }

    made = reproduced(folder, "--json")
    assert made.returncode == 0, made.stdout or made.stderr
    told = json.loads(made.stdout)
    assert (told["agrees"], told["missing"], told["different"]) == (True, 0, [])
    assert told["compared"] > 60
    assert told["largest"] <= 0.002
    assert told["stored_equal"] is True  # the fit, whatever this machine makes of pixels
    assert told["embeddings_apart"] < 1e-4
    assert told["verdict"][0] == told["verdict"][1]
    stored = reproduced(folder, "--from-embeddings")
    assert stored.returncode == 0, stored.stderr
    assert "The head is the recorded one bit by bit." in stored.stdout
    assert "The archive has the recorded sha256." in stored.stdout

    # Another processor multiplies in another order: other last bits, and the same figures.
    elsewhere = reproduced(folder, "--json", OPENBLAS_CORETYPE="Sandybridge")
    assert elsewhere.returncode == 0, elsewhere.stdout or elsewhere.stderr
    assert json.loads(elsewhere.stdout)["head_apart"] < 0.01

    # A figure that was recorded otherwise, an image that was altered, and a run that is none are each told.
    facts["evaluations"][0]["figures"]["accuracy"] -= 0.0021
    (folder / "run.json").write_text(json.dumps(facts))
    other = reproduced(folder)
    assert other.returncode == 1
    assert "accuracy: recorded" in other.stdout
    first, *_, last = sorted((folder / "pixels").iterdir())
    shutil.copy(last, first)
    altered = reproduced(folder)
    assert altered.returncode == 2
    assert "its pixels have another sha256" in altered.stderr
    (folder / "run.json").unlink()
    none = reproduced(folder)
    assert (none.returncode, "is no export of a training run" in none.stderr) == (2, True)


@pytest.mark.timeout(900)
def test_what_was_hidden_or_removed_since_is_not_written_and_is_told(run, uploader, tmp_path):
    images = list(Image.objects.order_by("created_at"))
    hide_image(actor=uploader, image=images[0])
    purge_study(actor=uploader, study=images[12].study, reason="asked for")
    folder = tmp_path / "run"
    assert "2 images that the run used were hidden or removed" in exported(run, folder)
    gone = {images[0].pixel_sha256, images[12].pixel_sha256}
    assert not {path.stem for path in (folder / "pixels").iterdir()} & gone
    with np.load(folder / "embeddings.npz") as arrays:
        assert not set(arrays["hashes"].tolist()) & gone
    made = reproduced(folder)
    assert made.returncode in (0, 1), made.stderr
    assert "2 images that it used were hidden or removed since" in made.stdout


def test_what_cannot_be_exported_is_refused_and_leaves_nothing(run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="holds something already"):
        exported(run, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    for named, sentence in (("9", "no training run 9"), ("x", "neither a run's number")):
        with pytest.raises(CommandError, match=sentence):
            call_command("export_run", named, str(tmp_path / "new"))
    TrainingRun.objects.update(status="failed")
    with pytest.raises(CommandError, match="has no candidate"):
        exported(run, tmp_path / "new")
    assert not (tmp_path / "new").exists()
