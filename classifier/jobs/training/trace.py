"""Whether every line of a manifest was used as the trace says: looked up anew, by nothing that did the using."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from classifier.exceptions import PlatformError
from classifier.models import TrainingRun

# What a line that was for one part may have been used as.
_MAY_BE: Final = {
    "train": ("train", "excluded"),
    "validation": ("validation", "excluded"),
    "test": ("test", "excluded"),
    "excluded": ("excluded",),
}


class TraceIncomplete(PlatformError):
    """A line of the manifest that the run lost, or used otherwise than it says; the sentence names the image."""

    code = "trace_incomplete"


@dataclass(frozen=True)
class Handed:
    """Pixel sha256 of the images that really were in the arrays: those of the fit, and those that were measured."""

    train: Sequence[str]
    validation: Sequence[str]
    test: Sequence[str]


def check_trace(run: TrainingRun, trace: Sequence[Mapping[str, str]], handed: Handed) -> None:
    """Compare the stored manifest, the trace and what was handed to the fit and the measurement.

    Raises:
        TraceIncomplete: a line of the manifest is missing in the trace or in what was handed over, was used as
            something else than it was for, or is excluded without a reason.
    """
    with run.manifest.open("rb") as stored:
        wanted = [json.loads(line) for line in stored.read().decode().splitlines()]
    traced = {line["pixel_sha256"]: line for line in trace}
    for line in wanted:
        _check_line(line, traced.get(line["pixel_sha256"]))
    _check_nothing_added(wanted, trace)
    for part in ("train", "validation", "test"):
        said = [line["pixel_sha256"] for line in trace if line["used_as"] == part]
        _check_part(part, said, getattr(handed, part), {line["pixel_sha256"]: line for line in wanted})


def _check_line(line: Mapping[str, Any], traced: Mapping[str, str] | None) -> None:
    image = line["image"]
    if traced is None:
        raise TraceIncomplete(f"The image {image} is in the manifest and not in the run's trace.")
    used_as = traced["used_as"]
    if used_as not in _MAY_BE[line["split"]]:
        raise TraceIncomplete(f"The image {image} is for {line['split']} and was used as {used_as}.")
    if used_as == "excluded" and not traced["reason"]:
        raise TraceIncomplete(f"The image {image} was left out without a reason.")
    if used_as != "excluded" and traced["label"] != line["label"]:
        raise TraceIncomplete(f"The image {image} was used with another label than the manifest's.")


def _check_nothing_added(wanted: Sequence[Mapping[str, Any]], trace: Sequence[Mapping[str, str]]) -> None:
    if len(trace) != len(wanted):
        known = {line["pixel_sha256"] for line in wanted}
        more = next(
            (line["image"] for line in trace if line["pixel_sha256"] not in known), trace[-1]["image"]
        )
        raise TraceIncomplete(f"The run's trace has the image {more}, which the manifest does not list so.")


def _check_part(
    part: str, said: Iterable[str], handed: Sequence[str], lines: Mapping[str, Mapping[str, Any]]
) -> None:
    """Each image that the trace says was used must have been there, once, and no other.

    An image that counts for nothing is in no fit, and says so by its weight.
    """
    expected = {pixels for pixels in said if part != "train" or _counts(lines[pixels])}
    given = set(handed)
    missing, added = expected - given, given - expected
    if missing:
        image = lines[sorted(missing)[0]]["image"]
        raise TraceIncomplete(f"The image {image} is traced as {part} and was not used as that.")
    if added or len(given) != len(handed):
        pixels = sorted(added)[0] if added else next(name for name in given if list(handed).count(name) > 1)
        image = lines[pixels]["image"] if pixels in lines else pixels[:12]
        raise TraceIncomplete(f"The image {image} was used as {part} and is not traced as that, or twice.")


def _counts(line: Mapping[str, Any]) -> bool:
    weight = line.get("weight")
    return weight is None or float(weight) > 0
