"""Final labels of images. The human reader's side knows them; nothing here imports it, so it is asked by a signal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.dispatch import Signal

from classifier.models import Study
from classifier.selectors.words import ANSWER_NAMES
from mriplatform.accounts.selectors import Visitor

# Sent with `user` and `studies`; whoever knows answers with a dictionary of `FinalSaid` by image, as far as the user
# may see them.
final_labels_asked = Signal()


@dataclass(frozen=True)
class FinalSaid:
    """The label that counts for an image, for somebody who may see it.

    Attributes:
        label: one of `ml.labels.CLASSES`, or `not_assessable`.
        path: how it came about, such as "agreed", "majority 2 of 3" or "adjudicated".
        at: since when it is final so.
        changed_since: whether a reader said something after an adjudicator's decision, which stands all the same.
    """

    label: str
    path: str
    at: datetime
    changed_since: bool

    @property
    def name(self) -> str:
        return ANSWER_NAMES[self.label]


def final_labels(user: Visitor, studies: Sequence[Study]) -> dict[UUID, FinalSaid]:
    """The final labels in these studies, by image, as far as the user may see them."""
    told: dict[UUID, FinalSaid] = {}
    answers: list[tuple[Any, Any]] = final_labels_asked.send(sender=Study, user=user, studies=studies)
    for _, answer in answers:
        told |= answer
    return told
