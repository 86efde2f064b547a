"""Refusals that only DICOM meets: each sentence says what to do, none quotes the file."""

from __future__ import annotations

from typing import Final

from classifier.intake.refusals import ENDS_TOO_EARLY, IntakeRefused

TOO_EARLY: Final = ENDS_TOO_EARLY
UNSOUND: Final = "its parts are not those of a data set"
TOO_MANY: Final = "it is cut into too many parts"
OTHER_CODING: Final = "its pixels are not in the coding that it states"


def broken(how: str) -> IntakeRefused:
    """Returns the refusal of a file whose structure or values are unsound; `how` completes "(…)"."""
    if how == TOO_EARLY:
        return IntakeRefused(
            "damaged_dicom", "The DICOM file has no image. It ends too early; send it again."
        )
    return IntakeRefused("damaged_dicom", f"The DICOM file is damaged ({how}).")


def no_image() -> IntakeRefused:
    """Returns the refusal of a file without pixels."""
    return IntakeRefused("no_image", "The DICOM file has no image.")


def not_mr() -> IntakeRefused:
    """Returns the refusal of everything that is no MR image."""
    return IntakeRefused("not_mr", "Only MR images.")


def unsupported_syntax(what: str) -> IntakeRefused:
    """Returns the refusal of a transfer syntax that is not on the list; `what` says which."""
    return IntakeRefused(
        "unsupported_transfer_syntax",
        f"The DICOM file is {what}; send it uncompressed in little endian, or with RLE, JPEG, JPEG-LS or JPEG 2000.",
    )


def unsupported(what: str) -> IntakeRefused:
    """Returns the refusal of an image that is sound, but would have to be guessed at."""
    return IntakeRefused(
        "unsupported_encoding", f"The DICOM image {what}; send it as greyscale of 8 to 16 bits."
    )
