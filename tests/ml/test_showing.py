"""Levels as a screen shows them."""

import numpy as np
import pytest

from ml.showing import to_eight_bits


def test_eight_bits_stay() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(to_eight_bits(pixels), pixels)


def test_a_window_spans_black_to_white() -> None:
    pixels = np.array([[0, 100, 150, 200, 4095]], np.uint16)
    assert to_eight_bits(pixels, (150, 100)).tolist() == [[0, 0, 128, 255, 255]]
    assert to_eight_bits(pixels.clip(0, 255).astype(np.uint8), (150, 100)).tolist() == [[0, 0, 128, 255, 255]]


def test_sixteen_bits_without_a_window_span_what_they_use() -> None:
    pixels = np.linspace(0, 1000, 10_000).round().astype(np.uint16).reshape(100, 100)
    pixels[0, 0] = 65535
    shown = to_eight_bits(pixels)
    assert (shown.min(), shown.max()) == (0, 255)
    assert 120 < np.median(shown) < 135


@pytest.mark.parametrize("level", [0, 7, 65535])
def test_an_even_ground(level: int) -> None:
    assert len(np.unique(to_eight_bits(np.full((4, 4), level, np.uint16)))) == 1
