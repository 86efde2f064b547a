"""A manifest's images, decoded and looked through before anything is learned from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.config import TrainRecipe
from ml.experiments.folds import Collected, Plan, load
from ml.experiments.public_data import PublicImage
from ml.inspection.leakage import Hashes, conflicting_labels, find_leaks, hashes_of, refuse_conflicts
from ml.inspection.pairs import shrink
from ml.manifest import PARTS, Manifest, ManifestError, Row
from ml.preprocessing import Preprocessing


@dataclass(frozen=True)
class Listed:
    """What a manifest lists; row i, image i and hashes i belong together.

    Attributes:
        rows: all of the manifest.
        collected: their images.
        hashes: of each image.
        usable: whether an image takes part, bool (N,).
        excluded: files that do not, by reason.
        preprocessing: that made the images' levels.
        manifest_sha256: of the manifest's bytes.
    """

    rows: tuple[Row, ...]
    collected: Collected
    hashes: tuple[Hashes, ...]
    usable: npt.NDArray[np.bool_]
    excluded: dict[str, list[str]]
    preprocessing: Preprocessing
    manifest_sha256: str

    def plan(self, recipe: TrainRecipe, parts: Sequence[str], name: str = "manifest") -> Plan:
        """Returns the plan of a run.

        Args:
            parts: the part of each row.

        Raises:
            ManifestError: when a part is empty.
        """
        of = np.where(self.usable, np.array(parts), "")
        chosen = {part: np.flatnonzero(of == part) for part in PARTS}
        for part, indices in chosen.items():
            if len(indices) == 0:
                raise ManifestError(f"The manifest has no image in its {part} part.")
        left_out = {reason: len(files) for reason, files in self.excluded.items()}
        return Plan(name, recipe, chosen["train"], chosen["validation"], chosen["test"], left_out)

    def leakage(self, parts: Sequence[str], allowed: Collection[str] = ()) -> dict[str, Any]:
        """Returns what a checkpoint keeps of the leaks between the parts.

        Args:
            parts: the part of each row.
            allowed: kinds of leak that are let pass by name (`ml.inspection.leakage.LEAK_KINDS`).

        Raises:
            LeakError: for a leak that is not among them.
        """
        kept = [int(i) for i in np.flatnonzero(self.usable)]
        rows = [replace(self.rows[i], split=parts[i]) for i in kept]
        small = [shrink(self.collected.pixels.levels[i]) for i in kept]
        leaks = find_leaks(rows, [self.hashes[i] for i in kept], small)
        leaks.refuse_unless(allowed)
        return leaks.as_metadata(allowed)


def load_listed(
    manifest: Manifest, root: Path, work: Path, preprocessing: Preprocessing, *, drop_conflicts: bool = False
) -> Listed:
    """Decodes what a manifest lists and checks it against what the manifest says of it.

    Args:
        root: the folder that the manifest's paths are relative to.
        work: folder of the cache.
        drop_conflicts: leave out all images whose pixels occur under two labels, instead of refusing them.

    Raises:
        ManifestError: when an image is no longer the one that was listed.
        LeakError: when identical pixels carry two labels.
    """
    rows = manifest.rows
    collected = load([_image(row, root) for row in rows], work, preprocessing)
    pixels = collected.pixels
    hashes = hashes_of(pixels.sha256, pixels.phash, pixels.phash_mirrored)
    _refuse_changed(rows, hashes)
    conflicts = conflicting_labels(rows, [one.sha256 for one in hashes])
    if not drop_conflicts:
        refuse_conflicts(rows, conflicts)
    disputed = sorted(i for members in conflicts for i in members)
    usable = np.ones(len(rows), np.bool_)
    usable[disputed] = False
    excluded = {"same pixels, two labels": [rows[i].image for i in disputed]} if disputed else {}
    return Listed(rows, collected, tuple(hashes), usable, excluded, preprocessing, manifest.sha256)


def _image(row: Row, root: Path) -> PublicImage:
    return PublicImage(
        path=root / row.image,
        source="manifest",
        label=row.label,
        split=row.split,
        fold=0,
        group=row.group or row.image,
        near=row.near,
        conflict=False,
        mask=root / row.mask if row.mask else None,
    )


def _refuse_changed(rows: tuple[Row, ...], hashes: list[Hashes]) -> None:
    changed = [
        row.image for row, one in zip(rows, hashes, strict=True) if row.sha256 and row.sha256 != one.sha256
    ]
    if changed:
        raise ManifestError(
            f"{len(changed)} images are not those that the manifest lists, their pixels differ: "
            f"{', '.join(changed[:3])}."
        )
