"""Intake: from uploaded bytes to safe, canonical pixels. Knows no database; what it refuses leaves no trace."""

from classifier.intake.canonical import CanonicalImage, canonicalise
from classifier.intake.decoder import Decoder
from classifier.intake.limits import Limits
from classifier.intake.pseudonyms import refused_bytes_key, subject_key
from classifier.intake.refusals import IntakeRefused

__all__ = [
    "CanonicalImage",
    "Decoder",
    "IntakeRefused",
    "Limits",
    "canonicalise",
    "refused_bytes_key",
    "subject_key",
]
