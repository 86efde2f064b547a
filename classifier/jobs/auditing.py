"""What the gate's audits are asked about: hashes and clusters of images, and maps of some of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import batched, islice
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt

from classifier.engine import LoadedModel
from classifier.exceptions import PlatformError
from classifier.jobs.parts import TestPart
from classifier.models import Image
from ml.checkpoint import Checkpoint
from ml.checkpoint.graph import with_head
from ml.checkpoint.members import ONNX
from ml.duplicates import whole_groups
from ml.gate import Criterion
from ml.gate.leaks import Images, Learned, audit_leaks
from ml.gate.maps import audit_maps
from ml.inference import OnnxPredictor
from ml.preprocessing import scale

Floats = npt.NDArray[np.float32]

PICTURES: Final = 16
DRAWS: Final = 2
_BATCH: Final = 2000


def leaks_of(
    candidate: Checkpoint,
    reference: str | None,
    own: str | None,
    test: TestPart | None,
    learned: Sequence[str],
) -> Criterion:
    """Whether the candidate knows images of the locked parts.

    Args:
        reference, own: names of the parts that it was measured on; None for one that it was not.
        learned: pixel sha256 of what its run taught it.
    """
    locked: list[tuple[str, Images]] = []
    if reference is not None:
        locked.append((reference, Images(candidate.reference().hashes)))
    mine, taught = _held_together(test.hashes if test is not None else (), learned)
    if own is not None and test is not None:
        locked.append((own, mine))
    known = candidate.training_hashes()
    # The replay sample is part of the fit, whether or not the list of training images names it.
    names = (*known.sha256, *candidate.replay().hashes)
    return audit_leaks(locked, Learned(names, known.phash, taught))


def maps_of(
    candidate: Checkpoint,
    model: LoadedModel,
    images: Iterable[UUID],
    learned: Sequence[str],
    bounds: dict[str, float],
    *,
    seed: int,
) -> Criterion:
    """Whether the candidate's maps hang on what it learned, over some locked images, or learned ones, or drawn ones.

    Args:
        model: the candidate, ready to prepare images and to answer.
        images: locked images of this platform.
        learned: pixel sha256 of images that it learned from, taken where there are too few locked ones.
    """
    batch = _pictures(model, images, learned)
    drawn = len(batch) == 0
    if drawn:
        batch = scale(candidate.golden().levels)
    answers = model.predictor.predict(batch)
    rng = np.random.default_rng(seed)
    others = np.stack([_with_random_head(candidate, rng).predict(batch).maps for _ in range(DRAWS)])
    return audit_maps(answers.maps, others, answers.probabilities.argmax(axis=1), bounds, drawn=drawn)


def _held_together(*several: Sequence[str]) -> list[Images]:
    """What the platform knows of some lists of images, with groups that hold over all of them."""
    known = [_images(hashes) for hashes in several]
    groups = iter(
        whole_groups(
            [cluster for images, _ in known for cluster in images.groups],
            [subject for _, subjects in known for subject in subjects],
        )
    )
    return [replace(images, groups=tuple(islice(groups, len(images.groups)))) for images, _ in known]


def _images(hashes: Sequence[str]) -> tuple[Images, list[str]]:
    """Images by their pixels with their clusters, and whose each is; of those without a row the hash alone."""
    found: dict[str, tuple[int, int, str, str]] = {}
    for some in batched(hashes, _BATCH):
        rows = Image.objects.filter(pixel_sha256__in=some)
        for row in rows.values_list(
            "pixel_sha256", "phash", "phash_mirrored", "cluster", "study__subject_key"
        ):
            found[row[0]] = (row[1] % 2**64, row[2] % 2**64, str(row[3]), row[4])
    # Those with hashes first, so that the positions of the shorter lists are those of the longer one.
    order = sorted(hashes, key=lambda name: name not in found)
    known = [found[name] for name in order if name in found]
    beyond = [""] * (len(order) - len(known))
    images = Images(
        tuple(order),
        tuple(upright for upright, *_ in known),
        tuple(mirrored for _, mirrored, *_ in known),
        (*(cluster for *_, cluster, _ in known), *beyond),
    )
    return images, [*(subject for *_, subject in known), *beyond]


def _pictures(model: LoadedModel, images: Iterable[UUID], learned: Sequence[str]) -> Floats:
    locked = list(images)
    step = max(1, len(locked) // PICTURES)
    rows = list(Image.objects.filter(pk__in=locked[::step][:PICTURES]).order_by("pk"))
    if len(rows) < PICTURES and learned:
        some = list(learned)[:: max(1, len(learned) // PICTURES)][: PICTURES - len(rows)]
        more = {row.pixel_sha256: row for row in Image.objects.filter(pixel_sha256__in=some).order_by("pk")}
        rows += more.values()
    prepared = []
    for row in rows:
        try:
            prepared.append(model.prepare(row).levels)
        except PlatformError:
            continue  # hidden, removed or damaged: no map is made of it
    side = model.checkpoint.preprocessing.size
    return np.array(prepared, np.float32).reshape(len(prepared), side, side, 1)


def _with_random_head(candidate: Checkpoint, rng: np.random.Generator) -> OnnxPredictor:
    """The candidate with a head drawn anew, of the mean and spread that it had."""
    kernel, bias = candidate.head()
    drawn = rng.normal(float(kernel.mean()), float(kernel.std()), kernel.shape).astype(np.float32)
    members = {**candidate.members, ONNX: with_head(candidate.onnx, drawn, bias)}
    return OnnxPredictor(replace(candidate, members=members))
