"""Commands that need no network: `inspect` and `manifest`."""

from __future__ import annotations

import argparse
import json

from ml.inspection import find_images, inspect_images
from ml.inspection.files import Labelled
from ml.inspection.pairs import clusters
from ml.inspection.seen import Seen, decode
from ml.manifest import ManifestError, Row, write_manifest
from ml.report import inspection_sections, to_html, to_text
from ml.splits import choose_groups


def inspect(options: argparse.Namespace) -> int:
    """Prints what is in the folders."""
    root = options.paths[0] if len(options.paths) == 1 else None
    survey = inspect_images(find_images(options.paths), root)
    sections = inspection_sections(survey)
    print(json.dumps(survey, indent=1) if options.json else to_text(sections), end="")
    if options.html:
        options.html.write_text(to_html("Images", sections), encoding="utf-8")
    return 0


def manifest(options: argparse.Namespace) -> int:
    """Writes a manifest. Unreadable and unlabelled images are left out, and said so."""
    seen, corrupt = decode(find_images([options.root]), options.root)
    labelled = [one for one in seen if one.image.label]
    if not labelled:
        raise ManifestError("No image lies in a folder named for a class.")
    groups = [f"cluster-{number}" for number in clusters(labelled)]
    splits = _kept(labelled) if options.keep_splits else _drawn(labelled, groups, options)
    rows = [
        Row(
            one.image.path.relative_to(options.root).as_posix(),
            one.image.label,
            split,
            group,
            one.sha256,
            group,
        )
        for one, split, group in zip(labelled, splits, groups, strict=True)
    ]
    sha256 = write_manifest(rows, options.out)
    print(f"{len(rows)} images, {len(set(groups))} clusters, sha256 {sha256}")
    print(f"left out: {len(corrupt)} unreadable, {len(seen) - len(labelled)} without a label")
    return 0


def _kept(seen: list[Seen]) -> list[str]:
    without = [one.image.path.name for one in seen if not one.image.split]
    if without:
        raise ManifestError(
            f"{len(without)} images lie in no train, validation or test folder: {without[0]}, …"
        )
    return [one.image.split for one in seen]


def _drawn(seen: list[Seen], groups: list[str], options: argparse.Namespace) -> list[str]:
    labels = [_label(one.image) for one in seen]
    test = choose_groups(groups, labels, options.test, options.seed)
    rest = [i for i, group in enumerate(groups) if group not in test]
    share = options.validation / (1 - options.test)
    aside = choose_groups([groups[i] for i in rest], [labels[i] for i in rest], share, options.seed + 1)
    return ["test" if g in test else "validation" if g in aside else "train" for g in groups]


def _label(image: Labelled) -> str:
    return image.label
