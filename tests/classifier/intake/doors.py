"""The intake's door, as the tests of single pictures go through it."""

from __future__ import annotations

from classifier.intake import CanonicalImage, Decoder, Limits, take_in

KEY = b"only-for-tests-0123456789abcdef"


def canonicalise(data: bytes, filename: str | None, limits: Limits, decoder: Decoder) -> CanonicalImage:
    """The only image of a file."""
    (frame,) = take_in(data, filename, limits, decoder, KEY).frames
    return frame.image
