"""Where the model looked, as a secondary capture: the map in inferno over the grey picture, and what it is, below."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from ml.explanation.gradcam import overlay
from ml.labels import DISPLAY_NAMES
from ml.preprocessing import Frame
from ml.showing import to_eight_bits
from reviews.dicom.described import CAPTION, Looked, Picture, Pixels, Whose
from reviews.dicom.headers import check_pixels, close, source_item
from reviews.dicom.pictures import capture

type Levels = npt.NDArray[np.uint8]

_SERIES: Final = 900
# Narrower pictures are enlarged by a whole number, so that the words below can be read.
_LEAST_WIDTH: Final = 256
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_SCALE, _LINE, _MARGIN = 0.4, 15, 6


def map_file(whose: Whose, picture: Picture, pixels: Pixels, looked: Looked) -> bytes:
    """The picture with the map over it, enlarged by a whole number if it is narrow, and the caption in a strip below.

    The caption stands in the header too (Image Comments).

    Raises:
        DicomError: the pixels are not the picture's.
    """
    check_pixels(picture, pixels)
    enlarged = -(-_LEAST_WIDTH // picture.width)
    grey = cv2.resize(
        to_eight_bits(pixels, picture.window), None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_NEAREST
    )
    frame = Frame(*(enlarged * value for value in looked.frame))
    shown = overlay(np.asarray(grey, np.uint8), looked.cam, frame)
    about = f"Grad-CAM of {DISPLAY_NAMES[looked.label].lower()}, version {looked.version}"
    file = capture(
        whose, picture, np.vstack([shown, _strip(shown.shape[1], (CAPTION, about))]),
        series_uid=looked.series_uid, instance_uid=looked.instance_uid, series_number=_SERIES,
        series="Where the model looked", enlarged=enlarged,
    )  # fmt: skip
    file.ImageComments = CAPTION
    file.DerivationDescription = f"{about}, in inferno over the image"
    file.SourceImageSequence = [source_item(picture)]
    return close(file, whose, looked.at)


def _strip(width: int, sentences: tuple[str, ...]) -> Levels:
    """White words on black, as wide as the picture."""
    lines = [line for sentence in sentences for line in _wrapped(sentence, width - 2 * _MARGIN)]
    strip = np.zeros((_LINE * len(lines) + 2 * _MARGIN, width), np.uint8)
    for number, line in enumerate(lines, start=1):
        place = (_MARGIN, _MARGIN + _LINE * number - 4)
        cv2.putText(strip, line, place, _FONT, _SCALE, 255, 1, cv2.LINE_AA)
    return np.repeat(strip[..., np.newaxis], 3, axis=2)


def _wrapped(sentence: str, width: int) -> list[str]:
    lines = [""]
    for word in sentence.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, _FONT, _SCALE, 1)[0][0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
