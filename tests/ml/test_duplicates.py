import hashlib

import cv2
import numpy as np

from ml.duplicates import (
    NEAR_DUPLICATE_BITS,
    Groups,
    hamming,
    near_pairs,
    phash,
    phash_mirrored,
    pixel_sha256,
    whole_groups,
)


def picture(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 9)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (180, 200), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def test_pixel_hash_is_what_it_says() -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert pixel_sha256(pixels) == hashlib.sha256(b"2x3:|u1:" + bytes(range(6))).hexdigest()


def test_pixel_hash_tells_shape_and_depth_apart_but_not_memory_order_or_byte_order() -> None:
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert (
        pixel_sha256(pixels) == pixel_sha256(np.asfortranarray(pixels)) == pixel_sha256(pixels.astype(">u2"))
    )
    assert len({pixel_sha256(a) for a in (pixels, pixels.reshape(4, 3), pixels.astype(np.uint8))}) == 3


def test_perceptual_hash_survives_recompression_resizing_and_light() -> None:
    image = picture(1)
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    for changed in (
        cv2.imdecode(jpeg, 0),
        cv2.resize(image, (120, 130)),
        (image * 0.8 + 10).astype(np.uint8),
    ):
        assert hamming(phash(image), phash(changed)) <= NEAR_DUPLICATE_BITS


def test_mirrored_hash_is_the_hash_of_the_mirror() -> None:
    image = picture(2)
    assert phash_mirrored(image) == phash(image[:, ::-1].copy())
    assert hamming(phash(image), phash_mirrored(image)) > NEAR_DUPLICATE_BITS


def test_hash_is_the_same_in_sixteen_bits() -> None:
    assert phash(picture(3)) == phash(picture(3).astype(np.uint16))


def test_near_pairs_equal_brute_force() -> None:
    rng = np.random.default_rng(4)
    base = [int(value) for value in rng.integers(0, 2**63, 20, dtype=np.uint64)]
    values = base + [value ^ 0b111 for value in base[:5]] + [2**64 - 1, 0]
    expected = [
        (i, j) for i in range(len(values)) for j in range(i + 1, len(values))
        if hamming(values[i], values[j]) <= NEAR_DUPLICATE_BITS
    ]  # fmt: skip
    assert near_pairs(values) == expected
    assert {(i, i + 20) for i in range(5)} <= set(expected)
    assert near_pairs([7], [6, 2**64 - 1]) == [(0, 0)]


def test_groups_grow_together() -> None:
    groups: Groups[str] = Groups()
    groups.join("a", "b")
    groups.join("c", "d")
    assert groups.find("a") == groups.find("b") != groups.find("c")
    groups.join("b", "d")
    assert len({groups.find(key) for key in "abcd"}) == 1
    assert groups.find("e") == "e"


def test_a_group_is_a_subject_with_every_cluster_of_its_images():
    clusters = ["c", "b", "a", "d", "d", "", "e"]
    subjects = ["one", "one", "", "two", "one", "", ""]
    assert whole_groups(clusters, subjects) == ("b", "b", "a", "b", "b", "", "e")
    assert whole_groups(["b", "a", "b"], ["", "", ""]) == ("b", "a", "b")
    assert whole_groups([], []) == ()
