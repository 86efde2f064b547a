"""The gate's audits, and the outlook of a learning curve, on numbers whose answer is known."""

import numpy as np
import pytest

from ml.gate import DEFAULT_CRITERIA
from ml.gate.leaks import Images, Learned, audit_leaks
from ml.gate.maps import audit_maps
from ml.gate.shortcuts import audit_sources, cramers_v
from ml.gate.uses import count_uses
from ml.training.learning_curve import outlook

ALL = 2**64 - 1


def hashes(count: int, start: int = 0) -> tuple[str, ...]:
    return tuple(f"{number:064x}" for number in range(start, start + count))


def test_nothing_in_common_is_no_leak() -> None:
    locked = Images(hashes(50), (0,) * 50, (0,) * 50, tuple("ab" * 25))
    learned = Learned(
        hashes(50, 100), np.full(50, ALL, np.uint64), Images(hashes(9, 200), (ALL,) * 9, (ALL,) * 9)
    )
    assert audit_leaks([("own", locked)], learned).answer == "pass"
    assert audit_leaks([("own", Images())], learned).answer == "not_asked"


def test_each_kind_of_leak_is_named_once_under_the_surest() -> None:
    locked = Images(
        hashes(5),
        (7, 1, ALL, ALL // 3, ALL // 17),
        (ALL, ALL, 3, ALL // 5, ALL // 257),
        ("x", "y", "z", "w", "v"),
    )
    taught = Images((*hashes(1), *hashes(3, 100)), (7, 0, 3, ALL // 255), (9, 9, 9, 9), ("x", "q", "r", "w"))
    found = audit_leaks([("own", locked)], Learned(images=taught))
    assert found.answer == "fail"
    assert {(pair["kind"], pair["locked"]) for pair in found.figures["pairs"]} == {
        ("exact", hashes(5)[0]), ("near", hashes(5)[1]), ("mirrored", hashes(5)[2]), ("group", hashes(5)[3]),
    }  # fmt: skip
    assert found.figures["counts"] == {"exact": 1, "near": 1, "mirrored": 1, "group": 1}


def test_likeness_to_images_from_elsewhere_is_let_pass_as_far_as_chance_explains_it() -> None:
    known = Learned(hashes(3, 900), np.zeros(3, np.uint64))
    few, many = ((0,) * n + (ALL,) * (400 - n) for n in (4, 8))
    for prints, answer in ((few, "pass"), (many, "fail")):
        locked = Images(hashes(400), prints, (ALL,) * 400)
        assert audit_leaks([("own", locked)], known).answer == answer


def test_cramers_v_is_none_of_independent_lists_and_one_of_the_same() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, 4000)
    assert cramers_v(codes, codes) == pytest.approx(1, abs=1e-3)
    assert cramers_v(codes, rng.integers(0, 4, 4000)) < 0.05
    assert cramers_v(np.zeros(10, int), codes[:10]) == 0


def test_answers_that_follow_the_source_more_than_labels_do_fail() -> None:
    rng = np.random.default_rng(0)
    truth, source = rng.integers(0, 4, 400), rng.integers(0, 2, 400)
    right, by_source = np.eye(4)[truth], np.eye(4)[np.where(rng.random(400) < 0.6, source, truth)]
    columns = {"source": ["ab"[code] for code in source]}
    assert audit_sources(right, right, truth, columns, DEFAULT_CRITERIA).answer == "pass"
    assert audit_sources(by_source, right, truth, columns, DEFAULT_CRITERIA).answer == "fail"
    # The incumbent does the same: that is no reason against the candidate.
    assert audit_sources(by_source, by_source, truth, columns, DEFAULT_CRITERIA).answer == "pass"
    assert audit_sources(right, right, truth, {"source": [""] * 400}, DEFAULT_CRITERIA).answer == "not_asked"


def test_maps_must_hang_on_what_was_learned_point_somewhere_and_follow_the_image() -> None:
    rng = np.random.default_rng(0)
    maps, others = rng.normal(size=(12, 7, 7, 4)), rng.normal(size=(2, 12, 7, 7, 4))
    classes = np.arange(12) % 4
    assert audit_maps(maps, others, classes, DEFAULT_CRITERIA).answer == "pass"
    same = audit_maps(maps, np.stack([maps, maps]), classes, DEFAULT_CRITERIA)
    assert "do not show what was learned" in same.sentence
    assert "point nowhere" in audit_maps(-np.abs(maps), others, classes, DEFAULT_CRITERIA).sentence
    one = np.repeat(maps[:1, ..., :1], 4, axis=3).repeat(12, axis=0)
    assert "maps of different images are alike" in audit_maps(one, others, classes, DEFAULT_CRITERIA).sentence
    assert audit_maps(maps[:2], others[:, :2], classes[:2], DEFAULT_CRITERIA).answer == "not_asked"


def test_a_worn_part_is_said_and_decides_nothing() -> None:
    assert count_uses([("reference part", 3)], DEFAULT_CRITERIA).answer == "pass"
    worn = count_uses([("reference part", 20)], DEFAULT_CRITERIA)
    assert (worn.answer, "chosen by the reference part 20 times" in worn.sentence) == ("not_asked", True)


def test_the_outlook_of_a_power_law_is_its_own_continuation() -> None:
    measured = [(n, 1 - 0.4 * n**-0.3) for n in (50, 50, 100, 200, 400)]
    found = outlook(measured, 400)
    assert found["gain"] == pytest.approx(0.4 * 400**-0.3 - 0.4 * 800**-0.3)
    assert found["sure"]
    noisy = [(n, 0.9 + 0.01 * (-1) ** place) for place, (n, _) in enumerate(measured)]
    assert not outlook(noisy, 400)["sure"]
    low, high = outlook(noisy, 400)["interval"]
    assert low < 0 < high
    assert outlook(measured[:3], 400)["gain"] is None
    assert outlook([(n, 1.0) for n, _ in measured], 400)["gain"] is None
