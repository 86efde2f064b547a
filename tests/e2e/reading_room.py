"""A collection to read in a browser: synthetic slices that a stand-in model has answered, and its people."""

from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from django.test import Client
from playwright.sync_api import BrowserContext

from classifier.models import Image, Origin, Study
from classifier.services.clusters import to_signed
from classifier.services.registry import record_evaluation
from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.labels import CLASSES
from ml.preprocessing import Preprocessing
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from mriplatform.identifiers import uuid7
from tests.factories import answer, make_collection, make_prediction, make_user, make_version
from tests.pictures import drawn_slice, png

FIGURES = {
    "accuracy": 0.95,
    "per_class": {
        name: {"precision": 0.93 - 0.02 * n, "recall": 0.95 - 0.04 * n} for n, name in enumerate(CLASSES)
    },
}


def slice_image(
    collection: Collection, kind: str, plane: str = "axial", *, seed: int = 1, pixels: Any = None
) -> Image:
    """A synthetic slice in a study of its own, or other `pixels` in place of the slice."""
    pixels = drawn_slice(kind, plane, seed) if pixels is None else pixels.astype(np.uint8)
    encoded = png(pixels)
    study = Study.objects.create(
        collection=collection, origin=Origin.SYNTHETIC, uploaded_by=User.objects.get(username="uma")
    )
    image = Image(
        study=study, collection=collection, stored_bytes=len(encoded), width=pixels.shape[1],
        height=pixels.shape[0], pixel_sha256=pixel_sha256(pixels), phash=to_signed(phash(pixels)),
        phash_mirrored=to_signed(phash_mirrored(pixels)), cluster=uuid7(),
    )  # fmt: skip
    image.pixels.save(f"images/{image.pk}.png", ContentFile(encoded), save=True)
    return image


def say(image: Image, label: str, probability: float, *, strength: float = 3) -> None:
    """Have the stand-in model take the image for `label`, looking a little to the side of the middle."""
    rows, columns = np.mgrid[:7, :7]
    peak = np.exp(-((rows - 2.4) ** 2 + (columns - 4.2) ** 2) / 2.2)
    maps = np.stack([peak * (strength if name == label else 0.6) - 0.4 for name in CLASSES], axis=-1)
    fields = answer(label, probability) | {
        "maps": maps.astype("<f2").tobytes(),
        "map_frame": list(_frame(image)),
    }
    make_prediction(image, label=label, **fields)


def answer_slices(collection: Collection, slices: list[tuple[str, str, str]]) -> list[Image]:
    """One study for each (what is drawn, plane, what the stand-in model says of it), in this order of arrival.

    No two answers are alike in a number.
    """
    record_evaluation(version=make_version(), part="reference", part_sha256="0" * 64, figures=FIGURES)
    images = []
    for number, (kind, plane, said) in enumerate(slices):
        images.append(slice_image(collection, kind, plane, seed=100 + number))
        say(images[-1], said, 0.97 - 0.0123 * number, strength=3 + 0.11 * number)
    return images


def strange_image(collection: Collection) -> Image:
    """Noise in a study of its own, which the stand-in model gave no class."""
    image = slice_image(collection, "notumor", pixels=np.random.default_rng(5).integers(0, 256, (256, 256)))
    make_prediction(image, label="not_assessable")
    return image


def _frame(image: Image) -> tuple[int, int, int]:
    import cv2

    with image.pixels.open("rb") as file:
        pixels = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_GRAYSCALE)
    frame = Preprocessing().frame(pixels, 8, None)
    return frame.x, frame.y, frame.side


def furnish(*, mode: str = "blinded_first") -> tuple[Collection, User]:
    """A collection of three slices, the machine's answer to each, and a radiologist."""
    from reviews.services.protocols import set_protocol

    collection = make_collection("Neuro, March")
    make_user("uma", collection=collection, role=Role.UPLOADER)
    reader = make_user("rivera", collection=collection, role=Role.RADIOLOGIST, first_name="Dr. Rivera")
    set_protocol(actor=None, collection=collection, mode=mode)
    version = make_version()
    record_evaluation(version=version, part="reference", part_sha256="0" * 64, figures=FIGURES)
    for kind, said, probability in (
        ("meningioma", "glioma", 0.83),
        ("notumor", "notumor", 0.97),
        ("pituitary", "meningioma", 0.61),
    ):
        say(slice_image(collection, kind), said, probability)
    return collection, reader


def sign_in(context: BrowserContext, address: str, user: User) -> None:
    """Give a browser the session that signing in by the page would have given it."""
    client = Client()
    client.force_login(user, backend="mriplatform.accounts.backends.RoleBackend")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
