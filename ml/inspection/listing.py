"""From a folder of images to a manifest whose parts do not show each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.inspection.files import relative_name
from ml.inspection.leakage import Leaks, conflicting_labels, find_leaks
from ml.inspection.pairs import clusters
from ml.inspection.seen import Seen
from ml.manifest import PARTS, ManifestError, Row
from ml.splits import choose_groups


@dataclass(frozen=True)
class Listing:
    """The rows of a new manifest and what was done to get them.

    Attributes:
        rows: one for each image that is in it.
        left_out: files that are not, by reason.
        clusters: how many clusters of duplicates, and the images of the largest.
        leaks: between the parts; none unless splits were kept as they were.
    """

    rows: tuple[Row, ...]
    left_out: dict[str, list[str]]
    clusters: tuple[int, int]
    leaks: Leaks

    def table(self) -> list[list[Any]]:
        """Returns images by part and class, each with its share of the class: header first."""
        labels = sorted({row.label for row in self.rows})
        counts = Counter((row.split, row.label) for row in self.rows)
        whole = Counter(row.label for row in self.rows)
        lines: list[list[Any]] = [["part", *labels, "all"]]
        for part in PARTS:
            cells = [f"{counts[part, label]} ({counts[part, label] / whole[label]:.0%})" for label in labels]
            lines.append([part, *cells, sum(counts[part, label] for label in labels)])
        return lines


def list_images(
    seen: Sequence[Seen],
    root: Path,
    *,
    validation: float,
    test: float,
    seed: int,
    keep_splits: bool = False,
) -> Listing:
    """Lists images with label, part and group, whole clusters of duplicates (mirrored too) in one part.

    Args:
        seen: decoded images (`ml.inspection.seen.decode`).
        root: what the manifest's paths are relative to.
        validation, test: the share of each class that the part is to hold.
        seed: another seed draws other clusters.
        keep_splits: take the parts that the folders name, whatever they leak.

    Raises:
        ManifestError: for shares that leave nothing to learn from, when no image has a label, or when one
            has no part to keep.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise ManifestError("The shares of validation and test must be at least 0 and together below 1.")
    labelled = [one for one in seen if one.image.label]
    if not labelled:
        raise ManifestError("No image lies in a folder named for a class.")
    kept, left_out = _without_conflicts(labelled, root)
    left_out["without a label"] = [relative_name(one.image.path, root) for one in seen if not one.image.label]
    groups = [f"cluster-{number}" for number in clusters(kept)]
    splits = _named(kept) if keep_splits else _drawn(kept, groups, validation, test, seed)
    rows = tuple(
        Row(relative_name(one.image.path, root), one.image.label, split, group, one.sha256, group)
        for one, split, group in zip(kept, splits, groups, strict=True)
    )
    sizes = Counter(groups)
    leaks = find_leaks(rows, kept, [one.small for one in kept])
    return Listing(rows, left_out, (len(sizes), max(sizes.values(), default=0)), leaks)


def _without_conflicts(seen: Sequence[Seen], root: Path) -> tuple[list[Seen], dict[str, list[str]]]:
    rows = [Row(relative_name(one.image.path, root), one.image.label, "") for one in seen]
    disputed = {i for members in conflicting_labels(rows, [one.sha256 for one in seen]) for i in members}
    names = [rows[i].image for i in sorted(disputed)]
    kept = [one for i, one in enumerate(seen) if i not in disputed]
    return kept, {"same pixels, two labels": names}


def _named(seen: Sequence[Seen]) -> list[str]:
    without = [one.image.path.name for one in seen if not one.image.split]
    if without:
        raise ManifestError(
            f"{len(without)} images lie in no train, validation or test folder: {without[0]}, …"
        )
    return [one.image.split for one in seen]


def _drawn(
    seen: Sequence[Seen], groups: Sequence[str], validation: float, test: float, seed: int
) -> list[str]:
    labels = [one.image.label for one in seen]
    held = choose_groups(groups, labels, test, seed)
    rest = [i for i, group in enumerate(groups) if group not in held]
    share = validation / (1 - test)
    aside = choose_groups([groups[i] for i in rest], [labels[i] for i in rest], share, seed + 1)
    return ["test" if g in held else "validation" if g in aside else "train" for g in groups]
