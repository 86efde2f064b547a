"""The locked part of a run's manifest, as two versions see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass
class TestPart:
    """The images of a manifest's test part that neither version learned from.

    Attributes:
        candidate, incumbent: float32 (n, D), each version's own embeddings; the same array where both are heads on
            the same features.
        labels: class indices (n,).
        groups: of each image; n images of one group are not n independent ones.
        hashes: pixel sha256 of each image.
        images: each image's identifier.
        planes, sources: as the manifest has them, empty where it does not say.
    """

    candidate: Floats
    incumbent: Floats
    labels: npt.NDArray[np.int64]
    groups: Sequence[str] = ()
    hashes: Sequence[str] = ()
    images: Sequence[UUID] = ()
    planes: Sequence[str] = ()
    sources: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.labels)
