"""The rules by which verdicts become a label, or do not: no database, so that every case of them can be listed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reviews.models import Outcome, ReadingProtocol

Rule = ReadingProtocol.AdjudicationRule

ONE_READER: Final = "one reader"
AGREED: Final = "agreed"
SENIOR_READER: Final = "senior reader"
ADJUDICATED: Final = "adjudicated"


@dataclass(frozen=True)
class Vote:
    """What one reader says of an image, and the reader's seniority when they said it."""

    label: str
    seniority: int = 0


@dataclass(frozen=True)
class Settled:
    """What votes come to; `label` and `path` are empty unless the outcome is `final`."""

    outcome: Outcome
    label: str = ""
    path: str = ""


def settle(votes: Sequence[Vote], *, readers: int, rule: str) -> Settled:
    """What the votes on one image come to, without an adjudicator.

    Args:
        readers: how many the protocol asks for; with fewer votes the image waits.
        rule: what is done where they differ, one of `ReadingProtocol.AdjudicationRule`.
    """
    if not votes:
        return Settled(Outcome.UNREAD)
    if len(votes) < readers:
        return Settled(Outcome.WAITING)
    counted = Counter(vote.label for vote in votes)
    if len(counted) == 1:
        return Settled(Outcome.FINAL, votes[0].label, ONE_READER if len(votes) == 1 else AGREED)
    if rule == Rule.MAJORITY:
        return _by_majority(counted, len(votes))
    if rule == Rule.SENIORITY:
        return _by_seniority(votes)
    return Settled(Outcome.DISAGREEMENT)


def _by_majority(counted: Counter[str], votes: int) -> Settled:
    """More than half, not only more than any other: two against one against one decide nothing."""
    label, most = counted.most_common(1)[0]
    if 2 * most <= votes:
        return Settled(Outcome.DISAGREEMENT)
    return Settled(Outcome.FINAL, label, f"majority {most} of {votes}")


def _by_seniority(votes: Sequence[Vote]) -> Settled:
    """The most senior reader decides; several of the same seniority do where they agree."""
    top = max(vote.seniority for vote in votes)
    labels = {vote.label for vote in votes if vote.seniority == top}
    if len(labels) > 1:
        return Settled(Outcome.DISAGREEMENT)
    return Settled(Outcome.FINAL, labels.pop(), SENIOR_READER)
