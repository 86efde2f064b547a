"""The bounds of the written rule: what they are called, what they mean, and between which ends each must lie.

A rule is a flat object of numbers, so that a person can read it, a form can hold it, and two rules can be laid
beside each other line by line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ml.labels import CLASSES, DISPLAY_NAMES, InputError


class CriteriaError(InputError):
    """Bounds that no rule can have; the message names each."""


@dataclass(frozen=True)
class Bound:
    """One number of the rule.

    Attributes:
        key: its name in JSON.
        title: its name for people.
        low, high: the ends between which it must lie.
        default: in the rule that an installation starts with.
        meaning: what it bounds, in a sentence.
        whole: whether it counts something.
    """

    key: str
    title: str
    low: float
    high: float
    default: float
    meaning: str
    whole: bool = False


BOUNDS: Final = (
    Bound("least_images", "Fewest images", 10, 1_000_000, 200,
          "A locked part with fewer images says too little, whatever it says.", whole=True),
    Bound("least_class_images", "Fewest images of a class", 5, 1_000_000, 30,
          "The same for each class.", whole=True),
    Bound("least_class_subjects", "Fewest subjects of a class", 2, 1_000_000, 10,
          "Images of one subject say much the same, so subjects are counted too.", whole=True),
    Bound("accuracy_margin", "Loss of accuracy", 0, 0.2, 0.02,
          "How much less accurate a candidate may be and still count as no worse."),
    Bound("balanced_accuracy_margin", "Loss of balanced accuracy", 0, 0.2, 0.02,
          "The same for the mean recall of the four classes."),
    Bound("macro_f1_margin", "Loss of macro F1", 0, 0.2, 0.02, "The same for the mean F1 of the four classes."),
    *(
        Bound(f"recall_margin_{name}", f"Loss of recall: {DISPLAY_NAMES[name].lower()}", 0, 0.3, 0.05,
              f"How many of the images of this class ({DISPLAY_NAMES[name].lower()}) may be lost, as a share.")
        for name in CLASSES
    ),
    Bound("mcnemar_alpha", "Level of McNemar's test", 0, 0.2, 0.01,
          "A loss surer than this fails, however small it is. 0 asks nothing."),
    Bound("ece_margin", "Loss of calibration", 0, 0.3, 0.02,
          "How much the expected calibration error may rise."),
    Bound("map_similarity_most", "Likeness of maps without what was learned", 0, 1, 0.5,
          "Maps of a head of random numbers may resemble the candidate's by at most so much rank correlation."),
    Bound("flat_maps_most", "Share of maps without a place", 0, 1, 0.1,
          "Of the candidate's maps, how many may point nowhere."),
    Bound("alike_maps_most", "Likeness of maps of different images", 0, 1, 0.9,
          "Maps that are all alike show the network's habit and not the image."),
    Bound("subgroup_margin", "Loss in a subgroup", 0, 0.5, 0.05,
          "How much less accurate a candidate may be among the images of one source or plane."),
    Bound("least_subgroup_images", "Fewest images of a subgroup", 5, 1_000_000, 40,
          "Subgroups with fewer images are shown and not judged.", whole=True),
    Bound("source_excess_most", "Answers that follow the source", 0, 1, 0.1,
          "How much closer the answers may go with source or plane than the labels do (Cramér's V)."),
    Bound("uses_warned", "Uses of a locked part", 1, 1_000_000, 20,
          "After so many candidates a part that was never learned from has been fitted all the same: the page says so.",
          whole=True),
)  # fmt: skip
"""Every number of a rule, in the order in which pages show them."""

DEFAULT_CRITERIA: Final = {bound.key: bound.default for bound in BOUNDS}


def read_criteria(given: Mapping[str, Any], *, complete: bool = False) -> dict[str, float]:
    """Returns the bounds as numbers, in order, with the default of each that is missing.

    Args:
        complete: refuse what is missing, as for a rule that is about to be written.

    Raises:
        CriteriaError: for names that no bound has, and numbers that are none or out of range, all of them named.
    """
    known = {bound.key for bound in BOUNDS}
    wrong = [f"{key} is not the name of a bound." for key in given if key not in known]
    if complete:
        wrong += [f"{bound.key} is missing." for bound in BOUNDS if bound.key not in given]
    found: dict[str, float] = {}
    for bound in BOUNDS:
        value = given.get(bound.key, bound.default)
        if not _fits(value, bound):
            kind = "a whole number" if bound.whole else "a number"
            wrong.append(f"{bound.key} must be {kind} from {bound.low:g} to {bound.high:g}, got {value!r}.")
        else:
            found[bound.key] = int(value) if bound.whole else float(value)
    if wrong:
        raise CriteriaError(" ".join(wrong))
    return found


def _fits(value: Any, bound: Bound) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return bound.low <= value <= bound.high and not (bound.whole and value != int(value))
