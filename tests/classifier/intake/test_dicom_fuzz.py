"""Spoilt DICOM files in every transfer syntax: taken in or refused with a sentence, nothing else."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from classifier.intake import Decoder, IntakeRefused, Limits, take_in
from classifier.intake.refusals import STATUS
from tests.classifier.intake.dicom_files import TAKEN, as_file, mr
from tests.classifier.intake.doors import KEY

ORIGINALS = [
    as_file(
        mr(seed, bits=8 if word == "jpeg-baseline" else 12, frames=1 + seed % 2, rows=32, columns=40), syntax
    )
    for seed, (word, syntax) in enumerate(TAKEN.items(), start=420)
]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A sound file with bytes changed, cut out or put in, in its header or anywhere."""
    data = bytearray(draw(st.sampled_from(ORIGINALS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(132, draw(st.sampled_from([1200, len(data) - 1]))))
        match draw(st.sampled_from(["change", "cut", "insert"])):
            case "change":
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "cut":
                del data[at : at + draw(st.integers(1, 100))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=12))
    return bytes(data)


@settings(
    max_examples=100, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=spoilt())
def test_spoilt_files(limits: Limits, decoder: Decoder, data: bytes) -> None:
    refused = None
    try:
        taken = take_in(data, None, limits, decoder, KEY)
    except IntakeRefused as refusal:
        refused = refusal
    if refused is None:
        assert all(
            frame.image.pixels.shape == (frame.image.height, frame.image.width) for frame in taken.frames
        )
    else:
        assert refused.status == STATUS[refused.code]
        assert refused.code not in ("decoder_failed", "decoder_busy", "too_slow", "too_much_memory")
        assert refused.sentence.endswith(".")
