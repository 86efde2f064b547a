import numpy as np
import pytest

from ml.explanation import ExplanationError, localisation_figures, localise
from ml.explanation.localisation import MEASURES

SIDE = 224
HEAD = np.zeros((SIDE, SIDE), bool)
HEAD[16:208, 16:208] = True


def cell(row: int, column: int, side: int = 14) -> np.ndarray:
    raw = np.full((side, side), -1.0, np.float32)
    raw[row, column] = 2
    return raw


def square(top: int, left: int, size: int = 16) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top : top + size, left : left + size] = 255
    return mask


def test_a_map_in_the_mask_hits() -> None:
    found = localise(cell(5, 6), square(80, 96), HEAD)
    assert found.inside
    assert found.within_8px
    # A bilinear tent over 3 x 3 cells has (3/4)^2 of its sum in the middle cell.
    assert found.energy == pytest.approx(0.75**2, abs=0.01)
    assert found.outside_head == 0
    assert found.mask_share == pytest.approx(16 * 16 / 192**2)


@pytest.mark.parametrize(("gap", "near"), [(7, True), (8, True), (9, False)])
def test_a_miss_counts_as_near_up_to_8_of_224_pixels(gap: int, near: bool) -> None:
    raw = cell(5, 6)  # the maximum lies on pixels 87 and 88, 103 and 104
    found = localise(raw, square(80, 104 + gap) if gap else square(80, 96), HEAD)
    first = 104 + gap - 103  # the first of equal maxima is taken: row 87, column 103
    assert not found.inside
    assert found.within_8px is (first <= 8)
    assert found.within_8px is (near and gap < 8)


def test_distance_scales_with_the_input_side() -> None:
    raw, head = cell(5, 6, side=14), np.ones((112, 112), bool)
    mask = np.zeros((112, 112), np.uint8)
    mask[40:48, 55:60] = 1  # the maximum lies on column 51: 4 pixels away, 8 of 224
    assert localise(raw, mask, head).within_8px
    assert not localise(raw, np.roll(mask, 1, axis=1), head).within_8px


def test_energy_outside_the_head_is_told() -> None:
    assert localise(cell(0, 0), square(80, 96), HEAD).outside_head > 0.7
    both = cell(0, 0)
    both[5, 6] = 2
    assert localise(both, square(80, 96), HEAD).outside_head == pytest.approx(0.4, abs=0.1)


def test_a_map_without_evidence_misses() -> None:
    found = localise(np.full((7, 7), -1.0), square(0, 0, SIDE), HEAD)
    assert (found.inside, found.within_8px, found.energy) == (False, False, 0.0)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ExplanationError, match="cannot be pointed at"):
        localise(cell(1, 1), np.zeros((SIDE, SIDE)), HEAD)


def dataset() -> dict[str, np.ndarray]:
    """Eight images: noise heads, so that no two are alike; the first two are copies of one slice."""
    rng = np.random.default_rng(4)
    levels = rng.integers(60, 255, (8, SIDE, SIDE), dtype=np.uint8) * HEAD
    levels[1] = levels[0]
    labels = np.array([0, 0, 1, 1, 3, 3, 2, 1])
    masks = np.stack([square(80, 96) for _ in labels])
    masks[1] = square(150, 40)  # contradicts its copy
    masks[6] = 0  # no tumour
    masks[7] = 0  # a tumour without a mask
    maps = np.zeros((8, 14, 14, 4), np.float32)
    for image, label in enumerate(labels):
        maps[image, ..., label] = cell(5, 6) if image != 4 else cell(10, 10)
    named = labels.copy()
    named[3] = 0  # read wrongly
    return {
        "maps": maps, "probabilities": np.eye(4, dtype=np.float32)[named], "labels": labels, "masks": masks,
        "levels": levels,
    }  # fmt: skip


def test_figures_count_what_is_measured_and_what_is_left_out() -> None:
    figures = localisation_figures(**dataset(), groups=[f"s{i // 2}" for i in range(8)], bootstrap=200)
    left_out = ("tumours", "without_mask", "mask_contradicted", "named_wrongly", "n")
    assert {name: figures[name] for name in left_out} == {
        "tumours": 7, "without_mask": 1, "mask_contradicted": 2, "named_wrongly": 1, "n": 3,
    }  # fmt: skip
    assert figures["inside"] == pytest.approx(2 / 3)
    assert set(figures["per_class"]) == {"meningioma", "pituitary"}
    assert figures["per_class"]["meningioma"]["inside"] == 1
    assert figures["per_class"]["pituitary"]["inside"] == 0.5
    for name in MEASURES:
        low, high = figures["intervals"][name]
        assert low - 1e-9 <= figures[name] <= high + 1e-9


def test_intervals_draw_whole_subjects() -> None:
    """The pituitary tumours, one hit and one miss: as one subject there is nothing to vary, and no interval."""
    data = {name: values[4:6] for name, values in dataset().items()}
    assert "intervals" not in localisation_figures(**data, groups=["a", "a"])
    assert localisation_figures(**data, groups=["a", "b"])["intervals"]["inside"] == [0.0, 1.0]
    twice = {name: np.concatenate((values, values)) for name, values in data.items()}
    by_subject = localisation_figures(**twice, groups=["a", "a", "b", "b"])["intervals"]["inside"]
    assert by_subject == [0.5, 0.5]


def test_nothing_to_measure_gives_no_figures() -> None:
    data = {name: values[6:] for name, values in dataset().items()}
    figures = localisation_figures(**data)
    assert (figures["n"], figures["inside"], figures["energy"], figures["per_class"]) == (0, None, None, {})
    with pytest.raises(ExplanationError, match="as many of each"):
        localisation_figures(**{**data, "labels": data["labels"][:1]})
