import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ml.inspection import ImageError, Labelled, find_images, inspect_images, looks_like_ct, read_grey
from ml.inspection.files import read_with_facts, source_of
from ml.inspection.gallery import Gallery, make_gallery
from ml.inspection.measures import pixel_measures
from ml.inspection.pairs import duplicate_pairs
from ml.inspection.seen import decode
from ml.inspection.survey import same_pairs, survey_of
from ml.report import to_text
from ml.report.inspection import inspection_page, inspection_sections


def picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (96, 96), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def ellipse(ring: int, thick: float) -> np.ndarray:
    ys, xs = np.mgrid[0:256, 0:256]
    radius = np.hypot((ys - 128) / 100, (xs - 128) / 80)
    image = np.where(radius < 1, 100, 0)
    image[(radius < 1) & (radius > 1 - thick)] = ring
    return image.astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def put(name: str, pixels: np.ndarray) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path, quality=95)

    put("Training/glioma/a.png", picture(1))
    put("Training/glioma/a_again.png", picture(1))
    put("Training/notumor/b.png", picture(2))
    put("Training/masks/b.png", picture(2))
    put("Testing/meningioma/a_exact.png", picture(1))
    put("Testing/glioma/b_near.jpg", picture(2))
    put("Testing/pituitary/b_mirrored.png", picture(2)[:, ::-1].copy())
    put("Testing/pituitary/alone.png", picture(3))
    (tmp_path / "Testing/pituitary/broken.jpg").write_bytes(
        (tmp_path / "Testing/glioma/b_near.jpg").read_bytes()[:300]
    )
    (tmp_path / "Testing/pituitary/text.png").write_text("no image")
    return tmp_path


def test_survey_finds_what_was_planted(folder: Path) -> None:
    survey = inspect_images(find_images([folder]), folder)
    assert (survey["images"], survey["readable"]) == (9, 7)
    assert survey["classes"] == {
        "test": {"glioma": 1, "meningioma": 1, "pituitary": 2},
        "train": {"glioma": 2, "notumor": 1},
    }
    assert [entry["file"] for entry in survey["corrupt"]] == [
        "Testing/pituitary/broken.jpg", "Testing/pituitary/text.png",
    ]  # fmt: skip
    pairs = {kind: found["pairs"] for kind, found in survey["duplicates"].items()}
    assert pairs == {"exact": 3, "near": 1, "mirrored": 2}
    assert survey["clusters"] == {"count": 3, "largest": 3}
    names = ("up_to_exact", "up_to_near", "up_to_mirrored")
    rows = {
        (leak["from"], leak["into"]): [leak["images"], *(leak[n] for n in names)]
        for leak in survey["leakage"]
    }
    assert rows == {("train", "test"): [4, 1, 2, 3], ("test", "train"): [3, 2, 3, 3]}


def test_survey_says_where_duplicates_lie_and_which_labels_contradict(folder: Path) -> None:
    survey = inspect_images(find_images([folder]), folder)
    exact = survey["duplicates"]["exact"]
    assert exact["images"] == 3
    assert exact["where"] == [
        {"splits": ["train", "train"], "pairs": 1},
        {"splits": ["train", "test"], "pairs": 2},
    ]
    torn = [(found["kind"], set(found["labels"])) for found in survey["conflicts"]]
    assert torn.count(("exact", {"glioma", "meningioma"})) == 2
    assert ("near", {"glioma", "notumor"}) in torn
    assert {tuple(found["files"]) for found in survey["conflicts"] if found["kind"] == "exact"} == {
        ("Testing/meningioma/a_exact.png", "Training/glioma/a.png"),
        ("Testing/meningioma/a_exact.png", "Training/glioma/a_again.png"),
    }


def test_what_only_hashes_call_near_is_not_the_same_image(folder: Path) -> None:
    seen, corrupt = decode(find_images([folder]), folder)
    one, other = (next(s for s in seen if s.image.path.name == name) for name in ("b.png", "alone.png"))
    both = [one, replace(other, phash=one.phash)]
    assert duplicate_pairs(both)["near"] == [(0, 1)]
    survey = survey_of(both, corrupt, same_pairs(both), root=folder)
    assert survey["duplicates"]["near"]["pairs"] == 0
    assert survey["conflicts"] == []
    both[1] = replace(both[1], small=one.small)
    survey = survey_of(both, corrupt, same_pairs(both))
    assert survey["duplicates"]["near"]["pairs"] == 1
    assert [found["kind"] for found in survey["conflicts"]] == ["near"]


def test_sizes_and_intensities_by_split_and_class(folder: Path) -> None:
    survey = inspect_images(find_images([folder]), folder)
    (row,) = [r for r in survey["sizes_by_class"] if (r["split"], r["label"]) == ("train", "glioma")]
    assert (row["images"], row["different"], row["commonest"]) == (2, 1, {"96x96": 2})
    (row,) = [r for r in survey["intensities"]["groups"] if (r["split"], r["label"]) == ("train", "glioma")]
    expected = np.histogram(picture(1), bins=survey["intensities"]["edges"])[0] / picture(1).size
    assert row["shares"] == pytest.approx(expected.tolist(), abs=1e-4)
    assert row["mean"] == pytest.approx(picture(1).mean(), abs=0.01)


