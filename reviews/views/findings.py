"""What a reader adds to a label on the page: how good the image is and where the finding lies."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reviews.models import Location, ReviewEvent
from reviews.selectors import ReadingState
from reviews.selectors.labels import findings as findings_in_force
from reviews.selectors.labels import spoken_label
from reviews.services.findings import WITHOUT_FINDING
from reviews.views.wording import UNDONE, found_in

PRESELECTED: Final = ReviewEvent.Quality.GOOD.value
NAMES: Final = ("image_quality", "location", "region")


@dataclass(frozen=True)
class Findings:
    """The fields of a step's form as they stand, with what can be chosen.

    Attributes:
        region: JSON text, as the viewer tells it; empty where nothing is marked.
        without: the labels beside which there is no location and no region, separated by blanks.
    """

    image_quality: str
    location: str
    region: str
    qualities: list[tuple[str, str]]
    locations: list[tuple[str, str]]
    without: str = " ".join(sorted(WITHOUT_FINDING))

    @property
    def words(self) -> str:
        return found_in(self.image_quality, self.location, _shape(self.region)) or "nothing said"

    @property
    def placed(self) -> bool:
        """Whether it is said where the finding lies."""
        return bool(self.location or self.marked)

    @property
    def marked(self) -> str:
        """The shape that is marked, or nothing."""
        return _shape(self.region)


def present_findings(state: ReadingState, entered: Mapping[str, Any]) -> Findings:
    """What the form holds: as entered, else as it was said last; a good image where nothing was said yet."""
    said = _said_last(state)
    quality, location, region = (entered[name] if name in entered else said[name] for name in NAMES)
    text = region if isinstance(region, str) else json.dumps(region) if region else ""
    return Findings(quality, location, text, ReviewEvent.Quality.choices, Location.choices)


def said_whole(state: ReadingState) -> dict[str, Any]:
    """The verdict in force as an amendment's form is filled in with it, so that nothing is lost by amending."""
    verdict = state.verdict
    if verdict is None:
        return {}
    said = {"label": spoken_label(verdict), "reason": verdict.reason, "note": verdict.note}
    return said | findings_in_force(verdict, state.first_read)


def said_before_undo(state: ReadingState) -> dict[str, Any]:
    """What was said and undone at once: the form is given back as it was filled in, but for the reason, which may not
    be that of the next answer."""
    last = state.history[-1] if state.history else None
    if last is None or last.kind != ReviewEvent.Kind.WITHDRAWAL or last.reason != UNDONE:
        return {}
    undone = next(event for event in state.history if event.pk == last.supersedes_id)
    said = {name: getattr(undone, name) for name in ("confidence", "note", *NAMES)}
    return said | {"label": spoken_label(undone)}


def found_with(event: ReviewEvent, first_read: ReviewEvent | None = None) -> str:
    """What was found, in words: by an event itself, or, with its first read, by what counts beside a verdict."""
    said = findings_in_force(event, first_read)
    return found_in(said["image_quality"], said["location"], (said["region"] or {}).get("shape", ""))


def without_finding(said: dict[str, Any]) -> dict[str, Any]:
    """What a form says, less the place of a finding that its label says is not there.

    The page shows that it leaves them out; the fields keep them, for the case that another label is chosen after all.
    """
    return said | {"location": "", "region": None} if said["label"] in WITHOUT_FINDING else said


def _said_last(state: ReadingState) -> dict[str, Any]:
    if state.verdict is not None:
        return findings_in_force(state.verdict, state.first_read)
    if state.first_read is not None:
        return {name: getattr(state.first_read, name) for name in NAMES}
    return {"image_quality": PRESELECTED, "location": "", "region": None}


def _shape(region: str) -> str:
    """The shape that a form's text tells; nothing where it tells none, which the server says when it is sent."""
    try:
        marked = json.loads(region) if region else None
    except (ValueError, RecursionError):
        return ""
    shape = marked.get("shape") if isinstance(marked, dict) else ""
    return shape if isinstance(shape, str) else ""
