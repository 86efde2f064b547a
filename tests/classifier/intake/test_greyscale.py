"""How each mode becomes grey: one pixel test for every line of the table in docs/intake.md."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from classifier.intake import Decoder, IntakeRefused, Limits
from tests.classifier.intake.cases import (
    chunk,
    encode,
    exif,
    jpeg,
    picture,
    raw_png,
    with_chunk,
    with_segment,
)
from tests.classifier.intake.doors import canonicalise

SHAPE = (40, 48)


@pytest.fixture
def pixels(limits: Limits, decoder: Decoder):
    """The canonical pixels of a file."""
    return lambda data: canonicalise(data, None, limits, decoder).pixels


def flat(*levels: int, dtype: type = np.uint8) -> np.ndarray:
    """An image of one colour."""
    return np.full((*SHAPE, len(levels)), levels, dtype)


def rgb_ramp() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (*SHAPE, 3), np.uint8)


def test_l_is_kept_bit_by_bit(pixels) -> None:
    grey = picture(1)
    assert np.array_equal(pixels(encode(grey)), grey)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_grey_levels_span_black_to_white(pixels, depth: int) -> None:
    packed = np.tile(np.arange(16, dtype=np.uint8) * 17, (40, 1))
    per_byte = 8 // depth
    shifts = [8 - depth * (i + 1) for i in range(per_byte)]
    levels = np.stack([(packed >> shift) & (2**depth - 1) for shift in shifts], axis=-1).reshape(40, -1)
    got = pixels(raw_png(packed, 16 * per_byte, depth=depth))
    assert got.dtype == np.uint8
    assert np.array_equal(got, levels * (255 // (2**depth - 1)))
    assert set(np.unique(got)) >= {0, 255}


def test_one_bit(pixels) -> None:
    image = Image.fromarray(picture(2)).convert("1")
    got = pixels(encode(image))
    assert np.array_equal(got, np.where(np.asarray(image), 255, 0))


def test_sixteen_bits_stay_sixteen(pixels) -> None:
    grey = np.random.default_rng(3).integers(0, 65536, SHAPE, np.uint16)
    got = pixels(encode(grey))
    assert got.dtype == np.uint16
    assert np.array_equal(got, grey)


def test_rgb_is_luma(pixels) -> None:
    rgb = rgb_ramp()
    expected = np.asarray(Image.fromarray(rgb).convert("L"))
    assert np.array_equal(pixels(encode(rgb)), expected)
    assert pixels(encode(flat(255, 0, 0)))[0, 0] == 76


def test_grey_rgb_loses_nothing(pixels) -> None:
    grey = picture(4)
    assert np.array_equal(pixels(encode(np.dstack([grey] * 3))), grey)


def test_sixteen_bit_colour_keeps_the_upper_eight(pixels) -> None:
    rgb = rgb_ramp()
    rows = (rgb.astype(np.uint16) * 256 + 77).astype(">u2").view(np.uint8).reshape(SHAPE[0], -1)
    assert np.array_equal(pixels(raw_png(rows, SHAPE[1], depth=16, colour=2)), pixels(encode(rgb)))


def test_rgba_lies_over_black(pixels) -> None:
    rgb = rgb_ramp()
    alpha = np.random.default_rng(5).integers(0, 256, (*SHAPE, 1), np.uint8)
    over = np.rint(rgb * (alpha / 255.0)).astype(np.uint8)
    expected = np.asarray(Image.fromarray(over).convert("L"))
    assert np.array_equal(pixels(encode(np.dstack([rgb, alpha]))), expected)
    assert pixels(encode(flat(255, 255, 255, 0)))[0, 0] == 0


def test_la_lies_over_black(pixels) -> None:
    grey = picture(6, 48, 40)
    alpha = np.full_like(grey, 128)
    expected = np.rint(grey * (128 / 255)).astype(np.uint8)
    assert np.array_equal(
        pixels(encode(Image.merge("LA", [Image.fromarray(x) for x in (grey, alpha)]))), expected
    )


def test_sixteen_bit_la_keeps_the_upper_eight(pixels) -> None:
    samples = np.empty((*SHAPE, 2), ">u2")
    samples[..., 0], samples[..., 1] = 200 * 256 + 9, 65535
    rows = samples.view(np.uint8).reshape(SHAPE[0], -1)
    assert np.array_equal(np.unique(pixels(raw_png(rows, SHAPE[1], depth=16, colour=4))), [200])


def test_palette(pixels) -> None:
    image = Image.fromarray(rgb_ramp()).quantize(16)
    assert np.array_equal(pixels(encode(image)), np.asarray(image.convert("RGB").convert("L")))


def test_palette_with_alpha(pixels) -> None:
    image = Image.fromarray((np.indices(SHAPE).sum(axis=0) % 3).astype(np.uint8), "P")
    image.putpalette([200, 200, 200, 90, 90, 90, 10, 10, 10])
    got = pixels(encode(image, transparency=bytes([255, 128, 0])))
    levels = np.array([200, round(90 * 128 / 255), 0], np.uint8)
    assert np.array_equal(got, levels[np.asarray(image)])


def test_palette_with_one_transparent_colour(pixels) -> None:
    image = Image.fromarray((np.indices(SHAPE).sum(axis=0) % 2).astype(np.uint8), "P")
    image.putpalette([200, 200, 200, 90, 90, 90])
    assert np.array_equal(pixels(encode(image, transparency=0)), np.where(np.asarray(image), 90, 0))


@pytest.mark.parametrize(
    ("depth", "dtype", "level"), [(8, ">u1", 131), (16, ">u2", 40_001)], ids=["8-bit", "16-bit"]
)
def test_transparent_grey_level_is_black(pixels, depth: int, dtype: str, level: int) -> None:
    grey = np.full(SHAPE, level - 1, dtype)
    grey[::2] = level
    rows = grey.view(np.uint8).reshape(SHAPE[0], -1)
    got = pixels(raw_png(rows, SHAPE[1], depth=depth, before=chunk(b"tRNS", struct.pack(">H", level))))
    assert np.array_equal(got, np.where(grey == level, 0, grey))


def test_transparent_level_of_few_levels(pixels) -> None:
    rows = np.tile(np.array([0b00011011], np.uint8), (40, 10))
    got = pixels(raw_png(rows, 40, depth=2, before=chunk(b"tRNS", b"\0\2")))
    assert got[0, :4].tolist() == [0, 85, 0, 255]


def test_transparent_colour_is_black(pixels) -> None:
    rgb = flat(10, 200, 30)
    rgb[::2] = (10, 200, 31)
    before = chunk(b"tRNS", struct.pack(">3H", 10, 200, 30))
    got = pixels(raw_png(rgb.reshape(SHAPE[0], -1), SHAPE[1], colour=2, before=before))
    opaque = pixels(encode(flat(10, 200, 31)))[0, 0]
    assert set(got[0]) == {opaque}
    assert set(got[1]) == {0}


def test_transparent_sixteen_bit_colour_is_refused(pixels) -> None:
    rows = np.zeros((40, 48 * 6), np.uint8)
    with pytest.raises(IntakeRefused, match="16-bit colours with a transparent one") as refused:
        pixels(raw_png(rows, 48, depth=16, colour=2, before=chunk(b"tRNS", bytes(6))))
    assert refused.value.code == "unsupported_encoding"


def test_interlaced_png(pixels) -> None:
    # Pillow writes no interlaced files: seven passes of a flat image are all rows of the same bytes.
    sizes = [(5, 6), (5, 6), (5, 12), (10, 12), (10, 24), (20, 24), (20, 48)]
    data = b"".join((b"\0" + b"\x5a" * width) * height for height, width in sizes)
    body = struct.pack(">IIBBBBB", 48, 40, 8, 0, 0, 0, 1)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND")
    assert np.array_equal(np.unique(pixels(png)), [0x5A])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}], ids=str)
def test_grey_jpeg_equals_pillow(pixels, options: dict) -> None:
    data = jpeg(7, **options)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(pixels(data), np.asarray(image))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_colour_jpeg_equals_pillow(pixels, subsampling: str) -> None:
    rgb = np.dstack([picture(8), picture(9), picture(10)])
    data = encode(rgb, "JPEG", quality=92, subsampling=subsampling)
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(pixels(data), np.asarray(image.convert("L")))


def test_rgb_jpeg_without_luma(pixels) -> None:
    data = encode(rgb := np.dstack([picture(8), picture(9), picture(10)]), "JPEG", quality=100, keep_rgb=True)
    expected = np.asarray(Image.fromarray(rgb).convert("L")).astype(int)
    assert np.abs(pixels(data) - expected).max() <= 3


def test_cmyk_jpeg(pixels) -> None:
    data = encode(Image.new("CMYK", (48, 40), (0, 0, 0, 55)), "JPEG", quality=100)
    assert np.abs(pixels(data).astype(int) - 200).max() <= 1
    inks = np.array([51, 102, 153]) / 255
    data = encode(Image.new("CMYK", (48, 40), (51, 102, 153, 25)), "JPEG", quality=100)
    red, green, blue = 255 * (1 - inks) * (1 - 25 / 255)
    assert np.abs(pixels(data).astype(int) - (0.299 * red + 0.587 * green + 0.114 * blue)).max() <= 2


def test_ycck_jpeg(pixels) -> None:
    # The same stored samples, declared as luma and chroma of the inks: with neutral chroma all inks equal the luma.
    stored = Image.new("CMYK", (48, 40), (255 - 180, 255 - 128, 255 - 128, 255 - 240))
    data = bytearray(encode(stored, "JPEG", quality=100))
    at = data.index(b"Adobe")
    assert data[at + 11] == 0
    data[at + 11] = 2
    # Declared so, luma 180 means the inverted inks 255 - 180.
    expected = (255 - 180) * 240 / 255
    assert np.abs(pixels(bytes(data)).astype(int) - expected).max() <= 2


def test_cmyk_without_adobe_marker_is_refused(pixels) -> None:
    data = encode(Image.new("CMYK", (48, 40)), "JPEG")
    at = data.index(b"\xff\xee")
    with pytest.raises(IntakeRefused, match="CMYK and does not say") as refused:
        pixels(data[:at] + data[at + 2 + struct.unpack_from(">H", data, at + 2)[0] :])
    assert refused.value.code == "unsupported_encoding"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
def test_orientation_is_upright(limits: Limits, decoder: Decoder, orientation: int, order: str) -> None:
    mark, number = (b"II*\0", order + "I"), (b"MM\0*", order + "I")
    head = (mark if order == "<" else number)[0] + struct.pack(order + "I", 8)
    block = head + struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    data = with_chunk(encode(picture(11)), chunk(b"eXIf", block))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    got = canonicalise(data, None, limits, decoder)
    assert got.orientation == orientation
    assert (got.width, got.height) == ((80, 96) if orientation >= 5 else (96, 80))
    assert np.array_equal(got.pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_jpeg(pixels, orientation: int) -> None:
    data = with_segment(jpeg(12), 0xE1, b"Exif\0\0" + exif(orientation))
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(pixels(data), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"nonsense", exif(0), exif(9)],
    ids=["empty", "mark", "far", "cut", "words", "zero", "nine"],
)
def test_exif_that_says_nothing_leaves_the_image_as_it_is(pixels, block: bytes) -> None:
    grey = picture(13)
    assert np.array_equal(pixels(with_chunk(encode(grey), chunk(b"eXIf", block))), grey)


@pytest.mark.data
def test_real_images_equal_pillow(real_data, pixels) -> None:
    files = sorted((real_data / "nickparvar").rglob("*.jpg"))[::400] + sorted(
        (real_data / "ood").glob("photo*.jpg")
    )
    assert len(files) > 15
    for file in files:
        with Image.open(file) as image:
            assert np.array_equal(pixels(file.read_bytes()), np.asarray(image.convert("L"))), file.name