@pytest.mark.parametrize("quality", [10, 35, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_quality_is_read_from_the_tables(tmp_path: Path, quality: int, mode: str) -> None:
    Image.fromarray(picture(1)).convert(mode).save(tmp_path / "a.jpg", quality=quality)
    _, facts = read_with_facts(tmp_path / "a.jpg")
    assert facts.jpeg_quality == quality
    assert (facts.mode, facts.width, facts.height) == (mode, 96, 96)
    assert facts.size == (tmp_path / "a.jpg").stat().st_size


def test_a_png_has_no_jpeg_quality(tmp_path: Path) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "a.png")
    assert read_with_facts(tmp_path / "a.png")[1].jpeg_quality is None


def test_measures_of_a_drawn_border() -> None:
    pixels = np.full((100, 200), 30, np.uint8)
    pixels[10:95, 40:180] = np.random.default_rng(0).integers(60, 250, (85, 140))
    found = pixel_measures(pixels)
    names = ("border_top", "border_bottom", "border_left", "border_right", "border_level")
    assert [found[name] for name in names] == [0.10, 0.05, 0.20, 0.10, 30.0]
    assert found["mean"] == pytest.approx(pixels.mean())
    assert found["std"] == pytest.approx(pixels.std())
    for share in (5, 50, 95):
        assert found[f"p{share:02d}"] == pytest.approx(np.percentile(pixels, share), abs=1)
    assert pixel_measures(np.zeros((8, 8), np.uint8))["border_top"] == 1.0


def test_the_source_is_what_the_folders_say_beside_label_and_split() -> None:
    image = Labelled(Path("/d/siteA/Training/glioma/x.png"), "glioma", "train")
    assert source_of(image, Path("/d")) == "siteA"
    assert source_of(Labelled(Path("/d/Testing/no_tumor/x.png"), "notumor", "test"), Path("/d")) == ""


def surveyed(root: Path) -> tuple[dict, Gallery]:
    """What `inspect` hands to its report; two labels are too few groups to audit here."""
    seen, corrupt = decode(find_images([root]), root)
    pairs = same_pairs(seen)
    survey = survey_of(seen, corrupt, pairs, root=root)
    survey["shortcuts"] = {"audited": False, "reason": "Too few images."}
    return survey, make_gallery(seen, pairs, root)


def test_page_and_text_say_the_same(folder: Path) -> None:
    survey, gallery = surveyed(folder)
    text, page = to_text(inspection_sections(survey)), inspection_page(survey, gallery)
    assert "train into test  4       1      2        3            75%" in text
    assert "The splits leak: 3 of 4 test images" in text
    assert "The splits leak: 3 of 4 test images" in page
    cells = "".join(f'<td class="num">{number}</td>' for number in (4, 1, 2, 3))
    assert f'<th scope="row">train into test</th>{cells}<td>75%</td>' in page
    for name in ("Testing/pituitary/broken.jpg", "Too few images."):
        assert name in text
        assert name in page


def test_the_page_shows_examples_and_asks_for_nothing_else(folder: Path) -> None:
    survey, gallery = surveyed(folder)
    page = inspection_page(survey, gallery)
    shown = set(re.findall(r'(?:src|href)="([^"#]{1,16})', page))
    assert shown == {"data:,", "data:image/jpeg;"}
    assert [len(gallery.samples[key]) for key in (("train", "glioma"), ("test", "meningioma"))] == [2, 1]
    ((kind, first, second), (shot, *_)), *_ = gallery.pairs.items()
    assert (kind, first, second) == ("exact", "train", "test")
    assert shot.caption.startswith("Training/glioma/a")
    both = cv2.imdecode(np.frombuffer(shot.data, np.uint8), cv2.IMREAD_GRAYSCALE)
    left, right = both[:, :96].astype(int), both[:, -96:].astype(int)
    assert np.abs(left - right).mean() < 3
    assert np.abs(left - picture(1)).mean() < 6
    assert {shot.caption.split(":")[0] for shot in gallery.conflicts} >= {"exact", "near"}


def test_file_names_cannot_inject_html(tmp_path: Path) -> None:
    (tmp_path / "<b>x.png").write_text("no image")
    Image.fromarray(picture(1)).save(tmp_path / "<i>y.png")
    page = inspection_page(*surveyed(tmp_path))
    assert "<b>" not in page
    assert "<i>y" not in page
    assert "&lt;b&gt;x.png" in page


def test_ct_is_told_by_a_thick_closed_bright_skull() -> None:
    assert looks_like_ct(ellipse(ring=255, thick=0.12))
    assert not looks_like_ct(ellipse(ring=255, thick=0.01))
    assert not looks_like_ct(ellipse(ring=180, thick=0.12))
    half = ellipse(ring=255, thick=0.12)
    half[:, 128:] = np.minimum(half[:, 128:], 200)
    assert not looks_like_ct(half)
    assert not looks_like_ct(np.zeros((64, 64), np.uint8))


def test_grey_of_every_mode_and_depth(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    Image.fromarray(rgb).convert("L").save(tmp_path / "l.png")
    assert np.array_equal(read_grey(tmp_path / "rgb.png"), read_grey(tmp_path / "l.png"))
    wide = (np.arange(600, dtype=np.uint16) * 100).reshape(20, 30)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert np.array_equal(read_grey(tmp_path / "wide.png"), wide)
    Image.fromarray(rgb).save(tmp_path / "lies.png", format="TIFF")
    with pytest.raises(ImageError, match=r"lies\.png cannot be read"):
        read_grey(tmp_path / "lies.png")


def test_no_image_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no PNG or JPEG"):
        find_images([tmp_path])
    with pytest.raises(ImageError, match="does not exist"):
        find_images([tmp_path / "gone"])


@pytest.mark.data
def test_real_ct_heads_are_told_from_real_mri(real_data: Path) -> None:
    brisc = sorted((real_data / "brisc_notumor").glob("*.jpg"))
    found = [path for path in brisc if looks_like_ct(read_grey(path))]
    assert len(found) == 54
    assert {path.name.split("_")[4] for path in found} == {"ax"}
