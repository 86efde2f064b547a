"""The audit against images whose only tie to their label is one that was planted, or none."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.inspection import find_images
from ml.inspection.pairs import clusters
from ml.inspection.seen import decode
from ml.inspection.shortcuts import audit_shortcuts, meaning, views_of
from ml.labels import CLASSES
from tests.pictures import picture

EACH = 20


def audit(root: Path) -> dict:
    seen, corrupt = decode(find_images([root]), root)
    assert corrupt == []
    return audit_shortcuts(seen, clusters(seen), root)


def put(path: Path, pixels: np.ndarray, **how: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **how)


def view(found: dict, name: str) -> dict:
    return next(one for one in found["views"] if one["name"] == name)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Nothing tells the class, but every drawing is there twice: whoever cut through copies would know answers."""
    root, rng = tmp_path_factory.mktemp("plain"), np.random.default_rng(5)
    for number in range(2 * EACH):
        image = np.pad(picture(seed=number, size=96)[12:-12, 16:-16], 4 + 9 * int(rng.integers(4)))
        for copy in range(2):
            put(root / CLASSES[number % 4] / f"{number}-{copy}.jpg", image, quality=60 + number)
    return audit(root)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The border's width goes with the class, and so, by a little, does the quality of the JPEG."""
    root = tmp_path_factory.mktemp("planted")
    for number in range(4 * EACH):
        image = np.pad(picture(seed=number, size=96)[12:-12, 16:-16], 4 + 9 * (number % 4))
        put(root / CLASSES[number % 4] / f"{number}.jpg", image, quality=95 - number % 4)
    return audit(root)


def test_without_a_shortcut_the_score_is_near_guessing(plain: dict) -> None:
    assert plain["audited"]
    assert (plain["images"], plain["groups"]) == (4 * EACH, 2 * EACH)
    assert plain["baseline"]["balanced_accuracy"] == 0.25
    for one in plain["views"]:
        assert one["balanced_accuracy"] < 0.45, one["name"]


def test_a_border_by_class_is_found_and_named(planted: dict) -> None:
    pixels = view(planted, "pixels")
    assert pixels["balanced_accuracy"] > 0.97
    assert {row["feature"]: row["alone"] for row in pixels["features"]}["border_top"] > 0.9
    assert view(planted, "everything")["balanced_accuracy"] > 0.97
    assert "right for the wrong reason" in " ".join(planted["meaning"])


def test_the_crop_around_the_head_takes_the_border_away(planted: dict) -> None:
    after = view(planted, "pixels_after")
    assert after["balanced_accuracy"] < 0.5
    assert {row["feature"]: row["alone"] for row in after["features"]}["border_top"] < 0.4
    assert "removes" in planted["meaning"][-1]


def test_jpeg_quality_by_class_is_found_in_the_file_alone(planted: dict) -> None:
    file = view(planted, "file")
    assert file["balanced_accuracy"] > 0.97
    assert {row["feature"]: row["alone"] for row in file["features"]}["jpeg_quality"] > 0.97


def test_too_little_is_not_audited(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / "glioma" / f"{number}.png", picture(seed=number))
    assert audit(tmp_path)["reason"].startswith("The images carry fewer than two labels")
    put(tmp_path / "notumor" / "9.png", picture(seed=9))
    found = audit(tmp_path)
    assert not found["audited"]
    assert found["reason"].startswith("A class has fewer than two groups")


def test_views_hold_a_number_for_each_image_and_feature(tmp_path: Path) -> None:
    put(tmp_path / "siteA" / "glioma" / "1.png", picture(1))
    put(tmp_path / "siteB" / "glioma" / "2.jpg", picture(2))
    seen, _ = decode(find_images([tmp_path]), tmp_path)
    everything, file, *_ = views_of(seen, tmp_path)
    assert everything.numbers.shape == (2, len(everything.features))
    by_name = dict(zip(file.features, file.numbers.T, strict=True))
    assert by_name["source"].tolist() == [0.0, 1.0]
    assert np.isnan(by_name["jpeg_quality"]).tolist() == [True, False]


def test_the_meaning_goes_with_the_score() -> None:
    def said(before: float, after: float) -> str:
        views = [
            {"balanced_accuracy": value, "accuracy": value, "features": [1]} for value in (before, after)
        ]
        return " ".join(meaning({"label": "glioma", "accuracy": 0.3, "balanced_accuracy": 0.25}, views))

    assert "little more than guessing" in said(0.27, 0.26)
    assert "well above guessing" in said(0.5, 0.5)
    assert "far above guessing" in said(0.9, 0.9)
    assert "removes little" in said(0.9, 0.85)
    assert "removes 62% of the gain" in said(0.9, 0.5)
