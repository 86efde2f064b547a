"""Keeps the label that an image came in with, as an archive's folder named it."""

from typing import Any

from classifier.models import Image
from mriplatform.accounts.models import User
from reviews.models import ImportedLabel
from reviews.selectors.imports import newest_imported_labels


def keep_folder_label(*, image: Image, label: str, dataset: str, actor: User, **_: Any) -> None:
    """Write down a label that came in with an image, unless the newest imported one says the same already.

    To be called in the transaction that stores the image. Pixels that were hidden or removed here get none.
    """
    locked = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    if not locked.pixels_available:
        return
    before = newest_imported_labels().filter(image=locked).first()
    if before is not None and before.label == label:
        return
    ImportedLabel.objects.create(
        image=locked, label=label, dataset=dataset, imported_by=actor, split=before.split if before else "",
        provenance={"named_by": "folder"},
    )  # fmt: skip
