import numpy as np
import pytest
from PIL import Image

from ml.preprocessing import Frame, Preprocessing, PreprocessingError, scale, to_grey

SPEC = Preprocessing()


def head(
    height: int = 200, width: int = 300, centre: tuple[int, int] = (90, 180), radius: int = 60
) -> np.ndarray:
    """A disc with texture on black."""
    ys, xs = np.mgrid[0:height, 0:width]
    inside = np.hypot(ys - centre[0], xs - centre[1]) < radius
    return np.where(inside, 90 + (xs * 7 + ys * 5) % 60, 0).astype(np.uint8)


def test_grey_equals_pillow_for_every_combination_that_rounds() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (128, 512, 3), dtype=np.uint8)
    assert np.array_equal(to_grey(rgb), np.asarray(Image.fromarray(rgb).convert("L")))


def test_grey_refuses_what_is_not_rgb() -> None:
    with pytest.raises(PreprocessingError, match=r"shape \(H, W, 3\)"):
        to_grey(np.zeros((4, 4), np.uint8))


def test_shape_range_and_determinism() -> None:
    first, second = SPEC.apply(head()), SPEC.apply(head())
    assert first.shape == (224, 224, 1)
    assert first.dtype == np.float32
    assert first.min() == -1
    assert first.max() == 1
    assert first.tobytes() == second.tobytes()


def test_frame_is_a_square_around_the_head_and_may_leave_the_image() -> None:
    frame = SPEC.frame(head())
    assert frame.side == pytest.approx(120 * 1.06, abs=8)
    assert frame.x + frame.side / 2 == pytest.approx(180, abs=3)
    assert frame.y + frame.side / 2 == pytest.approx(90, abs=3)
    at_the_edge = SPEC.frame(head(centre=(40, 180)))
    assert at_the_edge.y < 0


def test_input_and_frame_at_once_are_those_one_by_one() -> None:
    for pixels, bits, window in ((head(), 8, None), (head().astype(np.uint16) * 16, 12, (900.0, 1200.0))):
        levels, frame = SPEC.apply_framed(pixels, bits, window)
        assert frame == SPEC.frame(pixels, bits, window)
        assert np.array_equal(levels, scale(SPEC.levels(pixels, bits, window)))


def test_the_same_head_looks_the_same_wherever_it_lies() -> None:
    one, other = head(centre=(90, 180)), np.roll(head(centre=(90, 180)), (20, -60), (0, 1))
    assert np.array_equal(SPEC.levels(one), SPEC.levels(other))


def test_brightness_and_contrast_do_not_matter() -> None:
    dim = (head() * 0.5).astype(np.uint8)
    assert np.abs(SPEC.levels(head()).astype(int) - SPEC.levels(dim)).mean() < 4


def test_flat_and_empty_images_stay_flat() -> None:
    for value in (0, 7, 255):
        flat = np.full((50, 70), value, np.uint8)
        assert len(np.unique(SPEC.levels(flat)[60:160, 60:160])) == 1
        assert SPEC.frame(flat) == Frame(-2, -12, 74)


def test_sixteen_bits_equal_eight_when_they_hold_the_same() -> None:
    eight = head()
    wide = eight.astype(np.uint16) * 16
    windowed = SPEC.levels(wide, 12, (255 * 16 / 2, 255 * 16))
    assert np.array_equal(windowed, SPEC.levels(eight))
    assert np.abs(SPEC.levels(wide, 12).astype(int) - SPEC.levels(eight)).max() <= 3


def test_window_clips_what_lies_outside() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint16), (256, 1))
    levels = SPEC.levels(ramp, 8, (128, 2))
    assert np.isin(levels, (0, 255)).mean() > 0.97
    assert not np.isin(SPEC.levels(ramp), (0, 255)).mean() > 0.2


@pytest.mark.parametrize("window", [(100, 0), (100, -5), (float("nan"), 10), (100, float("inf"))])
def test_impossible_windows_are_refused(window: tuple[float, float]) -> None:
    with pytest.raises(PreprocessingError, match="width above 0"):
        SPEC.apply(head(), 8, window)


@pytest.mark.parametrize(
    ("pixels", "bits", "message"),
    [
        (np.zeros((4, 4), np.float32), 8, "uint8 or uint16"),
        (np.zeros((4, 4, 3), np.uint8), 8, "shape"),
        (np.zeros((0, 4), np.uint8), 8, "shape"),
        (np.zeros((4, 4), np.uint8), 12, "do not fit"),
        (np.full((4, 4), 4096, np.uint16), 12, "more than 12 bits"),
    ],
)
def test_bad_pixels_are_refused(pixels: np.ndarray, bits: int, message: str) -> None:
    with pytest.raises(PreprocessingError, match=message):
        SPEC.apply(pixels, bits)


def test_specification_round_trip_and_hash() -> None:
    assert Preprocessing.from_dict(SPEC.to_dict()) == SPEC
    assert SPEC.sha256() == "d17abce4b161303e1a90134ab89b96f149215d34c269b9c35e78d2d79c9e2de6"
    assert Preprocessing(high=99.0).sha256() != SPEC.sha256()
    with pytest.raises(PreprocessingError, match="crop_colour"):
        Preprocessing.from_dict({**SPEC.to_dict(), "crop_colour": 1})
    with pytest.raises(PreprocessingError, match="version 2"):
        Preprocessing(version=2)


def test_scale_is_the_last_step() -> None:
    levels = SPEC.levels(head())
    assert np.array_equal(SPEC.apply(head()), scale(levels))
