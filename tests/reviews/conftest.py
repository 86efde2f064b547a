"""A collection with a version in force, readers, an analysed image.

What needs Django is imported where it is used: this file is read before the servers are up and the settings complete.
"""

import pytest


@pytest.fixture
def version(db):
    from tests.factories import make_version

    return make_version()


@pytest.fixture
def collection(version):
    from tests.factories import make_collection

    return make_collection("Neuro")


@pytest.fixture
def member(collection):
    """Makes a member of the collection: `member("dora", Role.UPLOADER)`."""
    from tests.factories import make_user

    def _member(name, role, **more):
        return make_user(name, collection=collection, role=role, **more)

    return _member


@pytest.fixture
def alice(member):
    """A radiologist."""
    return member("alice", "radiologist")


@pytest.fixture
def bob(member):
    """Another radiologist of the same collection."""
    return member("bob", "radiologist")


@pytest.fixture
def charlie(version):
    """A radiologist of another collection."""
    from tests.factories import make_collection, make_user

    return make_user("charlie", collection=make_collection("Elsewhere"), role="radiologist")


@pytest.fixture
def engineer(member):
    return member("erin", "ml_engineer", is_staff=True)


@pytest.fixture
def image(collection):
    """An image that the machine takes for a glioma."""
    from tests.factories import analysed_image

    return analysed_image(collection, label="glioma")


@pytest.fixture
def read():
    from tests.reviews.acts import Read

    return Read()
