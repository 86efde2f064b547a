"""Intake: from uploaded bytes to safe, canonical pixels. Knows no database; what it refuses leaves no trace."""

from classifier.intake.canonical import CanonicalImage
from classifier.intake.decoder import Decoder
from classifier.intake.limits import Limits
from classifier.intake.pseudonyms import refused_bytes_key, subject_key
from classifier.intake.refusals import IntakeRefused
from classifier.intake.taken import Box, Frame, FrameFacts, StudyFacts, TakenIn
from classifier.intake.taking import take_in
from classifier.intake.uids import replaced_uid

__all__ = [
    "Box",
    "CanonicalImage",
    "Decoder",
    "Frame",
    "FrameFacts",
    "IntakeRefused",
    "Limits",
    "StudyFacts",
    "TakenIn",
    "refused_bytes_key",
    "replaced_uid",
    "subject_key",
    "take_in",
]
