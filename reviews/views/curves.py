"""Where the marks of a run's curves stand: SVG without styles or scripts, drawn anew with each look."""

from typing import Any, Final

WIDTH: Final = 360
_HEIGHT: Final = 150
_LEFT, _RIGHT, _TOP, _BASE = 8, 352, 26, 122
# So many points are drawn of a curve at most; what lies between them is no wider than a pixel.
_POINTS: Final = 170
_LOSSES: Final = (("loss", "Training"), ("validation_loss", "Validation"))
_SHARES: Final = (("validation_accuracy", "Validation"),)


def curves(progress: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The charts of a run's progress: loss, and accuracy on the validation part; none before the first step."""
    charts = [_chart("Loss", _LOSSES, progress, None), _chart("Accuracy", _SHARES, progress, 1.0)]
    return [chart for chart in charts if chart is not None]


def steps_shown(progress: list[dict[str, Any]], most: int = 8) -> list[dict[str, Any]]:
    """The numbers beside the curves: at most so many steps, evenly taken, the last always among them."""
    steps = [
        {"at": step.get("step", step.get("epoch", place)), "loss": step["loss"]}
        | {name: step.get(name) for name in ("validation_loss", "validation_accuracy")}
        for place, step in enumerate(progress)
        if step.get("loss") is not None
    ]
    return _thinned(steps, most)


def _chart(
    title: str, names: tuple[tuple[str, str], ...], progress: list[dict[str, Any]], top: float | None
) -> dict[str, Any] | None:
    series = [(word, _points(name, progress)) for name, word in names]
    drawn = [(word, points) for word, points in series if points]
    if not drawn:
        return None
    values = [value for _, points in drawn for _, value in points]
    ceiling = top if top is not None else (max(values) * 1.05 or 1.0)
    floor = 0.0 if top is None else max(min(values) - 0.1, 0.0)
    first, last = _ends(drawn)
    lines = [
        {
            "word": word,
            "dashed": place > 0,
            "points": " ".join(
                f"{_across(at, first, last)},{_up(value, floor, ceiling)}" for at, value in points
            ),
            "x": _across(points[-1][0], first, last),
            "y": _up(points[-1][1], floor, ceiling),
            "value": f"{points[-1][1]:.3f}",
        }
        for place, (word, points) in enumerate(drawn)
    ]
    return {"title": title, "width": WIDTH, "height": _HEIGHT, "left": _LEFT, "right": _RIGHT, "base": _BASE,
            "top": f"{ceiling:.2g}", "bottom": f"{floor:.2g}", "first": f"{first:g}", "last": f"{last:g}",
            "lines": lines}  # fmt: skip


def _points(name: str, progress: list[dict[str, Any]]) -> list[tuple[float, float]]:
    found = [
        (float(step.get("step", step.get("epoch", place))), float(step[name]))
        for place, step in enumerate(progress)
        if step.get(name) is not None
    ]
    return _thinned(found, _POINTS)


def _thinned[T](rows: list[T], most: int) -> list[T]:
    if len(rows) <= most:
        return rows
    stride = -(-(len(rows) - 1) // (most - 1))
    kept = rows[::stride]
    return kept if (len(rows) - 1) % stride == 0 else [*kept, rows[-1]]


def _ends(drawn: list[tuple[str, list[tuple[float, float]]]]) -> tuple[float, float]:
    places = [at for _, points in drawn for at, _ in points]
    return min(places), max(places)


def _across(at: float, first: float, last: float) -> float:
    share = (at - first) / (last - first) if last > first else 0.5
    return round(_LEFT + share * (_RIGHT - _LEFT), 1)


def _up(value: float, floor: float, ceiling: float) -> float:
    share = (min(max(value, floor), ceiling) - floor) / (ceiling - floor)
    return round(_BASE - share * (_BASE - _TOP), 1)
