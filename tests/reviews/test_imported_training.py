"""A training on an imported label set gives the head that one on the original gives."""

import io

import numpy as np
import pytest
from django.core.management import call_command

from classifier.jobs import training as training_job
from classifier.management.commands.register_model import register
from classifier.models import RunStatus
from classifier.selectors import version_in_force
from ml.checkpoint import read_checkpoint
from reviews.models import LabelSet
from reviews.services.importing import import_files
from reviews.services.label_sets import freeze_label_set, retrain
from reviews.services.surveying import LabelledFile
from tests.checkpoints import TURNS_AWAY
from tests.factories import make_collection, make_user
from tests.pictures import slice_png

LABELS = ("glioma", "meningioma", "notumor", "pituitary")
PARTS = ("train", "train", "train", "validation")


@pytest.mark.django_db
@pytest.mark.timeout(900)
def test_the_head_is_the_same_wherever_the_label_set_is(tmp_path):
    register(TURNS_AWAY, name="small", reason="for the test")
    base = version_in_force()
    here, there = make_collection("Here"), make_collection("There")
    engineer = make_user("erin", collection=here, role="ml_engineer")
    engineer.memberships.create(collection=there, role="ml_engineer")
    files = []
    for number in range(1, 17):
        data = slice_png(number)
        label, part = LABELS[number % 4], PARTS[(number // 4) % 4]
        files.append(LabelledFile(number, lambda data=data: data, "x.png", label, split=part))
    import_files(actor=engineer, collection=here, dataset="first", files=files, analyse=False)
    frozen = freeze_label_set(actor=engineer, collection=here)
    call_command("export_label_set", str(frozen.number), str(tmp_path / "out"), stdout=io.StringIO())
    call_command(
        "import_dataset",
        str(there.pk),
        str(tmp_path / "out"),
        "--as",
        "erin",
        "--no-predictions",
        stdout=io.StringIO(),
    )
    adopted = LabelSet.objects.get(collection=there)
    assert adopted.manifest_sha256 == frozen.manifest_sha256
    heads = []
    for label_set in (frozen, adopted):
        run = retrain(actor=engineer, label_set=label_set, base=base)
        training_job.drain()
        run.refresh_from_db()
        assert run.status == RunStatus.SUCCEEDED, run.failure_reason
        with run.versions.get().checkpoint.open("rb") as archive:
            heads.append(read_checkpoint(archive.read()).head())
    (kernel, bias), (other_kernel, other_bias) = heads
    np.testing.assert_array_equal(kernel, other_kernel)
    np.testing.assert_array_equal(bias, other_bias)
