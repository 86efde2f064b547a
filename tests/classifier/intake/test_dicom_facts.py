"""The few facts of DICOM: planes, places, families of sequences, decades of age, brightness that keeps its meaning."""

import math
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from pydicom.dataset import Dataset

from classifier.intake import Box, IntakeRefused, Limits, facts
from classifier.intake.dicom import keep_list as tags
from classifier.intake.dicom.describing import age_band, describe_file, describe_frame, groups_of
from classifier.intake.dicom.header import Header, check_header, read_kept
from classifier.intake.dicom.levels import Rescale, canonical_levels
from classifier.intake.dicom.sequences import sequence_family
from tests.classifier.intake.dicom_files import as_file, mr


def header_of(**changes: Any) -> Header:
    return check_header(*read_kept(memoryview(as_file(mr(1, **changes)))), Limits())


def frame_facts(**changes: Any) -> dict[str, Any]:
    return describe_frame(groups_of(header_of(**changes))[0])


@pytest.mark.parametrize(
    ("orientation", "plane"),
    [
        (["1", "0", "0", "0", "1", "0"], "axial"),
        (["-1", "0", "0", "0", "-1", "0"], "axial"),
        (["1", "0", "0", "0", "0", "-1"], "coronal"),
        (["0", "1", "0", "0", "0", "-1"], "sagittal"),
        (["1", "0", "0", "0", "0.88", "-0.47"], "axial"),
        (["1", "0", "0", "0", "0.71", "-0.71"], ""),
        (["0", "0", "0", "0", "0", "0"], ""),
        (["1", "0", "0", "1", "0", "0"], ""),
        (["1", "0", "0", "0", "1"], ""),
        (["1", "0", "0", "0", "1", "x"], ""),
        (["7", "0", "0", "0", "1", "0"], ""),
        (None, ""),
    ],
)
def test_planes(orientation: list[str] | None, plane: str) -> None:
    said = frame_facts(ImageOrientationPatient="\\".join(orientation) if orientation else None)
    assert said["plane"] == plane
    lies_somewhere = bool(plane) or (orientation is not None and "0.71" in orientation)
    assert (said["slice_position"] is not None) == lies_somewhere


def test_a_position_lies_along_the_normal() -> None:
    said = frame_facts(ImageOrientationPatient="0\\1\\0\\0\\0\\-1", ImagePositionPatient="-12.5\\7\\9")
    assert said["slice_position"] == 12.5
    assert frame_facts(ImagePositionPatient="1\\2")["slice_position"] is None
    assert frame_facts(ImagePositionPatient="1\\2\\1e300")["slice_position"] is None


@pytest.mark.parametrize(
    ("spacing", "kept"),
    [("0.5\\0.25", [0.5, 0.25]), ("0\\1", None), ("-1\\1", None), ("1", None), ("1\\nan", None)],
)
def test_spacing(spacing: str, kept: list[float] | None) -> None:
    assert frame_facts(PixelSpacing=spacing)["spacing"] == kept


@pytest.mark.parametrize(
    ("age", "born", "studied", "band"),
    [
        ("047Y", None, None, "40-49"),
        ("000Y", None, None, "0-9"),
        ("011M", None, None, "0-9"),
        ("900D", None, None, "0-9"),
        ("119M", None, None, "0-9"),
        ("120M", None, None, "10-19"),
        ("089Y", None, None, "80-89"),
        ("090Y", None, None, "90+"),
        ("107Y", None, None, "90+"),
        ("999Y", None, None, ""),
        ("47", "19610312", "20010311", "30-39"),
        (None, "19610312", "20010312", "40-49"),
        (None, "20300101", "20010312", ""),
        (None, "1961", "20010312", ""),
        (None, None, "20010312", ""),
    ],
)
def test_decades(age: str | None, born: str | None, studied: str | None, band: str) -> None:
    said = {tags.AGE: age, tags.BIRTH_DATE: born, tags.STUDY_DATE: studied}
    assert age_band({tag: value.encode() for tag, value in said.items() if value is not None}) == band
    assert band in ("", *facts.AGE_BANDS)


def family(**said: str) -> str:
    known = {
        "series": tags.SERIES_DESCRIPTION, "protocol": tags.PROTOCOL, "type": tags.IMAGE_TYPE,
        "codes": tags.SCANNING_SEQUENCE,
        "repetition": tags.REPETITION, "echo": tags.ECHO, "inversion": tags.INVERSION, "agent": tags.CONTRAST_AGENT,
        "contrast": tags.ACQUISITION_CONTRAST,
    }  # fmt: skip
    return sequence_family({known[name]: value.encode() for name, value in said.items()})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t1_mprage_sag_p2_iso", "t1"),
        ("AX T1 POST GD", "t1_contrast"),
        ("T1W_SE +C", "t1_contrast"),
        ("t1_tse_tra_KM", "t1_contrast"),
        ("T1 native ohne KM", "t1"),
        ("t2_tse_tra_p2", "t2"),
        ("AX T2 FLAIR FS", "flair"),
        ("t2_tirm_tra_dark-fluid", "flair"),
        ("ep2d_diff_3scan_trace_p2_ADC", "diffusion"),
        ("DWI b1000", "diffusion"),
        ("SWI_Images", "susceptibility"),
        ("T2* GRE hemo", "susceptibility"),
        ("PD_TSE axial", "proton_density"),
        ("TOF_3D_multi-slab", "other"),
        ("localizer", "other"),
        ("perf T2*", "other"),
        ("Wilhelmine Musterfrau", ""),
        ("St1ne Pd1", ""),
    ],
)
def test_families_by_name(name: str, expected: str) -> None:
    assert family(series=name) == expected
    assert family(protocol=name) == expected
    # What it was called goes before what was measured.
    if expected:
        assert family(series=name, repetition="3000", echo="90").removesuffix(
            "_contrast"
        ) == expected.removesuffix("_contrast")
    assert expected in ("", *facts.SEQUENCE_FAMILIES)


