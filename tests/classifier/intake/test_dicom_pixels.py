"""Pixels of DICOM: out of every transfer syntax, every kind of level, upright in brightness, frame by frame."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from classifier.intake import Decoder, IntakeRefused, Limits, TakenIn, take_in
from classifier.intake.dicom import reading
from classifier.intake.dicom.requests import DicomRequest
from tests.classifier.intake.dicom_files import (
    ENHANCED_MR_STORAGE,
    EXACT,
    TAKEN,
    _compressed,
    as_file,
    mr,
    slices,
    written,
)
from tests.classifier.intake.doors import KEY


@pytest.fixture
def real(real_data: Path) -> Path:
    return real_data / "dicom"


@pytest.fixture
def take(limits: Limits, decoder: Decoder):
    return lambda data: take_in(data, "scan.dcm", limits, decoder, KEY)


def expected(seed: int, bits: int, *, signed: bool = False, frames: int = 1) -> np.ndarray:
    """The canonical levels of `mr(seed)`: lifted to 0 where some are below it."""
    stack = slices(seed, frames, 80, 96, bits, signed).astype(np.int64)
    lowest = stack.min(axis=(1, 2), keepdims=True)
    return stack - np.minimum(lowest, 0)


def only(taken: TakenIn) -> np.ndarray:
    (frame,) = taken.frames
    return frame.image.pixels


def kinds() -> list[tuple[str, int, bool]]:
    """Every transfer syntax with the levels that it can hold."""
    some = {"jpeg-baseline": [(8, False)], "jpeg-extended": [(12, False)]}
    # A loss near zero would change signs.
    some["jpeg-ls-near"] = [(8, False), (12, False), (16, False)]
    every = [(bits, signed) for bits in (8, 12, 16) for signed in (False, True)]
    return [(word, *kind) for word in TAKEN for kind in some.get(word, every)]


@pytest.mark.parametrize(("word", "bits", "signed"), kinds())
def test_every_transfer_syntax(take, word: str, bits: int, signed: bool) -> None:
    pixels = only(take(as_file(mr(7, bits=bits, signed=signed), TAKEN[word])))
    assert pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    off = np.abs(pixels.astype(np.int64) - expected(7, bits, signed=signed)[0])
    assert off.max() <= (0 if word in EXACT else 2 if word == "jpeg-ls-near" else 2**bits * 0.03)


@pytest.mark.parametrize("bits", [2, 9, 10, 11, 13, 14, 15])
def test_every_depth(take, bits: int) -> None:
    changes = {"BitsAllocated": 8} if bits <= 8 else {}
    assert np.array_equal(only(take(as_file(mr(8, bits=bits, **changes)))), expected(8, bits)[0])


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_high_bits_and_what_hides_in_unused_ones(take, signed: bool) -> None:
    levels = slices(9, 1, 80, 96, 12, signed)
    shifted = (levels.astype(np.int32) << 4 | 0x5).astype(np.uint16)
    assert np.array_equal(
        only(take(as_file(mr(9, signed=signed, HighBit=15, PixelData=shifted.tobytes())))),
        expected(9, 12, signed=signed)[0],
    )
    overlay = (levels.astype(np.int32) & 0xFFF | 0xA000).astype(np.uint16)
    assert np.array_equal(
        only(take(as_file(mr(9, signed=signed, PixelData=overlay.tobytes())))),
        expected(9, 12, signed=signed)[0],
    )


def test_the_least_level_white_is_turned_over(take) -> None:
    levels = expected(10, 12)[0]
    white = {"PhotometricInterpretation": "MONOCHROME1"}
    assert np.array_equal(only(take(as_file(mr(10, **white)))), 4095 - levels)
    # A falling rescale turns it over as well, and twice is not at all.
    falling = {"RescaleSlope": "-2", "RescaleIntercept": "10"}
    assert np.array_equal(only(take(as_file(mr(10, **falling)))), 4095 - levels)
    assert np.array_equal(only(take(as_file(mr(10, **white, **falling)))), levels)


def test_padding_is_black_whichever_way_is_up(take) -> None:
    levels = slices(11, 1, 80, 96, 12, True)[0]
    padded = levels.copy()
    padded[:10] = -2048
    padded[10:] = np.abs(levels[10:])
    for photometric, inside in (
        ("MONOCHROME2", padded[10:]),
        ("MONOCHROME1", 2047 - padded[10:].astype(int)),
    ):
        changed: dict[str, Any] = {"PhotometricInterpretation": photometric, "PixelPaddingValue": -2048}
        dataset = mr(11, signed=True, PixelData=padded.tobytes())
        dataset.PhotometricInterpretation = changed["PhotometricInterpretation"]
        dataset.add_new("PixelPaddingValue", "SS", -2048)
        pixels = only(take(as_file(dataset)))
        assert not pixels[:10].any()
        assert np.array_equal(pixels[10:], inside)


@pytest.mark.parametrize(
    ("changes", "window"),
    [
        ({}, None),
        ({"WindowCenter": "600.5", "WindowWidth": "1201"}, (600.0, 1200.0)),
        ({"WindowCenter": "600", "WindowWidth": "1200", "VOILUTFunction": "LINEAR_EXACT"}, (600.0, 1200.0)),
        ({"WindowCenter": "600", "WindowWidth": "1200", "VOILUTFunction": "SIGMOID"}, (600.0, 1200.0)),
        ({"WindowCenter": ["600.5", "1"], "WindowWidth": ["1201", "2"]}, (600.0, 1200.0)),
        ({"WindowCenter": "600", "WindowWidth": "0"}, None),
        ({"WindowCenter": "600", "WindowWidth": "NaN"}, None),
        ({"WindowCenter": "600"}, None),
        (
            {"WindowCenter": "1100.5", "WindowWidth": "2001", "RescaleSlope": "2", "RescaleIntercept": "100"},
            (500.0, 1000.0),
        ),
        (
            {"WindowCenter": "600.5", "WindowWidth": "1201", "PhotometricInterpretation": "MONOCHROME1"},
            (3495.0, 1200.0),
        ),
    ],
)
def test_windows_in_canonical_levels(take, changes: dict[str, Any], window: tuple[float, float]) -> None:
    assert take(as_file(mr(12, **changes))).frames[0].image.window == window


def test_a_window_follows_lifted_levels(take) -> None:
    taken = take(as_file(mr(12, signed=True, WindowCenter="0.5", WindowWidth="2001")))
    lowest = int(slices(12, 1, 80, 96, 12, True).min())
    assert taken.frames[0].image.window == (float(-lowest), 2000.0)


def test_a_table_of_levels_counts_as_the_window_of_its_inputs(take) -> None:
    dataset = mr(13)
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [1001, 100, 16])
    table.add_new("LUTData", "OW", bytes(2002))
    dataset.VOILUTSequence = [table]
    assert take(as_file(dataset)).frames[0].image.window == (600.0, 1000.0)


@pytest.mark.parametrize("word", ["implicit", "rle", "jpeg-lossless-sv1", "jpeg-ls", "jpeg-2000-lossless"])
def test_every_frame_is_an_image(take, word: str) -> None:
    taken = take(as_file(mr(14, frames=5), TAKEN[word]))
    assert [frame.number for frame in taken.frames] == [1, 2, 3, 4, 5]
    assert np.array_equal(
        np.stack([frame.image.pixels for frame in taken.frames]), expected(14, 12, frames=5)
    )


@pytest.mark.parametrize("table", [False, True], ids=["by content", "by offsets"])
def test_frames_in_several_fragments(take, table: bool) -> None:
    dataset = mr(15, frames=3)
    frames = _compressed(dataset, JPEG2000Lossless)
    dataset.PixelData = encapsulate(list(frames), fragments_per_frame=3, has_bot=table)
    dataset["PixelData"].is_undefined_length, dataset["PixelData"].VR = True, "OB"
    taken = take(written(dataset, JPEG2000Lossless))
    assert np.array_equal(
        np.stack([frame.image.pixels for frame in taken.frames]), expected(15, 12, frames=3)
    )


def test_fragments_that_make_no_frames(take) -> None:
    dataset = mr(15, frames=3)
    frames = _compressed(dataset, RLELossless)
    dataset.PixelData = encapsulate(list(frames[:2]), has_bot=False)
    dataset["PixelData"].is_undefined_length, dataset["PixelData"].VR = True, "OB"
    with pytest.raises(IntakeRefused) as refused:
        take(written(dataset, RLELossless))
    assert refused.value.code == "damaged_dicom"


@pytest.mark.parametrize("word", ["jpeg-baseline", "jpeg-lossless", "jpeg-ls", "jpeg-2000"])
@pytest.mark.parametrize("lie", [{"Rows": 79}, {"Columns": 192}, {"BitsAllocated": 8, "BitsStored": 8}])
def test_a_frame_that_is_not_what_the_header_says(take, word: str, lie: dict[str, int]) -> None:
    bits = 8 if word == "jpeg-baseline" else 12
    if word == "jpeg-baseline" and "BitsStored" in lie:
        lie = {"Rows": 40, "Columns": 192}
    image = mr(16, bits=bits)
    packed = encapsulate(list(_compressed(image, TAKEN[word])))
    for keyword, value in lie.items():
        setattr(image, keyword, value)
    if "BitsStored" in lie:
        image.HighBit = 7
    image.PixelData = packed
    image["PixelData"].is_undefined_length, image["PixelData"].VR = True, "OB"
    with pytest.raises(IntakeRefused) as refused:
        take(written(image, TAKEN[word]))
    assert refused.value.code == "damaged_dicom"


@pytest.mark.parametrize("word", [word for word in TAKEN if word not in ("implicit", "explicit")])
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_frame_that_ends_too_early(take, word: str, keep: float) -> None:
    image = mr(17, bits=8 if word == "jpeg-baseline" else 12)
    frame = bytes(_compressed(image, TAKEN[word])[0])
    image.PixelData = encapsulate([frame[: int(len(frame) * keep)]])
    image["PixelData"].is_undefined_length, image["PixelData"].VR = True, "OB"
    with pytest.raises(IntakeRefused) as refused:
        take(written(image, TAKEN[word]))
    assert refused.value.code == "damaged_dicom"


@pytest.mark.parametrize(
    "word", ["jpeg-baseline", "jpeg-extended", "jpeg-lossless", "jpeg-lossless-sv1", "jpeg-ls"]
)
def test_segments_with_a_gap_between_them(take, word: str) -> None:
    """GDCM aborts its process on some of these."""
    image = mr(17, bits=8 if word == "jpeg-baseline" else 12)
    frame = bytes(_compressed(image, TAKEN[word])[0])
    at = frame.index(b"\xff\xda")
    image.PixelData = encapsulate([frame[:at] + bytes(46) + frame[at:]])
    image["PixelData"].is_undefined_length, image["PixelData"].VR = True, "OB"
    with pytest.raises(IntakeRefused) as refused:
        take(written(image, TAKEN[word]))
    assert refused.value.code == "damaged_dicom"


def enhanced(frames: int = 3, *, described: int | None = None) -> Dataset:
    """An enhanced MR whose frames each say where they lie, how they are rescaled and windowed."""
    image = mr(18, frames=frames, SOPClassUID=ENHANCED_MR_STORAGE)
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing"):
        delattr(image, keyword)
    for keyword in ("EchoTime", "RepetitionTime", "ScanningSequence", "SeriesDescription"):
        delattr(image, keyword)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.4], 3
    orientation.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    timing, echo = Dataset(), Dataset()
    timing.RepetitionTime, echo.EffectiveEchoTime = 4000, 90.0
    shared.MRTimingAndRelatedParametersSequence, shared.MREchoSequence = [timing], [echo]
    image.SharedFunctionalGroupsSequence = [shared]
    each = []
    for number in range(frames if described is None else described):
        one, position, window, rescale = Dataset(), Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [3.0 * number, 0, 0]
        window.WindowCenter, window.WindowWidth, window.VOILUTFunction = (
            100 * (number + 1),
            200,
            "LINEAR_EXACT",
        )
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = number + 1, 0, "US"
        one.PlanePositionSequence, one.FrameVOILUTSequence = [position], [window]
        one.PixelValueTransformationSequence = [rescale]
        each.append(one)
    image.PerFrameFunctionalGroupsSequence = each
    return image


@pytest.mark.parametrize("word", ["implicit", "explicit", "jpeg-2000-lossless"])
def test_an_enhanced_image_says_of_each_frame_what_it_is(take, word: str) -> None:
    taken = take(as_file(enhanced(), TAKEN[word]))
    assert [frame.image.window for frame in taken.frames] == [
        (100.0, 200.0),
        (100.0, 100.0),
        (100.0, 200 / 3),
    ]
    facts = [frame.facts for frame in taken.frames]
    assert [abs(one.slice_position) for one in facts] == [0.0, 3.0, 6.0]
    assert {(one.plane, one.sequence_family) for one in facts} == {("sagittal", "t2")}
    assert {(one.row_spacing, one.column_spacing) for one in facts} == {(0.5, 0.4)}
    assert len({one.instance_uid for one in facts}) == 1
    assert np.array_equal(taken.frames[2].image.pixels, expected(18, 12, frames=3)[2])


def test_an_enhanced_image_that_describes_other_frames(take) -> None:
    with pytest.raises(IntakeRefused, match="another number of frames"):
        take(as_file(enhanced(described=2)))


def test_a_stack_comes_in_several_answers(limits: Limits, decoder: Decoder, monkeypatch) -> None:
    asked = []
    run = decoder.run

    def slow(job, request, *, at_most):
        asked.append(request.first)
        return run(job, request, at_most=at_most)

    monkeypatch.setattr(decoder, "run", slow)
    taken = take_in(as_file(mr(19, frames=120, rows=40, columns=40)), None, limits, decoder, KEY)
    assert [frame.number for frame in taken.frames] == list(range(1, 121))
    assert asked[0] == 0
    assert len(asked) >= 2
    assert asked == sorted(set(asked))


class Clock:
    """Stands still but for what it is told that something takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def slows[**P, T](self, work: Callable[P, T], seconds: float) -> Callable[P, T]:
        def slow(*given: P.args, **named: P.kwargs) -> T:
            self.now += seconds
            return work(*given, **named)

        return slow


