"""One file as it came in, and what the intake makes of it: frames that may be stored, or the verdict that refuses."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from django.conf import settings

from classifier.intake import Decoder, Frame, IntakeRefused, Limits, TakenIn, take_in
from classifier.models import Image, Study

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True)
class UploadedPart:
    """One file as it came in. The name is used to compare its ending with the content, and then forgotten."""

    data: bytes
    filename: str = ""


@dataclass(frozen=True)
class InstanceNames:
    """Under which UIDs a DICOM instance is known here; none of them is the sender's."""

    study_uid: str = ""
    series_uid: str = ""
    instance_uid: str = ""
    sop_class_uid: str = MR_IMAGE_STORAGE


@dataclass(frozen=True)
class Verdict:
    """What became of one file; `number` counts from 1, in the order of the request.

    A file of several frames is `stored` where one of them is, else `quarantined`, else a `duplicate`; `image` is the
    first one of `images`, and `quarantined` counts the frames that wait for a reviewer of the intake.
    """

    number: int
    outcome: str  # stored | quarantined | duplicate | refused
    code: str = ""
    sentence: str = ""
    status: int = 202
    study: Study | None = None
    image: Image | None = None
    images: tuple[Image, ...] = ()
    quarantined: int = 0
    names: InstanceNames | None = None


type Decoded = Verdict | tuple[int, TakenIn]


@lru_cache(maxsize=1)
def decoder() -> Decoder:
    """The decoding child processes of this web process, started with the first upload."""
    return Decoder(seconds=settings.DECODE_SECONDS, memory_bytes=settings.DECODE_MEMORY_BYTES)


def decode_part(number: int, part: UploadedPart) -> Decoded:
    """One file as what may be stored of it, or the verdict that refuses it."""
    limits = Limits(
        max_bytes=settings.UPLOAD_MAX_IMAGE_BYTES,
        max_pixels=settings.UPLOAD_MAX_IMAGE_PIXELS,
        max_dicom_bytes=settings.UPLOAD_MAX_DICOM_BYTES,
    )
    try:
        taken = take_in(part.data, part.filename, limits, decoder(), settings.SUBJECT_KEY.encode())
        return number, replace(taken, frames=tuple(map(_light, taken.frames)))
    except IntakeRefused as refusal:
        return Verdict(
            number, "refused", code=refusal.code, sentence=refusal.sentence, status=refusal.status,
            names=_names_refused(refusal),
        )  # fmt: skip


def _light(frame: Frame) -> Frame:
    """The frame with its PNG alone: a whole study waits in memory until the last of it was looked at."""
    return replace(frame, image=replace(frame.image, pixels=np.empty((0, 0), frame.image.pixels.dtype)))


def names_of(taken: TakenIn) -> InstanceNames | None:
    """The UIDs of a DICOM instance that was taken in; None for any other file."""
    facts = taken.frames[0].facts
    if facts is None or taken.study is None:
        return None
    return InstanceNames(
        taken.study.study_uid, facts.series_uid, facts.instance_uid, facts.sop_class_uid or MR_IMAGE_STORAGE
    )


def _names_refused(refusal: IntakeRefused) -> InstanceNames | None:
    """Those of a DICOM instance that was refused after its header was read."""
    if not refusal.instance_uid:
        return None
    return InstanceNames(instance_uid=refusal.instance_uid, sop_class_uid=refusal.sop_class_uid)
