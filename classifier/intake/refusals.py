"""What the intake says no to: each refusal has a stable code, a status and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from classifier.exceptions import UploadRefused

STATUS: Final = {
    "empty_file": 400,
    "pseudonym_too_long": 400,
    "file_too_large": 413,
    "wrong_type": 415,
    "type_mismatch": 415,
    "unsupported_transfer_syntax": 415,
    "not_single_image": 422,
    "too_many_pixels": 422,
    "too_small": 422,
    "too_large_side": 422,
    "unsupported_encoding": 422,
    "damaged_dicom": 422,
    "not_mr": 422,
    "no_image": 422,
    "too_many_frames": 422,
    "unsafe_preamble": 422,
    "damaged_image": 422,
    "bomb": 422,
    "too_much_memory": 422,
    "too_slow": 422,
    "decoder_failed": 422,
    "decoder_busy": 503,
    "decoder_down": 503,
}
"""HTTP status of every code. Codes are part of the API: add, never rename."""

ENDS_TOO_EARLY: Final = "it ends too early"
WRONG_ORDER: Final = "its parts are in the wrong order"
BAD_CHECKSUM: Final = "a checksum does not match"
UNREADABLE: Final = "its pixels cannot be read"


class IntakeRefused(UploadRefused):
    """Bytes that are not taken in; nothing of them is kept.

    Attributes:
        code: one of `STATUS`, stable.
        status: the HTTP status that belongs to the code.
        sentence: for people; says what happened and what to do. Never quotes the file or its name.
        instance_uid: keyed replacement of a DICOM instance's UID, where its header was read; else empty.
        sop_class_uid: a class of the DICOM standard, where the header was read; else empty.
        told: what a decoder's child read of the header before it refused; `stacks` hashes and forgets it.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence, code=code, status=STATUS[code])
        self.instance_uid = ""
        self.sop_class_uid = ""
        self.told: Mapping[str, object] = {}

    @classmethod
    def damaged(cls, how: str) -> IntakeRefused:
        """Returns the refusal of an image whose bytes are broken; `how` completes "(…)"."""
        return cls("damaged_image", f"The image is damaged ({how}).")

    @classmethod
    def undecodable(cls) -> IntakeRefused:
        """Returns the refusal of an image on which its decoder died, or of which it told nonsense."""
        return cls("decoder_failed", "The image could not be decoded; save it again as PNG or JPEG.")

    @classmethod
    def several_images(cls) -> IntakeRefused:
        """Returns the refusal of animations and of files that hold more than one picture."""
        return cls(
            "not_single_image",
            "Only single images are accepted. Save the image that you mean as its own file.",
        )
