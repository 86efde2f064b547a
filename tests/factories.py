"""Rows to test with: people by role, collections, studies whose images a stand-in model has answered.

No model runs here. `make_version` registers a version whose checkpoint is a few bytes that nobody may load, and
`make_prediction` writes an answer of the shape that a real model gives.
"""

import hashlib
from itertools import count
from typing import Any
from uuid import UUID

import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from classifier.models import (
    NOT_ASSESSABLE,
    GateDecision,
    GateRule,
    Image,
    JobStatus,
    LoadCheck,
    ModelVersion,
    Origin,
    Prediction,
    Promotion,
    Study,
)
from classifier.services.clusters import to_signed
from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.labels import CLASSES
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from mriplatform.identifiers import uuid7
from tests.pictures import picture, png

FEATURES = 1280
NOVELTY = {"threshold": 1.0, "method": "stand-in"}
PASSWORD = "correct horse battery staple"
_numbers = count(1)


def make_user(
    name: str = "", *, collection: Collection | None = None, role: Role | None = None, **more
) -> User:
    """A user, a member of `collection` in `role` if given. `password=PASSWORD` lets them sign in by page (slow)."""
    user = User(
        username=name or f"user{next(_numbers)}", **{k: v for k, v in more.items() if k != "password"}
    )
    if password := more.get("password"):
        user.set_password(password)
    else:
        user.set_unusable_password()
    user.save()
    if collection is not None and role is not None:
        user.memberships.create(collection=collection, role=role)
    return user


def make_collection(name: str = "") -> Collection:
    return Collection.objects.create(name=name or f"Collection {next(_numbers)}")


def make_people(collection: Collection, prefix: str = "") -> dict[Role, User]:
    """One user for each role in the collection; those who use the admin are staff, the administrator superuser."""
    staff = {Role.ML_ENGINEER, Role.APPROVER, Role.AUDITOR, Role.ADMIN}
    return {
        role: make_user(
            f"{prefix}{role.value}",
            collection=collection,
            role=role,
            is_staff=role in staff,
            is_superuser=role is Role.ADMIN,
        )
        for role in Role
    }


def make_version(*, promoted: bool = True, **metadata: Any) -> ModelVersion:
    """A registered version with stand-in bytes for a checkpoint, which a worker is said to have loaded just now; in
    force unless told otherwise."""
    number = (ModelVersion.objects.values_list("number", flat=True).order_by("-number").first() or 0) + 1
    archive = f"stand-in checkpoint {number}".encode()
    digest = hashlib.sha256(archive).hexdigest()
    path = f"checkpoints/{digest}.zip"
    if not storages["checkpoints"].exists(path):
        storages["checkpoints"].save(path, ContentFile(archive))
    version = ModelVersion.objects.create(
        number=number,
        name=f"stand-in {number}",
        checkpoint=path,
        checkpoint_sha256=digest,
        metadata={"classes": list(CLASSES), "novelty": NOVELTY} | metadata,
    )
    say_loaded(version)
    if promoted:
        sequence = Promotion.objects.count() + 1
        Promotion.objects.create(
            sequence=sequence, model_version=version, kind=Promotion.Kind.PROMOTE, reason="for the test"
        )
    return version


def say_loaded(version: ModelVersion, *, passed: bool = True, words: str = "") -> LoadCheck:
    """A worker's word that it could load a version a moment ago, or could not."""
    return LoadCheck.objects.create(
        model_version=version,
        answered_at=timezone.now(),
        passed=passed,
        words=words,
        worker="stand-in:1",
        runtime="onnxruntime",
        device="cpu",
    )


def make_decision(
    version: ModelVersion, incumbent: ModelVersion, verdict: str = "pass", **more: Any
) -> GateDecision:
    """The gate's verdict of a version beside another one, by a rule of few words."""
    rule = GateRule.objects.order_by("-number").first() or GateRule.objects.create(
        number=1, allowed_change="The head.", protocol="Both on the same part.", criteria={}, impact="None."
    )
    said = {"name": "size", "answer": verdict, "sentence": "Enough images.", "figures": {"n": 400}}
    part = {"part": "reference part", "sha256": "a" * 64, "n": 400, "subjects": 400}
    given = {"criteria": [said], "parts": [part], "rule": rule} | more
    return GateDecision.objects.create(candidate=version, incumbent=incumbent, verdict=verdict, **given)


def make_image(study: Study, *, seed: int = 0, cluster: UUID | None = None, position: int = 0) -> Image:
    """An image with real pixels and hashes, each seed its own; in a cluster of its own unless one is given."""
    pixels = picture(seed or 1000 + next(_numbers), size=64)
    encoded = png(pixels)
    image = Image(
        study=study,
        collection=study.collection,
        position=position,
        stored_bytes=len(encoded),
        pixel_sha256=pixel_sha256(pixels),
        width=64,
        height=64,
        phash=to_signed(phash(pixels)),
        phash_mirrored=to_signed(phash_mirrored(pixels)),
        cluster=cluster or uuid7(),
    )
    image.pixels.save(f"images/{image.pk}.png", ContentFile(encoded), save=True)
    return image


def make_study(
    collection: Collection, *, uploader: User | None = None, subject: str = "", images: int = 1, **more: Any
) -> Study:
    """A study with images and no prediction. `subject` is any word; its hash stands for the subject."""
    study = Study.objects.create(
        collection=collection,
        subject_key=hashlib.sha256(subject.encode()).hexdigest() if subject else "",
        origin=Origin.API,
        uploaded_by=uploader or make_user(collection=collection, role=Role.UPLOADER),
    )
    for position in range(images):
        make_image(study, position=position, **more)
    return study


def answer(label: str, probability: float = 0.85, *, cells: int = 7) -> dict[str, Any]:
    """What a model says of an image that it takes for `label`, or for `not_assessable`, as a prediction's fields."""
    if label == NOT_ASSESSABLE:
        embedding = np.random.default_rng(9).normal(0, 1, FEATURES).astype("<f4").tobytes()
        answered = {"novelty": 2.5, "not_assessable": True, "embedding": embedding}
        return answered | {"runtime": "onnxruntime", "device": "cpu"}
    index = CLASSES.index(label)
    random = np.random.default_rng(index)
    maps = random.normal(0, 0.3, (cells, cells, len(CLASSES)))
    maps[2:4, 3:5, index] += 4
    rest = (1 - probability) / (len(CLASSES) - 1)
    return {
        "probabilities": [probability if name == label else rest for name in CLASSES],
        "maps": maps.astype("<f2").tobytes(),
        "map_shape": list(maps.shape),
        "map_frame": [0, 0, 64],
        "embedding": random.normal(0, 1, FEATURES).astype("<f4").tobytes(),
        "novelty": 0.4,
        "runtime": "onnxruntime",
        "device": "cpu",
    }


def make_prediction(
    image: Image, *, label: str = "glioma", version: ModelVersion | None = None, **more: Any
) -> Prediction:
    """A succeeded prediction of `label`, by the newest version unless one is given."""
    version = version or ModelVersion.objects.order_by("-number").first() or make_version()
    fields = {"status": JobStatus.SUCCEEDED, "attempt": 1, "finished_at": timezone.now()} | answer(label)
    return Prediction.objects.create(image=image, model_version=version, **fields | more)


def analysed_image(collection: Collection, *, label: str = "glioma", **study: Any) -> Image:
    """An image of a study of its own that the machine takes for `label`."""
    image = make_study(collection, **study).images.get()
    make_prediction(image, label=label)
    return image
