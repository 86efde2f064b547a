"""People, a collection, the shipped model in force, and uploads.

What needs Django is imported where it is used: this file is read before the servers are up and the settings complete.
"""

from pathlib import Path

import pytest

from tests.pictures import slice_png

SHIPPED = Path(__file__).resolve().parents[2] / "ml" / "checkpoints" / "mobilenetv2-v2.ckpt.zip"


@pytest.fixture
def collection(db):
    from mriplatform.accounts.models import Collection

    return Collection.objects.create(name="Neuro")


@pytest.fixture
def uploader(collection):
    from mriplatform.accounts.models import User
    from mriplatform.accounts.roles import Role

    user = User.objects.create(username="uma")
    user.memberships.create(collection=collection, role=Role.UPLOADER)
    return user


@pytest.fixture
def shipped(db):
    """The shipped model, registered and in force."""
    from classifier.management.commands.register_model import register
    from classifier.selectors import version_in_force

    register(SHIPPED, name="shipped", reason="for the test")
    return version_in_force()


@pytest.fixture
def upload(uploader, collection):
    """Uploads pictures, a study each; returns the studies."""
    from classifier.models import Origin
    from classifier.services.uploads import Grouping, UploadedPart, receive_upload

    def _upload(count: int = 1, first_seed: int = 1):
        parts = [UploadedPart(slice_png(seed)) for seed in range(first_seed, first_seed + count)]
        return receive_upload(
            actor=uploader,
            collection=collection,
            files=parts,
            grouping=Grouping.STUDY_EACH,
            origin=Origin.API,
        ).studies

    return _upload
