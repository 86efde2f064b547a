"""Under which UIDs an image is known outside: what a sender relinks results by."""

from typing import Final, TypedDict

from classifier.models import Image

IDENTIFIERS: Final = ("study_uid", "series_uid", "instance_uid", "frame")


class Identifiers(TypedDict):
    """The replacements of a DICOM image's own UIDs, and which frame of its instance it is, from 1.

    The UIDs are empty and the frame None where the image did not come as DICOM.
    """

    study_uid: str
    series_uid: str
    instance_uid: str
    frame: int | None


def identifiers_of(image: Image) -> Identifiers:
    """The identifiers of an image whose `study` and `dicom` were fetched with it."""
    facts = getattr(image, "dicom", None)  # there is no row where it did not come as DICOM
    return {
        "study_uid": image.study.study_uid if facts else "",
        "series_uid": facts.series_uid if facts else "",
        "instance_uid": facts.instance_uid if facts else "",
        "frame": facts.frame if facts else None,
    }
