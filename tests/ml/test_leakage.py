"""Planted leaks of every kind: found, counted once, named, refused, and told beside the figures."""

from dataclasses import replace

import numpy as np
import pytest

from ml.duplicates import phash, phash_mirrored, pixel_sha256
from ml.inspection.leakage import (
    LEAK_KINDS,
    Hashes,
    LeakError,
    check_allowed,
    conflicting_labels,
    find_leaks,
    refuse_conflicts,
    stamp,
)
from ml.inspection.pairs import shrink
from ml.manifest import Row
from tests.pictures import picture


def hashed(pixels: np.ndarray) -> Hashes:
    return Hashes(pixel_sha256(pixels), phash(pixels), phash_mirrored(pixels))


def brighter(pixels: np.ndarray) -> np.ndarray:
    return np.clip(pixels.astype(int) + (pixels > 0) * 2, 0, 255).astype(np.uint8)


BASE = [
    Row("train/0.png", "glioma", "train", "s0"),
    Row("train/1.png", "notumor", "train", "s1"),
    Row("validation/2.png", "glioma", "validation", "s2"),
    Row("test/3.png", "glioma", "test", "s3"),
    Row("test/4.png", "notumor", "test", "s4"),
]
PIXELS = [picture(seed) for seed in range(5)]
PLANTS = {
    "exact": (PIXELS[0], {}),
    "near": (brighter(PIXELS[0]), {}),
    "mirrored": (np.ascontiguousarray(PIXELS[0][:, ::-1]), {}),
    "group": (picture(77), {"group": "s0"}),
}


def planted(kind: str, part: str = "test") -> tuple[list[Row], list[Hashes]]:
    pixels, changes = PLANTS[kind]
    row = replace(Row(f"{part}/planted.png", "glioma", part, "s9"), **changes)
    return [*BASE, row], [hashed(one) for one in (*PIXELS, pixels)]


def test_a_clean_manifest_has_no_leak() -> None:
    leaks = find_leaks(BASE, [hashed(one) for one in PIXELS])
    assert leaks.kinds == ()
    leaks.refuse_unless(())
    kept = leaks.as_metadata()
    assert kept["counts"] == dict.fromkeys(LEAK_KINDS, 0)
    assert kept["images"] == 2
    assert stamp(kept) == ""
    assert stamp(None) == ""


@pytest.mark.parametrize("kind", LEAK_KINDS)
def test_each_kind_is_found_refused_named_and_stamped(kind: str) -> None:
    leaks = find_leaks(*planted(kind))
    assert leaks.kinds == (kind,)
    with pytest.raises(LeakError) as refused:
        leaks.refuse_unless(())
    sentence = str(refused.value)
    assert "1 of 3 test images" in sentence
    assert "test/planted.png and train/0.png (train)" in sentence
    assert f"--allow-leak {kind} " in sentence
    for other in set(LEAK_KINDS) - {kind}:
        with pytest.raises(LeakError):
            leaks.refuse_unless((other,))
    leaks.refuse_unless((kind,))
    kept = leaks.as_metadata((kind, "group"))
    assert kept["allowed"] == [kind]
    assert kept["counts"] == {**dict.fromkeys(LEAK_KINDS, 0), kind: 1}
    assert kept["tainted"] == 1
    assert stamp(kept) == (
        "Measured on a part that leaks: 1 of 3 test images have a counterpart among those learned from "
        f"({kind} 1)."
    )


def test_validation_must_not_show_what_was_learned_from() -> None:
    leaks = find_leaks(*planted("near", "validation"))
    with pytest.raises(LeakError, match="1 of 2 validation images are near-duplicates of one in train: "):
        leaks.refuse_unless(())
    kept = leaks.as_metadata(("near",))
    assert kept["counts"]["near"] == 0
    assert kept["validation"]["near"] == 1
    assert stamp(kept) == "Chosen and calibrated on a validation part that leaks (near 1)."


def test_an_image_counts_once_under_its_worst_kind() -> None:
    rows, hashes = planted("exact")
    rows[-1] = replace(rows[-1], group="s0", near="d")
    rows[0] = replace(rows[0], near="d")
    assert find_leaks(rows, hashes).counts() == {"exact": 1, "near": 0, "mirrored": 0, "group": 0}


def test_what_the_manifest_calls_near_is_near() -> None:
    rows = [replace(BASE[0], near="d7"), *BASE[1:4], replace(BASE[4], near="d7")]
    leaks = find_leaks(rows, [hashed(one) for one in PIXELS])
    assert [(leak.kind, leak.image, leak.other) for leak in leaks.found] == [
        ("near", "test/4.png", "train/0.png")
    ]


def test_pixels_confirm_what_hashes_call_near() -> None:
    rows, hashes = planted("mirrored")
    small = [shrink(one) for one in (*PIXELS, PLANTS["mirrored"][0])]
    assert find_leaks(rows, hashes, small).counts()["mirrored"] == 1
    hashes[-1] = replace(hashes[-1], phash=hashes[1].phash)
    assert find_leaks(rows, hashes).counts()["near"] == 1
    assert find_leaks(rows, hashes, small).counts()["near"] == 0
    flat = [np.zeros((32, 32), np.uint8)] * len(rows)
    assert find_leaks(rows, hashes, flat).found == ()


def test_duplicates_within_one_part_are_no_leak() -> None:
    rows = [*BASE, Row("train/again.png", "glioma", "train", "s0")]
    assert find_leaks(rows, [hashed(one) for one in (*PIXELS, PIXELS[0])]).found == ()


def test_two_labels_for_the_same_pixels() -> None:
    rows = [*BASE, Row("train/again.png", "meningioma", "train", "s0")]
    digests = [hashed(one).sha256 for one in (*PIXELS, PIXELS[0])]
    conflicts = conflicting_labels(rows, digests)
    assert conflicts == [[0, 5]]
    with pytest.raises(LeakError, match=r"2 images are .*train/0.png \(glioma\) and train/again.png \(men"):
        refuse_conflicts(rows, conflicts)
    refuse_conflicts(rows, conflicting_labels(BASE, digests[:5]))


def test_a_kind_must_be_known() -> None:
    assert check_allowed(["near", ""]) == ("near",)
    with pytest.raises(
        LeakError, match="all: no kind of leak; expected some of exact, near, mirrored, group"
    ):
        check_allowed(["near", "all"])
