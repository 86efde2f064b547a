"""What a token may do of what its user may: a few words that a person understands when they make one."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    READ = "read"
    UPLOAD = "upload"
    REVIEW = "review"
    LABEL = "label"
    TRAIN = "train"
    PROMOTE = "promote"
    MANAGE = "manage"


MEANINGS: Final[dict[Scope, str]] = {
    Scope.READ: "look at everything that you may look at",
    Scope.UPLOAD: "send images and archives in, hide an image that contains identity",
    Scope.REVIEW: "read images, decide where readers disagree, look through the quarantine",
    Scope.LABEL: "set protocols and policies, import labels, freeze and correct label sets",
    Scope.TRAIN: "start trainings and comparisons, ask versions, propose them",
    Scope.PROMOTE: "put versions in force and take them back, write the gate's rule",
    Scope.MANAGE: "collections, members, tokens, webhooks, and removing studies for good",
}
CHOICES: Final = [(scope.value, f"{scope.value}: {meaning}") for scope, meaning in MEANINGS.items()]


def ordered(scopes: Iterable[str]) -> list[str]:
    """The scopes, each once, in the order of the table.

    Raises:
        ValueError: one is none of ours.
    """
    asked = {Scope(scope) for scope in scopes}
    return [scope.value for scope in Scope if scope in asked]


def reaches(scopes: Collection[str], scope: str) -> bool:
    """Whether a token with these scopes has that one; without any it has all."""
    return not scopes or scope in scopes
