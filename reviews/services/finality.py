"""Tells the machine reader's side when a study has become final: the last word on its images is spoken."""

from uuid import UUID

from classifier.models import Image, Study
from classifier.services.studies import set_finality
from reviews.selectors import standings


def refresh_finality(study_id: UUID) -> None:
    """Set or take back a study's finality: it is final once each image whose pixels may be seen has its final label.

    To be called inside the transaction that changed what was said. The study's row is locked first, so that of
    two readers who finish its last two images at once the second sees what the first said.
    """
    study = Study.objects.select_for_update(no_key=True).get(pk=study_id)
    images = Image.objects.filter(study=study, hidden_at=None).exclude(pixels="")
    found = standings(images)
    final = bool(found) and all(standing.final is not None for standing in found.values())
    set_finality(study=study, final=final)
