"""What the sender of DICOM gets to find it again: which file became what, under which new UIDs."""

from classifier.intake import Frame, TakenIn
from classifier.models import Image, QuarantinedImage, ReceiptLine, Study


def write_receipt_line(
    *, study: Study | None, subject_key: str, taken: TakenIn, frame: Frame, outcome: str,
    image: Image | None = None, quarantined: QuarantinedImage | None = None,
) -> None:  # fmt: skip
    """Write down what became of a DICOM frame, once: the same file sent again is in the receipt already.

    Where no study is given, it is told in the receipt of the one of this subject that gets its UID.

    To be called in the transaction that stores it. What is no DICOM has no identifiers to find again, and no receipt.
    """
    if frame.facts is None or taken.study is None:
        return
    names = {
        "file_sha256": taken.file_sha256,
        "study_uid": taken.study.study_uid,
        "series_uid": frame.facts.series_uid,
        "instance_uid": frame.facts.instance_uid,
        "frame": frame.number,
    }
    # Not by study: what was sent before its study was there is told in that one's receipt too.
    if ReceiptLine.objects.filter(**names, image=image, quarantined=quarantined).exists():
        return
    ReceiptLine.objects.create(
        **names,
        study=study,
        subject_key=subject_key,
        image=image,
        quarantined=quarantined,
        outcome=outcome,
        profile=list(taken.study.profile),
    )
