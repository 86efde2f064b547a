"""What a reader can choose from, with keys: built from the reading's state and what was entered before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml.labels import CLASSES
from reviews.models import ReviewEvent
from reviews.selectors.labels import spoken_label
from reviews.selectors.state import ReadingState
from reviews.views.wording import (
    CONFIDENCE_KEYS,
    LABEL_KEYS,
    NAMES,
    NOT_ASSESSABLE,
    REASON_KEYS,
    WITHDRAWAL_KEYS,
    in_sentence,
)


@dataclass(frozen=True)
class Choice:
    """One thing to choose.

    Attributes:
        keys: those that choose it, separated by blanks; `cap` is the one that is shown.
        reason: whether choosing it asks for a reason.
    """

    value: str
    words: str
    keys: str
    chosen: bool = False
    reason: bool = False

    @property
    def cap(self) -> str:
        return self.keys.split(" ")[0].upper()


@dataclass(frozen=True)
class VerdictChoices:
    """How a reading can end: keep what stands, change to the one answer opposed to it, or say something else.

    Attributes:
        keep: the reader's own first read, or, in an assisted reading, the machine's answer; None where that is
            `not_assessable`, which has a choice of its own.
        change: the machine's answer where it differs from the first read; None where both agree.
        others: the remaining classes.
        not_assessable: None where `change` is that.
    """

    keep: Choice | None
    change: Choice | None
    others: list[Choice]
    not_assessable: Choice | None
    reasons: list[Choice]

    @property
    def opens_others(self) -> bool:
        """Whether an answer from the others was chosen before, so that they are shown opened."""
        return any(choice.chosen for choice in self.others)


def first_read_choices(entered: Mapping[str, Any]) -> list[Choice]:
    return [_plain(name, entered) for name in CLASSES]


def not_assessable(entered: Mapping[str, Any]) -> Choice:
    return _plain(NOT_ASSESSABLE, entered)


def confidence_choices(entered: Mapping[str, Any]) -> list[Choice]:
    chosen = str(entered.get("confidence") or "")
    return [
        Choice(str(value), value.label, CONFIDENCE_KEYS[value], chosen == str(value))
        for value in ReviewEvent.Confidence
    ]


def verdict_choices(state: ReadingState, machine_answer: str, entered: Mapping[str, Any]) -> VerdictChoices:
    """The choices of a verdict.

    Args:
        state: a reading at its verdict.
        machine_answer: a class or `not_assessable`; empty where the reader never learns it.
    """
    own = spoken_label(state.first_read) if state.first_read else ""
    judged = machine_answer or own
    keeps = own or machine_answer
    differs = bool(machine_answer) and machine_answer != keeps
    verb = "Keep" if own else "Confirm"

    def choice(name: str, words: str, *keys: str) -> Choice:
        changes, follows = bool(own) and name != own, name == judged
        asks = changes and follows if name == NOT_ASSESSABLE else changes or not follows
        chosen = entered.get("label") == name
        return Choice(name, words, " ".join((*keys, LABEL_KEYS[name])), chosen, asks)

    kept = {keeps} | ({machine_answer} if differs else set())
    none_of_them = choice(
        NOT_ASSESSABLE,
        f"{verb} not assessable" if keeps == NOT_ASSESSABLE else NAMES[NOT_ASSESSABLE],
        *(["a"] if keeps == NOT_ASSESSABLE else []),
    )
    return VerdictChoices(
        keep=None if keeps == NOT_ASSESSABLE else choice(keeps, f"{verb} {in_sentence(keeps)}", "a"),
        change=choice(machine_answer, f"Change to {in_sentence(machine_answer)}", "c") if differs else None,
        others=[choice(name, NAMES[name]) for name in CLASSES if name not in kept],
        not_assessable=None if differs and machine_answer == NOT_ASSESSABLE else none_of_them,
        reasons=reason_choices(entered),
    )


def amendment_choices(entered: Mapping[str, Any]) -> list[Choice]:
    return [_plain(name, entered) for name in (*CLASSES, NOT_ASSESSABLE)]


def reason_choices(entered: Mapping[str, Any]) -> list[Choice]:
    return [
        Choice(reason.value, reason.label, key, entered.get("reason") == reason.value)
        for reason, key in REASON_KEYS.items()
    ]


def withdrawal_choices(entered: Mapping[str, Any]) -> list[Choice]:
    return [
        Choice(reason.value, reason.label, key, entered.get("reason") == reason.value)
        for reason, key in WITHDRAWAL_KEYS.items()
    ]


def verdict_on(state: ReadingState, machine_answer: str, answer: str) -> dict[str, str]:
    """The verdict that an answer amounts to: about the machine's answer, or about the reader's own first read."""
    if answer == NOT_ASSESSABLE:
        return {"verdict": NOT_ASSESSABLE, "label": ""}
    judged = machine_answer or (spoken_label(state.first_read) if state.first_read else "")
    verdict = ReviewEvent.Verdict.CONFIRM if answer == judged else ReviewEvent.Verdict.CORRECT
    return {"verdict": verdict.value, "label": answer}


def _plain(name: str, entered: Mapping[str, Any]) -> Choice:
    return Choice(name, NAMES[name], LABEL_KEYS[name], entered.get("label") == name)
