"""Do the candidate's maps explain it? They must hang on what was learned, point somewhere, and follow the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from ml.gate.verdict import Criterion

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

LEAST_MAPS: Final = 3
_PAIRS: Final = 200


def audit_maps(
    candidate: Floats, randomised: Floats, classes: Ints, bounds: Mapping[str, float], *, drawn: bool = False
) -> Criterion:
    """Returns the criterion `maps`.

    With a head of random numbers the maps must come out otherwise (the first step of Adebayo et al. 2018, section
    3.1: a map that stays shows the image and not what was learned); few may be flat; and those of different images
    may not all be alike, since a map that never moves shows the model's habit.

    Args:
        candidate: raw class maps (N, h, w, 4) of N images.
        randomised: (D, N, h, w, 4), the same images' with D heads drawn at random.
        classes: (N,) whose map is looked at: what the candidate names.
        drawn: whether the images were drawn, because no others were at hand.
    """
    count = len(candidate)
    if count < LEAST_MAPS:
        sentence = f"There are {count} images to make maps of; {LEAST_MAPS} are the fewest that say anything."
        return Criterion("maps", "not_asked", sentence, {"images": count})
    ours = _positive(candidate, classes)
    flat = np.ptp(ours, axis=1) == 0
    likeness = float(np.mean([_correlations(ours, _positive(one, classes)).mean() for one in randomised]))
    first, second = _some_pairs(count)
    alike = float(_correlations(ours[first], ours[second]).mean())
    figures = {
        "images": count, "drawn": drawn, "likeness_randomised": likeness, "flat": float(flat.mean()), "alike": alike,
        "most_likeness": bounds["map_similarity_most"], "most_flat": bounds["flat_maps_most"],
        "most_alike": bounds["alike_maps_most"],
    }  # fmt: skip
    wrong = []
    if likeness > bounds["map_similarity_most"]:
        wrong.append(
            f"With a head of random numbers the maps stay alike (rank correlation {likeness:.2f}, at most "
            f"{bounds['map_similarity_most']:g}): they do not show what was learned."
        )
    if flat.mean() > bounds["flat_maps_most"]:
        wrong.append(f"{int(flat.sum())} of {count} maps point nowhere.")
    # Drawn heads all lie in one place, so that their maps may well be alike.
    if alike > bounds["alike_maps_most"] and not drawn:
        wrong.append(f"The maps of different images are alike (rank correlation {alike:.2f}).")
    if wrong:
        return Criterion("maps", "fail", " ".join(wrong), figures)
    what = f"{count} drawn images" if drawn else f"{count} images"
    sentence = (
        f"Over {what} the maps hang on what was learned (rank correlation {likeness:.2f} with those of random heads) "
        f"and {'one points' if flat.sum() == 1 else f'{int(flat.sum())} point'} nowhere."
    )
    return Criterion("maps", "pass", sentence, figures)


def _positive(maps: Floats, classes: Ints) -> npt.NDArray[np.float64]:
    """Grad-CAM of the named class as rows (N, h·w)."""
    chosen = np.asarray(maps, np.float64)[np.arange(len(maps)), :, :, classes]
    return np.asarray(np.maximum(chosen, 0).reshape(len(maps), -1))


def _correlations(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rank correlation (N,) of rows; a flat row counts as 0."""
    # Here and not above: scipy is not there where pages are served, and those read the rule.
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1) for values in (one, other)]
    a, b = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.divide((a * b).sum(axis=1), length, out=np.zeros(len(a)), where=length > 0))


def _some_pairs(count: int) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(count, 1)
    step = max(1, len(first) // _PAIRS)
    return first[::step], second[::step]
