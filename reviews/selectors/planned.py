"""What freezing a collection's labels would make now, by the policy in force or another one: nothing is stored.

A freeze stores exactly this, so that a dry run cannot say anything else.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from classifier.models import Image
from mriplatform.accounts.models import Collection
from reviews.models import EligibilityPolicy, Split
from reviews.selectors.eligibility import judge
from reviews.selectors.evidence import Evidence, evidence
from reviews.selectors.splits import placement


@dataclass(frozen=True, slots=True)
class Line:
    """One image of a label set, as its manifest has it.

    There is one for every labelled image of a collection at once, so it holds no rows; `provenance` is JSON already,
    and `origin` its `source`.
    """

    image: str
    pixel_sha256: str
    cluster: str
    plane: str
    source: str
    origin: str
    label: str
    reason: str
    weight: float
    provenance: str
    split: Split = Split.EXCLUDED

    def as_json(self) -> str:
        """As `json.dumps` writes it with sorted keys and no spaces, without taking the provenance apart again."""
        return (
            f'{{"cluster":"{self.cluster}","image":"{self.image}","label":"{self.label}",'
            f'"pixel_sha256":"{self.pixel_sha256}","plane":"{self.plane}","provenance":{self.provenance},'
            f'"reason":{json.dumps(self.reason)},"source":{json.dumps(self.source)},"split":"{self.split.value}",'
            f'"weight":{self.weight!r}}}'
        )


@dataclass(frozen=True)
class PlannedSet:
    """A label set that could be frozen now.

    Attributes:
        lines: every image with any label, in the order of their identifiers.
        unwritten: what a freeze would add to the ledger of parts.
        unlabelled: how many images of the collection nobody has said anything of.
    """

    policy: EligibilityPolicy
    lines: Sequence[Line]
    unwritten: dict[str, Split]
    unlabelled: int

    @property
    def used(self) -> int:
        """How many images would be in one of the three parts."""
        return sum(line.split is not Split.EXCLUDED for line in self.lines)

    @cached_property
    def manifest(self) -> bytes:
        return b"".join(f"{line.as_json()}\n".encode() for line in self.lines)

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.manifest).hexdigest()

    @cached_property
    def counts(self) -> dict[str, Any]:
        return counted(self.lines)


def planned_label_set(collection: Collection, policy: EligibilityPolicy) -> PlannedSet:
    """What a freeze would make of the labels as they are, by a policy that need not be in force or even stored."""
    lines, wanted = [], {}
    for image in evidence(collection):
        judged = judge(image, policy)
        lines.append(
            Line(
                image.image,
                image.pixel_sha256,
                image.cluster,
                image.plane,
                image.source,
                judged.origin,
                judged.label,
                judged.reason,
                judged.weight,
                judged.provenance,
            )
        )
        if (wish := _wish(image)) and not judged.reason:
            wanted[image.image] = wish
    placed = placement({line.image: line.cluster for line in lines if not line.reason}, wanted)
    return PlannedSet(
        policy,
        [_placed(line, placed.places[line.image]) if not line.reason else line for line in lines],
        placed.unwritten,
        Image.objects.filter(collection=collection).count() - len(lines),
    )


def counted(lines: Sequence[Line]) -> dict[str, Any]:
    """Images by part; of those that can be used by label, class and part, source, plane, weight and where the label
    came from; of the others by reason."""
    used = [line for line in lines if line.split is not Split.EXCLUDED]
    by_split = Counter(line.split.value for line in lines)
    return {split.value: by_split[split.value] for split in Split} | {
        "labels": _sorted(Counter(line.label for line in used)),
        "reasons": _sorted(Counter(line.reason for line in lines if line.reason)),
        "classes": _by_split(used, lambda line: line.label),
        "sources": _by_split(used, lambda line: line.source),
        "planes": _by_split(used, lambda line: line.plane),
        "weights": _by_split(used, lambda line: f"{line.weight:g}"),
        "origins": _by_split(used, lambda line: line.origin),
    }


def _wish(image: Evidence) -> str:
    """The part that an imported image came in, whoever has labelled it since."""
    return image.imported.split if image.imported else ""


def _placed(line: Line, place: Any) -> Line:
    weight = line.weight if place.split is not Split.EXCLUDED else 0.0
    return replace(line, split=place.split, reason=place.reason, weight=weight)


def _by_split(lines: Sequence[Line], value: Callable[[Line], str]) -> dict[str, dict[str, int]]:
    """How many lines of each part have which value; every part is named, so that tables have no holes."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        found[value(line)][line.split.value] += 1
    parts = [split.value for split in Split if split is not Split.EXCLUDED]
    return {name: {part: found[name][part] for part in parts} for name in sorted(found)}


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
