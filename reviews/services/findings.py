"""What a reader may say beside the label: how good the image is, where the finding lies, and how long it took them."""

from collections.abc import Mapping
from typing import Any, Final

from ml.labels import DISPLAY_NAMES
from reviews.exceptions import ReviewRefused
from reviews.models import Location, ReviewEvent

Quality = ReviewEvent.Quality
POINT: Final = "point"
SHAPES: Final = ("box", "ellipse", POINT)
# Shares of the image are kept to this many digits, finer than a pixel; a border may stick out by their rounding.
DIGITS: Final = 4
_ROUNDING: Final = 2 * 10**-DIGITS
_REGION_FIELDS: Final = ("shape", "x", "y", "width", "height")
# What the column holds: 24 days.
_LONGEST_MS: Final = 2**31 - 1

# What is said of an image without a finding: nothing lies anywhere.
WITHOUT_FINDING: Final = frozenset({"notumor", ReviewEvent.Verdict.NOT_ASSESSABLE.value})

type Region = dict[str, Any]


def ensure_finding(said: str, location: str, region: Region | None) -> None:
    """Refuse to say where a finding lies that is not there.

    Args:
        said: a class or `not_assessable`.

    Raises:
        ReviewRefused: 422, a location or region beside a label that says there is no finding, or that none is seen.
    """
    if said in WITHOUT_FINDING and (location or region):
        name = DISPLAY_NAMES.get(said, ReviewEvent.Verdict.NOT_ASSESSABLE.label)
        raise ReviewRefused(
            f"“{name}” has neither a location nor a region. Leave them out, or say what it is that lies there.",
            code="finding_not_expected",
        )


def known_quality(quality: str) -> str:
    """The reader's judgement of the image; empty where they say nothing.

    Raises:
        ReviewRefused: 400, none of the list.
    """
    if quality and quality not in Quality.values:
        raise _malformed(f"The image quality is none of {', '.join(Quality.values)}.", "unknown_quality")
    return quality


def known_location(location: str) -> str:
    """Where in the brain the finding lies; empty where the reader says nothing.

    Raises:
        ReviewRefused: 400, none of the list.
    """
    if location and location not in Location.values:
        raise _malformed(f"The location is none of {', '.join(Location.values)}.", "unknown_location")
    return location


def clean_region(region: object) -> Region | None:
    """A region as `ReviewEvent` keeps it, its numbers rounded; None where nothing is marked.

    Args:
        region: `{"shape", "x", "y", "width", "height"}` in shares of the image's width and height, x and y the
            centre; a point has no size, or none but 0.

    Raises:
        ReviewRefused: 400, an unknown shape or field, a number that is none or outside the image, a box or an
            ellipse without a size, a point with one.
    """
    if region is None:
        return None
    if not isinstance(region, Mapping) or set(region) - set(_REGION_FIELDS):
        raise _no_region(f"A region has {', '.join(_REGION_FIELDS)}, and nothing else.")
    shape = region.get("shape")
    if shape not in SHAPES:
        raise _no_region(f"The region's shape is none of {', '.join(SHAPES)}.")
    x, y, width, height = (_share(region, name, shape) for name in _REGION_FIELDS[1:])
    if shape == POINT and (width or height):
        raise _no_region("A point has no size: leave width and height out.")
    if shape != POINT and not (width and height):
        raise _no_region(f"Give the {shape} a width and a height above 0.")
    for centre, size in ((x, width), (y, height)):
        if centre - size / 2 < -_ROUNDING or centre + size / 2 > 1 + _ROUNDING:
            raise _no_region("The region sticks out of the image. x and y are its centre.")
    return {"shape": shape, "x": x, "y": y, "width": width, "height": height}


def known_active_ms(active_ms: int | None) -> int | None:
    """How long the reader worked on a step, as their client measured it; None where nobody did.

    Raises:
        ReviewRefused: 400, no whole number, or one below 0.
    """
    if active_ms is None:
        return None
    if not isinstance(active_ms, int) or isinstance(active_ms, bool) or active_ms < 0:
        raise _malformed("The active time is a whole number of milliseconds.", "unknown_active_ms")
    return min(active_ms, _LONGEST_MS)


def _share(region: Mapping[str, Any], name: str, shape: str) -> float:
    value = region.get(name, 0 if shape == POINT and name in ("width", "height") else None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_region(f"The region's {name} is missing or no number.")
    if not 0 <= value <= 1:  # nor is NaN
        raise _no_region(f"The region's {name} is a share of the image, from 0 to 1.")
    return round(float(value), DIGITS)


def _no_region(sentence: str) -> ReviewRefused:
    return _malformed(sentence, "malformed_region")


def _malformed(sentence: str, code: str) -> ReviewRefused:
    return ReviewRefused(sentence, code=code, status=400)
