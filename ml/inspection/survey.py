"""The survey of a set of images."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.inspection.files import Labelled, relative_name
from ml.inspection.measures import BINS
from ml.inspection.pairs import KINDS, Pair, clusters, confirmed, duplicate_pairs
from ml.inspection.seen import Seen, decode
from ml.manifest import PARTS

NO_SPLIT: Final = "no split"
NO_LABEL: Final = "no label"

SURELY_SAME: Final = 0.95
"""Before two labels are called a contradiction, the images must correlate so (`ml.inspection.pairs.SAME_IMAGE`)."""

_SHOWN: Final = 50


def inspect_images(images: Sequence[Labelled], root: Path | None = None) -> dict[str, Any]:
    """Decodes every image and returns what there is to say (`survey_of`), as plain values.

    Args:
        images: files with label and split where known.
        root: names are given relative to it.
    """
    seen, corrupt = decode(images, root)
    return survey_of(seen, corrupt, same_pairs(seen), root=root)


def same_pairs(seen: Sequence[Seen]) -> dict[str, list[Pair]]:
    """Returns pairs of the same image by kind: near by hash, and confirmed by pixels."""
    return confirmed(duplicate_pairs(seen), [one.small for one in seen])


def survey_of(
    seen: Sequence[Seen],
    corrupt: Sequence[dict[str, str]],
    pairs: Mapping[str, Sequence[Pair]],
    *,
    root: Path | None = None,
) -> dict[str, Any]:
    """Returns what there is to say of decoded images, as plain values.

    Args:
        seen, corrupt: from `ml.inspection.seen.decode`.
        pairs: of `same_pairs`.
        root: names are given relative to it.

    Returns:
        `images`, `readable`, `classes` (counts by split and label), `sizes` (the commonest), `sizes_by_class` and
        `intensities` (by split and label), `corrupt` (file and reason), `duplicates` (pairs by kind: exact, near,
        mirrored; within and across splits), `clusters`, `conflicts` (pairs of one image under two labels: see
        `SURELY_SAME`), `leakage` (for each two splits, the images of the second that have a counterpart
        in the first, by kind), `groups_in_two_splits` and `looks_like_ct`. Lists of examples are cut at 50.
    """
    groups = Counter(clusters(seen, pairs))
    torn = torn_pairs(pairs, seen)
    return {
        "images": len(seen) + len(corrupt),
        "readable": len(seen),
        "classes": _counts(seen),
        "sizes": dict(Counter(_size(one) for one in seen).most_common(8)),
        "sizes_by_class": _sizes(seen),
        "intensities": _intensities(seen),
        "corrupt": list(corrupt),
        "duplicates": {kind: _described(pairs[kind], seen, root) for kind in KINDS},
        "clusters": {"count": len(groups), "largest": max(groups.values(), default=0)},
        "conflicts": _conflicts(torn, seen, root),
        "leakage": _leakage(pairs, seen),
        "groups_in_two_splits": _torn_groups(seen),
        "looks_like_ct": [relative_name(one.image.path, root) for one in seen if one.ct],
    }


def places(pair: Pair, seen: Sequence[Seen]) -> tuple[str, str]:
    """Returns the splits of a pair's images, in the order of `PARTS`."""
    found = sorted((seen[i].image.split for i in pair), key=(*PARTS, "").index)
    return found[0] or NO_SPLIT, found[1] or NO_SPLIT


def by_part_and_label(seen: Sequence[Seen]) -> dict[tuple[str, str], list[Seen]]:
    """Returns images by split and label, splits in the order of `PARTS`."""
    found: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        found[one.image.split or NO_SPLIT, one.image.label or NO_LABEL].append(one)
    order = (*PARTS, NO_SPLIT)
    return dict(sorted(found.items(), key=lambda item: (order.index(item[0][0]), item[0][1])))


def _counts(seen: Sequence[Seen]) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for (split, label), members in by_part_and_label(seen).items():
        table.setdefault(split, {})[label] = len(members)
    return table


def _size(one: Seen) -> str:
    return f"{one.facts.width}x{one.facts.height}"


def _sizes(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    rows = []
    for (split, label), members in by_part_and_label(seen).items():
        sizes = Counter(_size(one) for one in members)
        rows.append({
            "split": split, "label": label, "images": len(members), "different": len(sizes),
            "commonest": dict(sizes.most_common(3)),
            "median_width": float(np.median([one.facts.width for one in members])),
            "median_height": float(np.median([one.facts.height for one in members])),
        })  # fmt: skip
    return rows


def _intensities(seen: Sequence[Seen]) -> dict[str, Any]:
    rows = [
        {
            "split": split,
            "label": label,
            "shares": np.round(np.mean([one.shares for one in members], axis=0), 5).tolist(),
            "mean": round(float(np.mean([one.measures["mean"] for one in members])), 2),
        }
        for (split, label), members in by_part_and_label(seen).items()
    ]
    return {"edges": [256 // BINS * step for step in range(BINS + 1)], "groups": rows}


def _described(pairs: Sequence[Pair], seen: Sequence[Seen], root: Path | None) -> dict[str, Any]:
    where = Counter(places(pair, seen) for pair in pairs)
    order = (*PARTS, NO_SPLIT)
    ranked = sorted(where.items(), key=lambda item: [order.index(split) for split in item[0]])
    return {
        "pairs": len(pairs),
        "images": len({i for pair in pairs for i in pair}),
        "where": [{"splits": list(splits), "pairs": count} for splits, count in ranked],
        "examples": [[relative_name(seen[i].image.path, root) for i in pair] for pair in pairs[:_SHOWN]],
    }


def _two_labels(pair: Pair, seen: Sequence[Seen]) -> bool:
    first, second = (seen[i].image.label for i in pair)
    return bool(first and second and first != second)


def torn_pairs(pairs: Mapping[str, Sequence[Pair]], seen: Sequence[Seen]) -> list[tuple[str, Pair]]:
    """Returns the pairs of one and the same image under two labels, with their kind."""
    sure = confirmed(pairs, [one.small for one in seen], SURELY_SAME)
    return [(kind, pair) for kind in KINDS for pair in sure[kind] if _two_labels(pair, seen)]


def _conflicts(
    torn: Sequence[tuple[str, Pair]], seen: Sequence[Seen], root: Path | None
) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "files": [relative_name(seen[i].image.path, root) for i in pair],
            "labels": [seen[i].image.label for i in pair],
        }
        for kind, pair in torn
    ]


def _leakage(pairs: Mapping[str, Sequence[Pair]], seen: Sequence[Seen]) -> list[dict[str, Any]]:
    present = [part for part in PARTS if any(one.image.split == part for one in seen)]
    found = []
    for first, second in permutations(present, 2):
        total = sum(one.image.split == second for one in seen)
        row: dict[str, Any] = {"from": first, "into": second, "images": total}
        leaked: set[int] = set()
        for kind in KINDS:
            for i, j in pairs[kind]:
                for here, there in ((i, j), (j, i)):
                    if seen[here].image.split == second and seen[there].image.split == first:
                        leaked.add(here)
            row[f"up_to_{kind}"] = len(leaked)
        found.append(row)
    return found


def _torn_groups(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    splits: dict[str, set[str]] = defaultdict(set)
    for one in seen:
        if one.image.group:
            splits[one.image.group].add(one.image.split or NO_SPLIT)
    torn = {group: sorted(found) for group, found in splits.items() if len(found) > 1}
    return [{"group": group, "splits": torn[group]} for group in sorted(torn)]
