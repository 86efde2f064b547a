"""Label sets by the manifest that a training run used, for the machine reader's pages."""

from typing import Any

from classifier.selectors.label_sets import LabelSetSaid
from mriplatform.accounts.selectors import Visitor
from reviews.selectors.frozen import label_sets_of


def label_sets_with(*, user: Visitor, manifest_sha256: str, **_: Any) -> list[LabelSetSaid]:
    """The label sets with a manifest, as far as the user may see them."""
    found = label_sets_of(user).filter(manifest_sha256=manifest_sha256)
    return [LabelSetSaid(id=label_set.pk, name=str(label_set)) for label_set in found]
