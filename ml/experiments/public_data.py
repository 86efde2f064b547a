"""The public image sets: Nickparvar, Roboflow's 2,443 images and BRISC's "no tumour" slices.

Their manifests carry patient-wise `leakfree_fold`s; see the model card for why the official splits are not used.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ml.duplicates import Groups

FOLDS: Final = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class PublicImage:
    """One image of a public set.

    Attributes:
        path: of the file.
        source: "nickparvar", "roboflow2443" or "brisc_notumor".
        label: one of `ml.labels.CLASSES`.
        split: the set's own: train, valid or test.
        fold: leak-free fold 1..5; 0 where the set has none.
        group: subject or cluster; never cut.
        near: near-duplicates share it.
        conflict: the sources disagree on the label.
        mask: path of the tumour mask, where there is one.
        plane: "ax", "co" or "sa", where the record tells.
        traced: whether the image was traced to Cheng's figshare set of patients.
    """

    path: Path
    source: str
    label: str
    split: str
    fold: int
    group: str
    near: str
    conflict: bool
    mask: Path | None
    plane: str = ""
    traced: bool = False


def read_nickparvar(root: Path) -> list[PublicImage]:
    """Reads the Nickparvar set, with subject groups (see `_subject_groups`)."""
    return _read(root / "nickparvar")


def read_roboflow(root: Path) -> list[PublicImage]:
    """Reads the 2,443-image set."""
    return _read(root / "roboflow2443")


def read_brisc(root: Path) -> list[PublicImage]:
    """Reads the BRISC "no tumour" slices; some of them are CT heads (`ml.inspection.looks_like_ct`)."""
    folder = root / "brisc_notumor"
    return [
        PublicImage(
            path=folder / v["file"],
            source=folder.name,
            label=v["cls"],
            split="train",
            fold=0,
            group=f"brisc-{v['phash']}",
            near="",
            conflict=False,
            mask=None,
            plane=v["plane"],
        )
        for v in _table(folder)
    ]


def _read(folder: Path) -> list[PublicImage]:
    table = list(_table(folder))
    groups = _subject_groups(table)
    return [
        PublicImage(
            path=folder / values["file"],
            source=folder.name,
            label=values["cls"],
            split=values["split"],
            fold=int(values["leakfree_fold"]),
            group=group,
            near=values["dup_group"],
            conflict=values["label_conflict"] == "1",
            mask=folder / values["mask"] if values["mask"] else None,
            plane=values["plane_brisc"],
            traced=bool(values["figshare_no"]),
        )
        for values, group in zip(table, groups, strict=True)
    ]


def _table(folder: Path) -> Iterable[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _subject_groups(table: list[dict[str, str]]) -> list[str]:
    """Groups images by subject as far as the public record tells.

    The figshare numbering runs patient by patient, and its folds keep patients whole, so a run of one fold
    holds whole patients. Runs that share a mirror group are joined; an image without a number is grouped by
    its loose cluster of similarity.
    """
    numbered = sorted({(int(v["figshare_no"]), v["leakfree_fold"]) for v in table if v["figshare_no"]})
    run_of: dict[int, str] = {}
    run, fold_before = 0, ""
    for number, fold in numbered:
        run += fold != fold_before
        fold_before = fold
        run_of[number] = f"run-{run}"
    keys = [run_of[int(v["figshare_no"])] if v["figshare_no"] else v["loose_cluster"] for v in table]
    joined: Groups[str] = Groups()
    for key, values in zip(keys, table, strict=True):
        joined.join(key, f"mirror-{values['mirror_group']}")
    return [joined.find(key) for key in keys]
