"""What an image's DICOM said, in words for a page."""

from collections.abc import Sequence

from classifier.models import DicomFacts, Image


def dicom_facts(image: Image) -> DicomFacts | None:
    """The facts of an image that was fetched with its `dicom`; None where it did not come as DICOM."""
    found: DicomFacts | None = getattr(image, "dicom", None)
    return found


def facts_in_words(image: Image, study_images: Sequence[Image]) -> list[tuple[str, str]]:
    """Name and value of each fact that is known of an image; empty where it did not come as DICOM."""
    facts = dicom_facts(image)
    if facts is None:
        return []
    known = [
        ("Series", _series_in_words(facts, study_images)),
        ("Plane", image.get_plane_display()),
        ("Sequence", facts.get_sequence_family_display()),
        ("Slice position", "" if facts.slice_position is None else f"{facts.slice_position:.1f} mm"),
        ("Pixel spacing", _spacing_in_words(facts)),
        ("Bits stored", str(facts.bits_stored)),
        ("Frame", str(facts.frame) if facts.frame > 1 else ""),
    ]
    return [(name, value) for name, value in known if value]


def _series_in_words(facts: DicomFacts, study_images: Sequence[Image]) -> str:
    series = list(dict.fromkeys(found.series_uid for image in study_images if (found := dicom_facts(image))))
    return f"{series.index(facts.series_uid) + 1} of {len(series)}" if facts.series_uid in series else ""


def _spacing_in_words(facts: DicomFacts) -> str:
    if facts.row_spacing is None or facts.column_spacing is None:
        return ""
    return f"{facts.row_spacing:.2f} × {facts.column_spacing:.2f} mm"
