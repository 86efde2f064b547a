"""Receipts: which file became what, for the one who sent it and knows what it was called there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q

from classifier.models import QuarantinedImage, ReceiptLine, Study
from classifier.selectors.quarantine import waiting_of_study

# PS3.16 CID 7050: somebody looked at the pixels and took out what named anybody, or found that nothing does.
CLEAN_PIXEL_DATA: Final = "113101"
_LET_OUT: Final = (QuarantinedImage.Status.RELEASED, QuarantinedImage.Status.MASKED)

OUTCOME_WORDS: Final = {
    "stored": "stored",
    "duplicate": "here already",
    "quarantined": "in quarantine",
    "released": "released from quarantine",
    "masked": "masked, then stored",
    "rejected": "rejected by a reviewer of the intake",
}


@dataclass(frozen=True)
class ReceiptEntry:
    """One frame of a file that was sent.

    Attributes:
        file_sha256: of the file as it was sent; the sender finds it by that.
        study_uid, series_uid, instance_uid: under which the frame is known here.
        frame: its number within the instance, from 1.
        outcome: `stored`, `duplicate`, `quarantined`, `released`, `masked` or `rejected`, as it is now.
        image: what it became; None as long as, or because, it became none.
        profile: codes of PS3.16 CID 7050: how identity was removed.
    """

    file_sha256: str
    study_uid: str
    series_uid: str
    instance_uid: str
    frame: int
    outcome: str
    image: UUID | None
    profile: Sequence[str]
    received_at: datetime

    @property
    def outcome_words(self) -> str:
        return OUTCOME_WORDS[self.outcome]

    @property
    def image_name(self) -> str:
        """The image's last eight digits, as pages name it."""
        return self.image.hex[-8:] if self.image else ""


def receipt_of(study: Study) -> list[ReceiptEntry]:
    """What became of each frame that was sent for a study, in the order in which they came; empty without DICOM."""
    if not study.study_uid:
        return []
    written = ReceiptLine.objects.filter(Q(study=study) | _told_here(study), study_uid=study.study_uid)
    return [_entry(line) for line in written.select_related("quarantined").order_by("id")]


def waiting_in_quarantine(study: Study) -> int:
    """How many images of a study wait for a reviewer of the intake; nothing else of them is told here."""
    return waiting_of_study(study).count()


def _known_elsewhere(study: Study) -> Q:
    """Lines of what came before there was a study, and whose pixels another study of the collection had already."""
    if not study.study_uid:
        return Q(pk=None)
    found = Q(study_uid=study.study_uid, image__collection=study.collection_id)
    if study.subject_key:
        found &= Q(subject_key__in=["", study.subject_key])
    return found & ~Q(study__study_uid=study.study_uid)


def _told_here(study: Study) -> Q:
    """Lines of its UID that were written to no study of that UID: of what was kept apart, or known already, before
    there was one. Where that was let out it is told by the study that it came to."""
    here = Q(image__collection=study.collection_id) | Q(quarantined__collection=study.collection_id)
    let_out_elsewhere = Q(quarantined__image__study__study_uid=study.study_uid) & ~Q(
        quarantined__image__study=study
    )
    found = here & ~Q(study__study_uid=study.study_uid) & ~let_out_elsewhere
    if study.subject_key:
        # Whatever a header says, two people are not one study. Older lines say of what was kept apart only.
        same = ["", study.subject_key]
        found &= Q(subject_key__in=same)
        found &= Q(quarantined=None) | Q(quarantined__arrival__subject_key__in=same)
    return found


def _entry(line: ReceiptLine) -> ReceiptEntry:
    kept_apart = line.quarantined
    outcome, image, profile = line.outcome, line.image_id, list(line.profile)
    if kept_apart is not None and kept_apart.status != QuarantinedImage.Status.WAITING:
        outcome, image = kept_apart.status, kept_apart.image_id
        if kept_apart.status in _LET_OUT:
            profile.append(CLEAN_PIXEL_DATA)
    return ReceiptEntry(
        line.file_sha256, line.study_uid, line.series_uid, line.instance_uid, line.frame, outcome, image, profile,
        line.received_at,
    )  # fmt: skip
