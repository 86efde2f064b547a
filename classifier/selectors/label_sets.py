"""Label sets that a version was trained on. The human reader's side keeps them; it is asked by a signal."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.dispatch import Signal

from classifier.models import ModelVersion
from mriplatform.accounts.selectors import Visitor

# Sent with `user` and `manifest_sha256`; whoever knows answers with a list of `LabelSetSaid`, as far as the user may
# see them.
label_sets_asked = Signal()


@dataclass(frozen=True)
class LabelSetSaid:
    """A label set, for somebody who may see it."""

    id: UUID
    name: str


def label_sets_behind(user: Visitor, version: ModelVersion) -> list[LabelSetSaid]:
    """The label sets whose manifest a version's training run used, as far as the user may see them."""
    run = version.training_run
    if run is None:
        return []
    answers: list[tuple[Any, Any]] = label_sets_asked.send(
        sender=ModelVersion, user=user, manifest_sha256=run.manifest_sha256
    )
    return [said for _, answer in answers for said in answer]
