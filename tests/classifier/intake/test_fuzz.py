"""Spoilt files: taken in or refused with a sentence, nothing else."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, given, settings

from classifier.intake import Decoder, IntakeRefused, Limits
from classifier.intake.exif import read_orientation
from classifier.intake.refusals import STATUS
from classifier.intake.sniffing import sniff
from tests.classifier.intake.cases import chunk, encode, exif, jpeg, picture, with_chunk, with_segment
from tests.classifier.intake.doors import canonicalise

ORIGINALS = [
    encode(picture()),
    with_chunk(encode(np.dstack([picture()] * 3)), chunk(b"eXIf", exif(6)) + chunk(b"zTXt", b"a\0\0x")),
    jpeg(),
    with_segment(jpeg(progressive=True), 0xE1, b"Exif\0\0" + exif(8)),
]
FEW = settings(
    max_examples=150, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A sound file with bytes changed, cut out or put in."""
    data = bytearray(draw(st.sampled_from(ORIGINALS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["change", "cut", "insert"])):
            case "change":
                data[at] = draw(st.integers(0, 255))
            case "cut":
                del data[at : at + draw(st.integers(1, 200))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=20))
        data = data or bytearray(b"\xff")
    return bytes(data)


@FEW
@given(data=spoilt())
def test_spoilt_files(limits: Limits, decoder: Decoder, data: bytes) -> None:
    refused = None
    try:
        image = canonicalise(data, None, limits, decoder)
    except IntakeRefused as refusal:
        refused = refusal
    if refused is None:
        assert image.pixels.shape == (image.height, image.width)
    else:
        assert refused.status == STATUS[refused.code]
        assert refused.code not in ("decoder_failed", "decoder_busy", "too_slow", "too_much_memory")
        assert refused.sentence.endswith(".")


@FEW
@given(data=st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    sniff(data)
    assert 1 <= read_orientation(b"II*\0" + data) <= 8
    assert 1 <= read_orientation(b"MM\0*" + data) <= 8
