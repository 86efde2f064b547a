"""What became of a frame, and in what words its file's sender is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from classifier.intake import TakenIn
from classifier.models import Image, QuarantinedImage
from classifier.services.decoding import Verdict, names_of

ALREADY_HERE = "These pixels are in this collection already; here is the study that holds them."
REMOVED = "These pixels were in this collection and were removed from it; they are not stored again."
REJECTED = "These pixels were rejected before because of the writing in them; they are not stored."
IN_QUARANTINE = (
    "In quarantine: there is writing in the picture, so a reviewer of the intake looks at it first."
)


@dataclass(frozen=True)
class Fate:
    """What became of one frame: `stored`, `duplicate`, `quarantined`, or `rejected` by a reviewer of the intake."""

    outcome: str
    image: Image | None = None
    row: QuarantinedImage | None = None


def verdict_of(number: int, taken: TakenIn, fates: Sequence[Fate]) -> Verdict:
    """The verdict on a file, of what became of its frames."""
    outcome = next(name for name in ("stored", "quarantined", "duplicate", "rejected") if _any(fates, name))
    images = tuple(dict.fromkeys(fate.image for fate in fates if fate.image is not None))
    first = next((fate.image for fate in fates if fate.outcome == outcome and fate.image), None)
    waiting = sum(fate.outcome == "quarantined" for fate in fates)
    row = next((fate.row for fate in fates if fate.row is not None), None)
    code, sentence = _words(outcome, first, waiting, len(fates))
    return Verdict(
        number,
        "duplicate" if outcome == "rejected" else outcome,
        code=code,
        sentence=sentence,
        status=202 if outcome in ("stored", "quarantined") else 200,
        study=first.study if first is not None else (row.study if row is not None else None),
        image=first,
        images=images,
        quarantined=waiting,
        names=names_of(taken),
    )


def _any(fates: Sequence[Fate], outcome: str) -> bool:
    return any(fate.outcome == outcome for fate in fates)


def _words(outcome: str, first: Image | None, waiting: int, frames: int) -> tuple[str, str]:
    if outcome == "stored":
        apart = f"Stored, but for {waiting} of {frames} frames, which are in quarantine: there is writing in them."
        return "", apart if waiting else ""
    if outcome == "quarantined":
        return "quarantined", IN_QUARANTINE
    if outcome == "rejected":
        return "rejected", REJECTED
    removed = first is not None and first.study.purged_at is not None
    return "duplicate", REMOVED if removed else ALREADY_HERE
