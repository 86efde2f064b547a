"""Images in quarantine, as the intake puts them there: drawn slices with a name written into them."""

from itertools import count
from typing import Any
from uuid import UUID

import cv2
import numpy as np

from classifier.intake import CanonicalImage, Frame, TakenIn
from classifier.intake.taken import Box
from classifier.models import Origin, QuarantinedImage, Study
from classifier.services.quarantine import put_in_quarantine
from classifier.services.storing import Arrival
from mriplatform.accounts.models import Collection, User
from mriplatform.identifiers import uuid7
from tests.pictures import picture

NAME = "DOE^JANE 1956"
BOX = Box(2, 4, 130, 18)
"""Where `written` writes, with a little space around."""
_seeds = count(5000)


def written(seed: int = 1, *, bits: int = 8) -> np.ndarray:
    """A picture with a name in its upper left corner."""
    pixels = picture(seed)
    cv2.putText(pixels, NAME, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    return pixels if bits == 8 else pixels.astype(np.uint16) * 200


def make_quarantined(
    collection: Collection,
    uploader: User,
    *,
    seed: int = 0,
    bits: int = 8,
    group: UUID | None = None,
    study: Study | None = None,
    boxes: tuple[Box, ...] = (BOX,),
    facts: Any = None,
    position: int = 0,
    **arrival: Any,
) -> QuarantinedImage:
    """One image that waits; what it came with is in `arrival`, as `Arrival` names it."""
    image = CanonicalImage.from_pixels(written(seed or next(_seeds), bits=bits))
    frame = Frame(image, number=1, facts=facts, boxes=boxes)
    return put_in_quarantine(
        actor=uploader, collection=collection, group=group or uuid7(), study=study, frame=frame,
        taken=TakenIn((frame,), "a" * 64), position=position,
        arrival=Arrival(**{"origin": Origin.API, **arrival}),
    )  # fmt: skip
