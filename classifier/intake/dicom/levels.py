"""From stored bits to canonical levels: unsigned, more is brighter, nothing lost, and the window in the same levels.

The rescale of an MR image is a straight line, so the stored levels keep every difference; it decides which way is up,
and how the window, given in rescaled values, reads in canonical ones.

Sources: DICOM PS3.5 section 8.1.1 (bits), PS3.3 C.7.6.3.1.2 (MONOCHROME1), C.11.1 (rescale), C.11.2 (window).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.elements import Kept, Pixels
from classifier.intake.dicom.header import Header
from classifier.intake.dicom.refusing import broken
from classifier.intake.dicom.values import decimal, first_item, numbers, short, word
from classifier.intake.rasters import Grey

type Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rescale:
    """A straight line from stored levels to the values that the sender means."""

    slope: float
    intercept: float


def canonical_levels(
    samples: npt.NDArray[Any], header: Header, rescale: Rescale, window: Window | None
) -> tuple[Grey, Window | None]:
    """Returns (H, W) of uint8 (up to 8 stored bits) or uint16, and the window in these levels.

    Signed levels below zero lift the whole frame until the least of them is 0.

    Args:
        samples: (H, W), as they are stored or as a codec gives them.
        window: centre and width in rescaled values.
    """
    levels = _significant_bits(samples, header)
    padding = _padding(levels, header)
    real = levels if padding is None else levels[~padding]
    base = min(0, int(real.min())) if real.size else 0
    top = (2 ** (header.stored - 1) if header.signed else 2**header.stored) - 1 - base
    inverted = header.inverted != (rescale.slope < 0)
    raised = levels - base
    raised = top - raised if inverted else raised
    if padding is not None:
        raised[padding] = 0
    shown = None if window is None else _canonical_window(window, rescale, base, top if inverted else None)
    return (raised.astype(np.uint8) if header.stored <= 8 else raised.astype(np.uint16)), shown


def read_rescale(*places: Kept) -> Rescale:
    """Returns the rescale of the first place that gives one; none at all changes nothing.

    Raises:
        IntakeRefused: `damaged_dicom`, where its slope is 0 or one of the two is no number.
    """
    for place in places:
        if tags.SLOPE in place or tags.INTERCEPT in place:
            slope = decimal(place, tags.SLOPE) if word(place, tags.SLOPE) else 1.0
            intercept = decimal(place, tags.INTERCEPT) if word(place, tags.INTERCEPT) else 0.0
            if not slope or intercept is None:
                raise broken("its rescale has a slope of 0, or is no number")
            return Rescale(slope, intercept)
    return Rescale(1.0, 0.0)


def read_window(*places: Kept) -> Window | None:
    """Returns centre and width of the first window of the first place that gives a usable one.

    A window is used as `LINEAR_EXACT`: centre ± half the width; `LINEAR`, which is half a level off, is converted. Of
    `SIGMOID` centre and width are used. A table of levels without a window counts as the window of its inputs.
    """
    for place in places:
        centres, widths = numbers(place, tags.CENTRE), numbers(place, tags.WIDTH)
        if not centres or not widths:
            continue
        centre, width = centres[0], widths[0]
        if word(place, tags.VOI_FUNCTION) in ("", "LINEAR"):
            centre, width = centre - 0.5, width - 1
        if width > 0:
            return centre, width
    return next((found for place in places if (found := _table_window(place))), None)


def _table_window(place: Kept) -> Window | None:
    descriptor = first_item(place, tags.VOI_TABLE).get(tags.TABLE_DESCRIPTOR)
    if not isinstance(descriptor, bytes) or len(descriptor) != 6:
        return None
    count = int.from_bytes(descriptor[:2], "little") or 2**16
    signed = bool(short(place, tags.SIGNED))
    first = int.from_bytes(descriptor[2:4], "little", signed=signed)
    return (first + (count - 1) / 2, float(count - 1)) if count > 1 else None


def _canonical_window(window: Window, rescale: Rescale, base: int, top: int | None) -> Window | None:
    centre = (window[0] - rescale.intercept) / rescale.slope - base
    width = window[1] / abs(rescale.slope)
    centre = centre if top is None else top - centre
    usable = math.isfinite(centre) and math.isfinite(width) and width > 0
    return (centre, width) if usable and abs(centre) < 1e9 and width < 1e9 else None


def _significant_bits(samples: npt.NDArray[Any], header: Header) -> npt.NDArray[np.int32]:
    """The stored levels; what else was written into unused bits, as overlays once were, is gone."""
    shift = header.high_bit + 1 - header.stored
    levels: npt.NDArray[np.int32] = samples.astype(np.int32)
    levels = levels >> shift & (1 << header.stored) - 1
    if header.signed:
        half = 1 << header.stored - 1
        levels = (levels ^ half) - half
    return levels


def _padding(levels: npt.NDArray[np.int32], header: Header) -> npt.NDArray[np.bool_] | None:
    padding = short(header.kept, tags.PADDING, signed=header.signed)
    if padding is None:
        return None
    found = levels == padding
    return found if found.any() and not found.all() else None


def native_frame(pixels: Pixels, header: Header, index: int) -> npt.NDArray[Any]:
    """Returns a frame that is written plainly, (H, W) in the bits that were allocated.

    Raises:
        IntakeRefused: `damaged_dicom`, where the pixels end before it does.
    """
    count = header.rows * header.columns
    kind = np.dtype("u1" if header.allocated == 8 else "<u2")
    start = index * count * kind.itemsize
    stretch = pixels.fragments[0][start : start + count * kind.itemsize]
    return np.frombuffer(stretch, kind).reshape(header.rows, header.columns)
