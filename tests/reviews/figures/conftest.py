"""A collection in which six images were read by three people."""

import pytest

CASES = [
    # the machine, and what each of three readers says
    ("glioma", ("glioma", "glioma", "glioma")),
    ("glioma", ("meningioma", "meningioma", "glioma")),
    ("pituitary", ("pituitary", "pituitary", "pituitary")),
    ("notumor", ("notumor", "notumor", "notumor")),
    ("meningioma", ("meningioma", "meningioma", "meningioma")),
    ("not_assessable", ("not_assessable", "not_assessable", "not_assessable")),
]


@pytest.fixture
def three_readers(collection, member):
    """The protocol asks for three readers and the majority."""
    from reviews.services.protocols import set_protocol

    rules = {"mode": "blinded_first", "readers_per_image": 3, "adjudication_rule": "majority"}
    set_protocol(actor=None, collection=collection, **rules)
    return [member(name, "radiologist") for name in ("rosa", "rudi", "rita")]


@pytest.fixture
def room(collection, read, three_readers):
    """Six images, read to the end by all three."""
    from tests.factories import analysed_image

    images = [analysed_image(collection, label=machine) for machine, _ in CASES]
    for image, (_, said) in zip(images, CASES, strict=True):
        for reader, label in zip(three_readers, said, strict=True):
            read.finished(reader, image, label)
    return images
