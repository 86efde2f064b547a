"""What a decoder's child is asked for; importable without what the child needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from classifier.intake.limits import Limits


@dataclass(frozen=True, slots=True)
class DicomRequest:
    """One DICOM file, and the first of its frames (from 0) that is wanted."""

    data: bytes = field(repr=False)
    limits: Limits
    first: int = 0
