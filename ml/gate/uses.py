"""How often a locked part was asked: a part that chose between many candidates is no longer untouched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml.gate.verdict import Criterion


def count_uses(parts: Sequence[tuple[str, int]], bounds: Mapping[str, float]) -> Criterion:
    """Returns the criterion `part_uses`, which warns and decides nothing.

    Args:
        parts: name of each locked part, and how many candidates were measured on it before.
    """
    bound = int(bounds["uses_warned"])
    figures = {"parts": [{"part": name, "uses": uses} for name, uses in parts], "uses_warned": bound}
    worn = [f"the {name} {uses} times" for name, uses in parts if uses >= bound]
    if worn:
        sentence = (
            f"Candidates were chosen by {' and '.join(worn)} before: what passes there may have been picked by chance. "
            "Lock new images."
        )
        return Criterion("part_uses", "not_asked", sentence, figures)
    told = ", ".join(f"the {name} {uses} times" for name, uses in parts)
    return Criterion("part_uses", "pass", f"Asked of candidates before: {told or 'nothing'}.", figures)
