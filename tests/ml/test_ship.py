from pathlib import Path

import numpy as np
import pytest

from ml.checkpoint.arrays import pack
from ml.datasets import Pixels
from ml.experiments.folds import Collected
from ml.experiments.public_data import PublicImage
from ml.experiments.ship import REFERENCE_BYTES, REPLAY_BYTES, _reference_sample, _replay_sample, _rows
from ml.labels import CLASSES

COUNT = 1600


@pytest.fixture(scope="module")
def collected() -> Collected:
    """Four images of each subject, all of one class; every fourth is a near-duplicate of the one before."""
    images = [
        PublicImage(
            Path(f"{i}.png"), "made", CLASSES[i // 4 % 4], "test", 1, f"subject-{i // 4}",
            f"near-{i - (i % 4 == 3)}", False, None,
        )
        for i in range(COUNT)
    ]  # fmt: skip
    zeros = np.zeros(COUNT, np.uint64)
    pixels = Pixels(np.zeros((COUNT, 1, 1), np.uint8), zeros.astype("U64"), zeros, zeros, zeros.astype(bool))
    return Collected(images, pixels)


@pytest.mark.parametrize("width", [256, 1280, 2048])
@pytest.mark.parametrize("longest", [11, 300])
def test_reference_part_and_replay_fit_whatever_embeddings_and_groups_are(
    collected: Collected, width: int, longest: int
) -> None:
    every = np.arange(COUNT)
    most = _rows(REFERENCE_BYTES, width, longest)
    held = _reference_sample(collected, every, most)
    replayed = _replay_sample(collected, every, _rows(REPLAY_BYTES, width))
    groups = [group.ljust(longest, "x") for group in collected.groups(held)]
    assert len(_packed(held, width, groups)) < REFERENCE_BYTES
    assert len(_packed(replayed, width, None)) < REPLAY_BYTES
    assert 0.9 * min(COUNT, most) < len(held)
    assert len(held) == COUNT or width > 256
    counts = np.bincount(collected.labels[held])
    assert counts.max() - counts.min() <= 8


def _packed(chosen: np.ndarray, width: int, groups: list[str] | None) -> bytes:
    """What `write_checkpoint` makes of so many images."""
    arrays = {
        "embeddings": np.zeros((len(chosen), width), np.float16),
        "labels": np.zeros(len(chosen), np.uint8),
        "hashes": np.zeros((len(chosen), 32), np.uint8),
    }
    return pack(arrays if groups is None else {**arrays, "groups": np.array(groups, str)})


def test_the_reference_part_keeps_subjects_whole_and_replay_takes_no_copy(collected: Collected) -> None:
    held = _reference_sample(collected, np.arange(COUNT), 500)
    _, sizes = np.unique(collected.groups(held), return_counts=True)
    assert len(held) <= 500
    assert set(sizes) == {4}
    near = [collected.images[i].near for i in _replay_sample(collected, np.arange(COUNT), 2000)]
    assert len(set(near)) == len(near) == 0.75 * COUNT
