"""The stored form: built from pixels alone, the same for the same pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from classifier.intake import CanonicalImage, Decoder, Limits
from ml.duplicates import phash, phash_mirrored, pixel_sha256
from tests.classifier.intake.cases import chunk, chunks_of, encode, picture, with_chunk
from tests.classifier.intake.doors import canonicalise


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_holds_the_pixels_and_nothing_else(dtype: type) -> None:
    pixels = picture(1).astype(dtype) * (257 if dtype is np.uint16 else 1)
    image = CanonicalImage.from_pixels(pixels)
    assert [kind for kind, _ in chunks_of(image.png)] == [b"IHDR", b"IDAT", b"IEND"]
    with Image.open(io.BytesIO(image.png)) as stored:
        assert np.array_equal(np.asarray(stored), pixels)
    assert image.png[24:26] == bytes([image.bits, 0])
    assert image.bits == 8 * np.dtype(dtype).itemsize
    assert (image.width, image.height) == (96, 80)
    assert image.pixel_sha256 == pixel_sha256(pixels)
    assert (image.phash, image.phash_mirrored) == (phash(pixels), phash_mirrored(pixels))
    assert (image.window, image.orientation) == (None, 1)


def test_the_same_pixels_give_the_same_bytes(limits: Limits, decoder: Decoder) -> None:
    pixels = picture(2)
    plain = encode(pixels, compress_level=1)
    talking = with_chunk(encode(pixels, compress_level=9), chunk(b"tEXt", b"PatientName\0X"))
    images = [canonicalise(data, None, limits, decoder) for data in (plain, talking, plain)]
    assert len({image.png for image in images}) == 1
    assert len({image.pixel_sha256 for image in images}) == 1


def test_what_is_stored_comes_in_again_as_itself(limits: Limits, decoder: Decoder) -> None:
    once = CanonicalImage.from_pixels(picture(3).astype(np.uint16) * 256)
    again = canonicalise(once.png, "x.png", limits, decoder)
    assert (again.png, again.pixel_sha256, again.bits) == (once.png, once.pixel_sha256, 16)


def test_pixels_are_owned_and_read_only() -> None:
    source = picture(4)
    image = CanonicalImage.from_pixels(source, window=(100.0, 50.0))
    source[:] = 0
    assert image.pixels.any()
    assert image.window == (100.0, 50.0)
    with pytest.raises(ValueError, match="read-only"):
        image.pixels[0, 0] = 1


@pytest.mark.parametrize("pixels", [np.zeros((4, 4)), np.zeros((4, 4, 3), np.uint8), np.zeros(4, np.uint16)])
def test_other_arrays_are_an_error_of_ours(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"Expected \(H, W\)"):
        CanonicalImage.from_pixels(pixels)
