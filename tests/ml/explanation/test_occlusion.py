import numpy as np
import pytest

from ml.explanation import ExplanationError, agreement, occlude
from ml.explanation.occlusion import Fill

SIDE = 64


def planted(x: int = 36, y: int = 20) -> np.ndarray:
    levels = np.full((SIDE, SIDE), 60, np.uint8)
    levels[y : y + 8, x : x + 8] = 250
    return levels


def brightness(batch: np.ndarray) -> np.ndarray:
    """A model that sees bright pixels and nothing else."""
    return np.maximum(batch[..., 0] - 0.5, 0).sum(axis=(1, 2))


@pytest.mark.parametrize("fill", ["blurred", "mean", "grey"])
def test_covering_what_the_model_sees_costs_most(fill: Fill) -> None:
    found = occlude(planted(), brightness, patch=16, stride=8, fill=fill)
    assert found.shape == (SIDE, SIDE)
    places = np.argwhere(found >= 0.99 * found.max())
    assert places.mean(axis=0) == pytest.approx((23.5, 39.5), abs=0.5)
    assert found.max() > 0
    assert np.abs(found[44:]).max() == 0
    assert np.abs(found[:, :16]).max() == 0


def test_the_fall_is_the_mean_over_the_squares_that_covered_a_pixel() -> None:
    """Squares side by side: each pixel is covered once, so the falls are known."""
    levels = planted(x=32, y=16)
    whole = float(brightness((levels[np.newaxis, ..., np.newaxis] / 127.5 - 1).astype(np.float32))[0])
    found = occlude(levels, brightness, patch=16, stride=16, fill="grey", batch_size=3)
    expected = np.zeros((SIDE, SIDE))
    expected[16:32, 32:48] = whole
    assert found == pytest.approx(expected, abs=1e-3)


def test_every_pixel_is_covered_where_the_stride_does_not_divide_the_side() -> None:
    seen = []

    def count(batch: np.ndarray) -> np.ndarray:
        seen.append(len(batch))
        return batch.mean(axis=(1, 2, 3))

    found = occlude(planted(), count, patch=24, stride=15, fill="grey")
    assert np.isfinite(found).all()
    assert (found != 0).all()
    assert sum(seen) == 1 + 5 * 5


def test_a_patch_that_does_not_fit_is_refused() -> None:
    for patch, stride in ((65, 8), (16, 17), (16, 0)):
        with pytest.raises(ExplanationError, match="does not fit an image of 64"):
            occlude(planted(), brightness, patch=patch, stride=stride)
    with pytest.raises(ExplanationError, match="fill 'black' is not known"):
        occlude(planted(), brightness, fill="black")  # type: ignore[arg-type]


def test_agreement_of_maps_that_are_alike_opposite_and_unrelated() -> None:
    rng = np.random.default_rng(0)
    one = rng.random((40, 40))
    same = agreement(one, 3 * one**3)
    assert (same.spearman, same.top_overlap, same.places) == (pytest.approx(1), 1, 1600)
    assert 0.8 < same.pearson < 1
    assert agreement(one, -one).spearman == pytest.approx(-1)
    assert agreement(one, -one).top_overlap == 0
    unrelated = agreement(one, rng.random((40, 40)))
    assert abs(unrelated.spearman) < 0.1
    assert abs(unrelated.top_overlap - 0.1) < 0.08


def test_agreement_looks_inside_the_area_alone() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random((2, 30, 30))
    inside = np.zeros((30, 30), bool)
    inside[5:15, 5:15] = True
    other[inside] = one[inside] * 2 + 1
    found = agreement(one, other, inside)
    assert found.pearson == pytest.approx(1)
    assert found.places == 100
    assert agreement(one, other).spearman < 0.5


def test_agreement_with_a_flat_map_is_undefined_and_of_few_places_refused() -> None:
    flat = agreement(np.ones((7, 7)), np.eye(7))
    assert (flat.spearman, flat.pearson, flat.top_overlap) == (None, None, None)
    with pytest.raises(ExplanationError, match="9 places are too few"):
        agreement(np.ones((3, 3)), np.ones((3, 3)))
    with pytest.raises(ExplanationError, match="cannot be compared"):
        agreement(np.ones((7, 7)), np.ones((14, 14)))
