"""Is the candidate right for the wrong reason? Asked of what came with the locked images: their plane and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ml.gate.differences import differences
from ml.gate.verdict import Criterion
from ml.labels import CLASSES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_VALUES: Final = 2


def audit_subgroups(
    candidate: Floats,
    incumbent: Floats,
    truth: Ints,
    groups: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    bounds: Mapping[str, float],
    *,
    seed: int = 0,
) -> Criterion:
    """Returns the criterion `subgroups`: no plane, and no source, may be lost for the sake of the others.

    A subgroup fails where the loss of accuracy in it is sure and cannot be shown to stay within the margin.

    Args:
        columns: `plane`, `source` and the like, (N,) each; an empty value is not stated and not judged.
    """
    rows: list[dict[str, Any]] = []
    lost: list[str] = []
    margin, least = bounds["subgroup_margin"], bounds["least_subgroup_images"]
    for column, values in columns.items():
        named = np.array(values)
        for value in sorted(set(named.tolist()) - {""}):
            chosen = np.flatnonzero(named == value)
            theirs = [groups[int(index)] for index in chosen]
            found = differences(candidate[chosen], incumbent[chosen], truth[chosen], theirs, seed=seed)[
                "accuracy"
            ]
            judged = len(chosen) >= least
            rows.append({"column": column, "value": value, "images": len(chosen), "judged": judged, **found})
            if judged and found["interval"][0] < -margin and found["interval"][1] < 0:
                lost.append(
                    f"Among the {len(chosen)} locked images of the {column} {value} accuracy falls from "
                    f"{found['incumbent']:.3f} to {found['candidate']:.3f}."
                )
    figures = {"subgroups": rows, "margin": margin, "least_images": least}
    if lost:
        return Criterion("subgroups", "fail", " ".join(lost), figures)
    judged_rows = [row for row in rows if row["judged"]]
    if not judged_rows:
        sentence = (
            f"No plane and no source is stated for {least:g} locked images or more, so none was judged."
        )
        return Criterion("subgroups", "not_asked", sentence, figures)
    names = ", ".join(f"{row['column']} {row['value']}" for row in judged_rows)
    return Criterion("subgroups", "pass", f"No sure loss in any of {names}.", figures)


def audit_sources(
    candidate: Floats,
    incumbent: Floats,
    truth: Ints,
    columns: Mapping[str, Sequence[str]],
    bounds: Mapping[str, float],
) -> Criterion:
    """Returns the criterion `sources`: answers may not go with plane or source closer than the labels do.

    A model that has learned where an image comes from, and which class is common there, names that class more often
    than it is true there; its answers then hang together with the source more than the labels do. Measured by
    Cramér's V, corrected for chance (Bergsma 2013), of answers with source, less that of labels with source. What
    the incumbent does too is not the candidate's fault.
    """
    rows: list[dict[str, Any]] = []
    most, least = bounds["source_excess_most"], bounds["least_subgroup_images"]
    for column, values in columns.items():
        named = np.array(values)
        stated = np.flatnonzero(named != "")
        kinds, codes = np.unique(named[stated], return_inverse=True)
        if len(kinds) < _LEAST_VALUES or len(stated) < least:
            continue
        of = {
            name: cramers_v(codes, said[stated])
            for name, said in (
                ("labels", truth), ("candidate", candidate.argmax(axis=1)), ("incumbent", incumbent.argmax(axis=1)),
            )
        }  # fmt: skip
        excess = of["candidate"] - max(of["labels"], of["incumbent"])
        rows.append(
            {"column": column, "values": kinds.tolist(), "images": len(stated), **of, "excess": excess}
        )
    figures = {"columns": rows, "most": most}
    if not rows:
        sentence = "The locked images are of one plane and source, or do not state them: nothing to go by."
        return Criterion("sources", "not_asked", sentence, figures)
    worst = max(rows, key=lambda row: row["excess"])
    words = (
        f"The candidate's answers go with the {worst['column']} at {worst['candidate']:.2f}, the labels at "
        f"{worst['labels']:.2f}, the incumbent's answers at {worst['incumbent']:.2f} (Cramér's V)"
    )
    if worst["excess"] > most:
        return Criterion("sources", "fail", f"{words}: it goes by the {worst['column']}.", figures)
    return Criterion("sources", "pass", f"{words}.", figures)


def cramers_v(rows: Ints, columns: Ints) -> float:
    """Returns how closely two lists (N,) of whole numbers hang together: 0 not at all, 1 wholly; bias-corrected."""
    count = len(rows)
    table = np.zeros((int(rows.max()) + 1, len(CLASSES)))
    np.add.at(table, (rows, columns), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    high, wide = table.shape
    if min(high, wide) < _LEAST_VALUES or count < _LEAST_VALUES:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / count
    phi = float(((table - expected) ** 2 / expected).sum() / count)
    phi = max(0.0, phi - (high - 1) * (wide - 1) / (count - 1))
    high_, wide_ = high - (high - 1) ** 2 / (count - 1), wide - (wide - 1) ** 2 / (count - 1)
    return float(np.sqrt(phi / max(min(high_, wide_) - 1, 1e-12)))
