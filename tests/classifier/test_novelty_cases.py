"""What is no brain MRI, through the page and through the API: taken in, never predicted as a tumour, set aside."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from django.urls import reverse

from classifier import engine as engine_module
from classifier.engine import Engine
from classifier.jobs.inference import drain
from classifier.management.commands.register_model import register
from classifier.models import NOT_ASSESSABLE, ModelVersion, Prediction, QuarantinedImage
from classifier.selectors import version_in_force
from classifier.services.quarantine_decisions import release_quarantined
from ml.duplicates import pixel_sha256
from mriplatform.accounts.roles import Role
from mriplatform.demo.slices import draw_slice
from tests.checkpoints import TURNS_AWAY, of_schema_1
from tests.classifier.doors import MULTIPART, multipart
from tests.factories import make_collection, make_user
from tests.pictures import png

pytestmark = pytest.mark.django_db


def noise() -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (300, 300)).astype(np.uint8)


def blank() -> np.ndarray:
    return np.full((300, 300), 90, np.uint8)


def text() -> np.ndarray:
    page = np.full((320, 240), 255, np.uint8)
    for row in range(20, 310, 14):
        cv2.putText(page, "Seen on Monday, well on Friday", (8, row), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 0, 1)
    return page


def photograph() -> np.ndarray:
    """Hills under a sky, in colour."""
    rows, columns = np.mgrid[0:300, 0:400] / 300
    rough = 90 + 40 * np.random.default_rng(6).normal(0, 1, rows.shape)
    grey = np.where(rows > 0.55 + 0.1 * np.sin(6 * columns), rough, 200 - 80 * rows)
    return np.clip(np.stack([grey, 0.8 * grey + 20, 0.5 * grey + 60], axis=-1), 0, 255).astype(np.uint8)


def head_ct() -> np.ndarray:
    """A bright ring of bone around grey without any structure."""
    rows, columns = np.mgrid[-1:1:320j, -1:1:320j]
    away = np.hypot(rows, columns * 1.15)
    brain = np.where(away <= 0.74, 118 + 6 * np.random.default_rng(7).normal(0, 1, away.shape), 0)
    return np.clip(np.where((away > 0.74) & (away < 0.84), 255, brain), 0, 255).astype(np.uint8)


# The page of text comes last: it waits in quarantine until somebody has found that it names nobody.
STRANGE: list[Callable[[], np.ndarray]] = [photograph, blank, noise, head_ct, text]


def encoded(pixels: np.ndarray) -> bytes:
    return png(pixels) if pixels.ndim == 2 else cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()


@pytest.fixture
def version(tmp_path, monkeypatch) -> ModelVersion:
    """A real checkpoint that tells novelty, in force, and a worker that has just started."""
    monkeypatch.setattr(engine_module, "_engine", Engine(tmp_path / "cache", "onnx"))
    register(TURNS_AWAY, name="tiny", reason="for the test")
    return version_in_force()


@pytest.fixture
def collection(version):
    return make_collection("Neuro")


@pytest.fixture
def send(client, collection):
    """Uploads images through a door, a study each, and has the worker predict them; returns the predictions."""
    client.force_login(
        make_user("uma", collection=collection, role=Role.UPLOADER),
        "mriplatform.accounts.backends.RoleBackend",
    )

    def _send(door: str, *images: np.ndarray) -> list[Prediction]:
        fields = {"grouping": "study_each"} | ({"collection": str(collection.pk)} if door == "api" else {})
        address = "/api/v1/studies" if door == "api" else reverse("upload", args=[collection.pk])
        body = multipart(fields, [("files", "1.png", encoded(pixels)) for pixels in images])
        answer = client.generic("POST", address, body, MULTIPART)
        assert answer.status_code == (302 if door == "page" and len(images) == 1 else 202)
        waiting = list(QuarantinedImage.objects.filter(status="waiting"))
        assert len(waiting) == sum(pixels.shape == text().shape for pixels in images)
        reviewer = make_user(collection=collection, role=Role.INTAKE_REVIEWER)
        for row in waiting:
            assert row.pixel_sha256 == pixel_sha256(text())
            release_quarantined(actor=reviewer, quarantined=row, reason="A page of a book.")
        assert drain() == len(images)
        return list(Prediction.objects.select_related("image").order_by("image__created_at", "image_id"))

    return _send


@pytest.mark.parametrize("door", ["page", "api"])
def test_what_is_no_brain_mri_gets_no_class_and_is_set_aside_for_a_person(send, collection, client, door):
    rows = send(door, *(make() for make in STRANGE))
    engineer = make_user("erin", collection=collection, role=Role.ML_ENGINEER)
    client.force_login(engineer, "mriplatform.accounts.backends.RoleBackend")
    listed = client.get(reverse("not-assessable", args=[collection.pk])).content.decode()
    for make, row in zip(STRANGE, rows, strict=True):
        assert (row.label, row.probabilities, row.map_array()) == (NOT_ASSESSABLE, None, None), make.__name__
        assert row.novelty > row.model_version.novelty_threshold
        assert row.image.short_id in listed


def test_a_slice_gets_its_class_and_the_maps_of_that_network(send):
    (row,) = send("api", draw_slice("glioma", "axial", 77, size=256))
    assert not row.not_assessable
    assert 0 < row.novelty < row.model_version.novelty_threshold
    assert sum(row.probabilities) == pytest.approx(1, abs=1e-5)
    assert row.map_array().shape == (8, 8, 4)


def test_a_checkpoint_without_novelty_keeps_answering(send, first):
    (row,) = send("api", noise())
    assert row.model_version == first
    assert (row.novelty, row.not_assessable) == (None, False)
    assert len(row.probabilities) == 4


@pytest.fixture
def first(version, tmp_path):
    """A checkpoint of schema 1, put in force."""
    file = tmp_path / "first.ckpt.zip"
    file.write_bytes(of_schema_1(TURNS_AWAY.read_bytes()))
    register(file, name="first", reason="for the test")
    return version_in_force()