@pytest.mark.parametrize(
    ("items", "expected"),
    [(0, "t1"), (1, "t1_contrast")],
    ids=["without items", "with one that says no name"],
)
def test_an_agent_is_one_only_where_its_sequence_has_an_item(items: int, expected: str) -> None:
    said = frame_facts(ContrastBolusAgentSequence=[Dataset() for _ in range(items)])
    assert said["sequence_family"] == expected


def test_a_table_of_levels_without_items_is_none() -> None:
    assert header_of(ModalityLUTSequence=[]).frames == 1
    with pytest.raises(IntakeRefused, match="by a table"):
        header_of(ModalityLUTSequence=[Dataset()])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"repetition": "500", "echo": "12", "codes": "SE"}, "t1"),
        ({"repetition": "500", "echo": "12", "codes": "SE", "agent": "Gadovist"}, "t1_contrast"),
        ({"repetition": "500", "echo": "12", "codes": "SE", "agent": "NONE"}, "t1"),
        ({"repetition": "4000", "echo": "98", "codes": "SE"}, "t2"),
        ({"repetition": "2500", "echo": "15", "codes": "SE"}, "proton_density"),
        ({"repetition": "9000", "echo": "110", "inversion": "2500", "codes": "SE\\IR"}, "flair"),
        ({"repetition": "1900", "echo": "2.5", "inversion": "900", "codes": "GR\\IR"}, "t1"),
        ({"repetition": "620", "echo": "20", "codes": "GR"}, "susceptibility"),
        ({"repetition": "500"}, ""),
        ({"repetition": "abc", "echo": "12"}, ""),
        ({"contrast": "FLUID_ATTENUATED", "series": "T1"}, "flair"),
        ({"contrast": "Musterfrau"}, ""),
        ({"type": "ORIGINAL\\PRIMARY\\ADC"}, "diffusion"),
    ],
)
def test_families_by_what_was_measured(said: dict[str, str], expected: str) -> None:
    assert family(**said) == expected


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    levels=st.lists(st.integers(0, 4095), min_size=16, max_size=16),
    slope=st.sampled_from([1.0, 0.25, 3.5, -1.0, -2.25]),
    intercept=st.sampled_from([0.0, -1024.0, 17.5]),
    window=st.tuples(st.floats(-3000, 3000), st.floats(1, 5000)),
    signed=st.booleans(),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
)
def test_a_window_shows_the_same_in_canonical_levels(
    levels: list[int],
    slope: float,
    intercept: float,
    window: tuple[float, float],
    signed: bool,
    photometric: str,
) -> None:
    """What a viewer shows of the sender's values, by PS3.3 C.11.2.1.3.2, is what it shows of ours."""
    stored = np.array(levels, np.int64).reshape(4, 4) - (2048 if signed else 0)
    header = header_of(signed=signed, PhotometricInterpretation=photometric)
    pixels, moved = canonical_levels(stored, header, Rescale(slope, intercept), window)
    assert pixels.dtype == np.uint16
    assert moved is not None

    def shown(values: np.ndarray, centre: float, width: float) -> np.ndarray:
        return np.clip((values - (centre - width / 2)) / width, 0, 1)

    theirs = shown(stored * slope + intercept, *window)
    theirs = 1 - theirs if photometric == "MONOCHROME1" else theirs
    assert np.allclose(shown(pixels.astype(float), *moved), theirs, atol=1e-6)


def test_numbers_stay_numbers() -> None:
    said = describe_file(header_of(InstanceNumber="99999999999"))
    assert said["instance_number"] is None
    assert describe_file(header_of(InstanceNumber="12"))["instance_number"] == 12


def lies(check: Any, *values: Any) -> None:
    for value in values:
        with pytest.raises((ValueError, TypeError)):
            check(value)


def test_a_child_that_lies_is_not_believed() -> None:
    lies(facts.window, [1], [1, 0], [1, math.nan], ["1", 2], {}, [1, True])
    lies(facts.orientation, [1] * 5, [math.inf] * 6, "abcdef")
    lies(facts.number, "1", True, math.nan, [])
    lies(facts.standard_uid, "1.2.3", "1.2.840.10008.1 Musterfrau", 3, None)
    lies(lambda value: facts.word(value, facts.PLANES), "oblique", 3, None)
    lies(lambda value: facts.text(value, 4), "12345", 3, None)
    lies(lambda value: facts.whole(value, 1, 3), 0, 4, 1.0, True, "1")
    lies(
        lambda value: facts.boxes(value, 64, 32),
        [[0, 0, 65, 1]], [[0, 0, 0, 1]], [[-1, 0, 2, 2]], [[0, 0, 1]], [[0, 0, 1.5, 1]], "box", [3],
        [[0, 0, 1, 1]] * 501,
    )  # fmt: skip
    assert facts.boxes([[0, 0, 64, 32]], 64, 32) == (Box(0, 0, 64, 32),)
