"""What the gate answers: a list of criteria, each with a sentence and its figures, and one verdict over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["pass", "fail", "insufficient"]
Answer = Literal["pass", "fail", "insufficient", "not_asked"]


@dataclass(frozen=True)
class Criterion:
    """One question of the rule, answered.

    Attributes:
        name: which question, such as `recall_glioma`.
        answer: `not_asked` where nothing was there to ask it of; that decides nothing.
        sentence: the answer for people, with its numbers.
        figures: the same as plain values.
    """

    name: str
    answer: Answer
    sentence: str
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return {"name": self.name, "answer": self.answer, "sentence": self.sentence, "figures": self.figures}


@dataclass(frozen=True)
class Judgement:
    """The gate's verdict with the criteria that it follows from, and the figures that were compared."""

    verdict: Verdict
    criteria: tuple[Criterion, ...]
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of what decided: of every criterion that answered as the verdict says; none for a pass."""
        if self.verdict == "pass":
            return ()
        return tuple(one.sentence for one in self.criteria if one.answer == self.verdict)


def conclude(criteria: Sequence[Criterion]) -> Verdict:
    """Returns `fail` where any criterion failed, else `insufficient` where any could not be answered, else `pass`."""
    answers = {one.answer for one in criteria}
    if "fail" in answers:
        return "fail"
    return "insufficient" if "insufficient" in answers or "pass" not in answers else "pass"