@pytest.mark.parametrize(("a_frame", "answers"), [(0.0, 1), (0.9, 3)], ids=["quick", "slow"])
def test_the_time_of_an_answer_is_that_of_its_frames(
    limits: Limits, monkeypatch, a_frame: float, answers: int
) -> None:
    clock = Clock()
    monkeypatch.setattr(reading, "time", clock)
    monkeypatch.setattr(reading, "read_kept", clock.slows(reading.read_kept, 5.0))
    monkeypatch.setattr(reading, "_frame", clock.slows(reading._frame, a_frame))
    data = as_file(enhanced(9))
    done = asked = 0
    while done < 9:
        done += len(reading.read_dicom(DicomRequest(data, limits, done)).pixels)
        asked += 1
    assert (done, asked) == (9, answers)


def test_limits_hold_for_stacks(decoder: Decoder) -> None:
    data = as_file(mr(20, frames=4))
    for limits, code in (
        (Limits(max_frames=3), "too_many_frames"),
        (Limits(max_stack_pixels=4 * 80 * 96 - 1), "too_many_pixels"),
        (Limits(max_dicom_bytes=len(data) - 1), "file_too_large"),
    ):
        with pytest.raises(IntakeRefused) as refused:
            take_in(data, None, limits, decoder, KEY)
        assert refused.value.code == code
    assert len(take_in(data, None, Limits(max_bytes=1), decoder, KEY).frames) == 4


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["MR_small", "MR_small_implicit", "MR_small_RLE", "MR_small_jp2klossless", "MR_small_jpeg_ls_lossless"],
)
def test_one_real_image_in_five_syntaxes(take, real: Path, name: str) -> None:
    def safe(file: str) -> bytes:
        # These carry a TIFF in their preamble, which alone would refuse them.
        return bytes(128) + (real / f"{file}.dcm").read_bytes()[128:]

    plain = take(safe("MR_small"))
    taken = take(safe(name))
    assert taken.frames[0].image.pixel_sha256 == plain.frames[0].image.pixel_sha256
    assert taken.frames[0].image.pixels.shape == (64, 64)
    assert (taken.frames[0].facts.plane, taken.frames[0].facts.sequence_family) == ("axial", "t2")
    assert taken.study.subject_key == plain.study.subject_key
    raw = np.frombuffer(safe("MR_small")[-(64 * 64 * 2 + 138) : -138], "<i2") if name == "MR_small" else None
    if raw is not None:
        assert np.array_equal(np.sort(raw), np.sort(taken.frames[0].image.pixels.astype("<i2").ravel()))


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CT_small", "not_mr"),
        ("US1_UNCR", "not_mr"),
        ("JPEG2000", "not_mr"),
        ("MR_truncated", "damaged_dicom"),
    ],
)
def test_real_files_that_are_refused(take, real: Path, name: str, code: str) -> None:
    with pytest.raises(IntakeRefused) as refused:
        take(bytes(128) + (real / f"{name}.dcm").read_bytes()[128:])
    assert refused.value.code == code


@pytest.mark.data
def test_real_brains(take, real: Path) -> None:
    files = sorted(real.glob("studyforrest_*.dcm"))
    taken = [take(file.read_bytes()) for file in files]
    assert {(frame.facts.plane, frame.facts.sequence_family) for one in taken for frame in one.frames} == {
        ("axial", "t1")
    }
    positions = [one.frames[0].facts.slice_position for one in taken]
    assert np.allclose(np.diff(positions), 32, atol=0.01)
    assert len({one.study.subject_key for one in taken}) == len({one.study.study_uid for one in taken}) == 1
    assert len(take((real / "emri_small.dcm").read_bytes()).frames) == 10


def test_explicit_little_endian_is_what_was_written() -> None:
    """The test's own files are what it says they are."""
    image = mr(1)
    assert written(image, ExplicitVRLittleEndian).endswith(image.PixelData)
    assert struct.unpack("<H", image.PixelData[:2])[0] == slices(1, 1, 80, 96, 12)[0, 0, 0]
