"""Commands that need no network: `inspect` and `manifest`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ml.inspection.files import Labelled, find_images, listed_images
from ml.inspection.gallery import make_gallery
from ml.inspection.listing import Listing, list_images
from ml.inspection.pairs import clusters
from ml.inspection.seen import Seen, decode
from ml.inspection.shortcuts import audit_shortcuts
from ml.inspection.survey import same_pairs, survey_of
from ml.labels import InputError
from ml.manifest import read_manifest, write_manifest
from ml.report import Section, Table, to_text
from ml.report.blocks import Cell
from ml.report.inspection import inspection_page, inspection_sections
from ml.splits import join_groups


def inspect(options: argparse.Namespace) -> int:
    """Says what is in folders, files or a manifest, and what to mind before learning from it."""
    images, root = _asked(options)
    seen, corrupt = decode(images, root)
    pairs = same_pairs(seen)
    survey = survey_of(seen, corrupt, pairs, root=root)
    survey["shortcuts"] = audit_shortcuts(seen, _groups(seen, clusters(seen)), root)
    print(json.dumps(survey, indent=1) if options.json else to_text(inspection_sections(survey)), end="")
    if options.html:
        options.html.write_text(inspection_page(survey, make_gallery(seen, pairs, root)), encoding="utf-8")
    return 0


def manifest(options: argparse.Namespace) -> int:
    """Writes a manifest and says what it did. What cannot be used is left out, and named."""
    seen, corrupt = decode(find_images([options.root]), options.root)
    listing = list_images(
        seen, options.root, validation=options.validation, test=options.test, seed=options.seed,
        keep_splits=options.keep_splits,
    )  # fmt: skip
    sha256 = write_manifest(listing.rows, options.out)
    print(f"{options.out}: {len(listing.rows)} images, sha256 {sha256}")
    print(to_text(_told(listing, [entry["file"] for entry in corrupt])), end="")
    return 0


def _asked(options: argparse.Namespace) -> tuple[list[Labelled], Path | None]:
    if options.manifest and options.paths:
        raise InputError("Give either paths or --manifest, not both.")
    if options.manifest:
        root: Path = options.root or options.manifest.parent
        return listed_images(read_manifest(options.manifest), root), root
    if not options.paths:
        raise InputError("Give the folders or files to look at, or --manifest.")
    return find_images(options.paths), options.paths[0] if len(options.paths) == 1 else None


def _groups(seen: list[Seen], numbers: list[int]) -> list[str]:
    """Returns clusters of duplicates, joined where a subject has images in several."""
    return join_groups([str(number) for number in numbers], [one.image.group for one in seen])


def _told(listing: Listing, corrupt: list[str]) -> list[Section]:
    count, largest = listing.clusters
    head, *rows = listing.table()
    left = {"unreadable": corrupt, **listing.left_out}
    why: list[list[Cell]] = [[reason, len(names), ", ".join(names[:3])] for reason, names in left.items()]
    leaks = listing.leaks
    sizes = leaks.sizes
    found: list[list[Cell]] = [
        [f"{kind}, into {part}", number, f"of {sizes[part]}"]
        for part in ("validation", "test")
        for kind, number in leaks.counts(part).items()
        if number
    ]
    cut: list[list[Cell]] = [[count, largest]]
    return [
        Section("Images by part (share of the class)", [Table(head, rows)]),
        Section("Clusters of duplicates, mirrored too", [Table(["clusters", "images of the largest"], cut)]),
        Section("Left out", [Table(["why", "files", "the first of them"], why)]),
        Section("Leaks between the parts", [Table(["kind", "images", ""], found)]),
    ]
