"""A tiny network in force, images in four classes, and manifests of them: a run takes seconds."""

import json

import pytest

from tests.checkpoints import TURNS_AWAY


@pytest.fixture
def small(db):
    """The tiny checkpoint, registered and in force."""
    from classifier.management.commands.register_model import register
    from classifier.selectors import version_in_force

    register(TURNS_AWAY, name="small", reason="for the test")
    return version_in_force()


@pytest.fixture
def images(upload):
    """Uploads so many images; returns them in the order in which they came."""
    from classifier.models import Image

    def _images(count):
        upload(count)
        return list(Image.objects.order_by("created_at", "id"))

    return _images


@pytest.fixture
def manifest():
    """Makes a manifest: three of four images are to learn from, unless told otherwise; classes go round."""
    from ml.labels import CLASSES

    def _manifest(images, splits=("train", "train", "train", "validation", "test"), **more):
        lines = [
            {
                "image": str(image.pk),
                "pixel_sha256": image.pixel_sha256,
                "label": CLASSES[place % 4],
                "split": splits[place % len(splits)],
                "reason": "",
                "cluster": str(image.cluster),
                "weight": 1.0,
                **more,
            }
            for place, image in enumerate(images)
        ]
        return "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in lines).encode()

    return _manifest
