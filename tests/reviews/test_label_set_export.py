"""A label set taken out comes in again, elsewhere, under the same hash; what was altered on the way does not."""

import hashlib
import io
import json
import zipfile

import pgtrigger
import pytest
from django.core.management import CommandError, call_command

from classifier.models import Image
from classifier.services.removal import hide_image
from reviews.exceptions import ReviewRefused
from reviews.models import ImportedLabel, LabelSet, SplitAssignment
from reviews.selectors import manifest_of
from reviews.selectors.label_set_export import as_zip, export_members
from reviews.services.adopting import adopt_label_set, read_export
from reviews.services.importing import import_files
from reviews.services.label_sets import freeze_label_set
from reviews.services.reading import claim_image
from reviews.services.surveying import LabelledFile
from tests.factories import make_collection, make_image, make_prediction, make_study
from tests.pictures import picture, png


@pytest.fixture
def frozen(alice, collection, engineer, read):
    """A set of eight imported labels in three parts, one that a reader gave and one that waits."""
    files = []
    for number, split in enumerate(["train"] * 4 + ["validation"] * 2 + ["test"] * 2, start=1):
        data = png(picture(number))
        label = ("glioma", "meningioma", "notumor", "pituitary")[number % 4]
        files.append(LabelledFile(number, lambda data=data: data, "x.png", label, split=split))
    import_files(actor=engineer, collection=collection, dataset="first", files=files)
    image = make_image(make_study(collection, images=0), seed=50)
    make_prediction(image)
    read.finished(alice, image)
    return freeze_label_set(actor=engineer, collection=collection)


@pytest.fixture
def exported(frozen, tmp_path):
    folder = tmp_path / "out"
    call_command("export_label_set", str(frozen.number), str(folder), stdout=io.StringIO())
    return folder


@pytest.fixture
def elsewhere(engineer):
    """Another collection, in which the engineer may import."""
    other = make_collection("Elsewhere too")
    engineer.memberships.create(collection=other, role="ml_engineer")
    return other


def forget_parts():
    """What a fresh installation has: a ledger of parts without a row."""
    with pgtrigger.ignore("reviews.SplitAssignment:append_only"):
        SplitAssignment.objects.all()._raw_delete("default")


def bring(folder, collection, *options):
    call_command(
        "import_dataset", str(collection.pk), str(folder), "--as", "erin", *options, stdout=io.StringIO()
    )
    return LabelSet.objects.filter(collection=collection).first()


def test_an_export_holds_the_manifest_the_pixels_and_a_header(frozen, exported):
    assert (exported / "manifest.jsonl").read_bytes() == manifest_of(frozen)
    header = json.loads((exported / "label-set.json").read_text())
    assert (header["manifest_sha256"], header["version"], header["images"]) == (frozen.manifest_sha256, 1, 9)
    names = {path.stem for path in (exported / "images").iterdir()}
    assert names == set(Image.objects.values_list("pixel_sha256", flat=True))


def test_it_comes_in_again_under_the_same_hash(frozen, exported, elsewhere, engineer):
    adopted = bring(exported, elsewhere)
    assert (adopted.manifest_sha256, adopted.counts) == (frozen.manifest_sha256, frozen.counts)
    assert (manifest_of(adopted), adopted.dataset) == (manifest_of(frozen), "out")
    assert adopted.entries.count() == frozen.entries.count()
    parts = {
        entry.image.pixel_sha256: (entry.label, entry.split, entry.weight) for entry in adopted.entries.all()
    }
    assert parts == {
        entry.image.pixel_sha256: (entry.label, entry.split, entry.weight) for entry in frozen.entries.all()
    }
    provenance = ImportedLabel.objects.filter(image__collection=elsewhere).values_list(
        "provenance__source", flat=True
    )
    assert set(provenance) == {"imported", "reading"}
    assert bring(exported, elsewhere) == adopted
    assert LabelSet.objects.count() == 2


def test_on_a_platform_that_knows_nothing_of_it_its_parts_are_kept(frozen, exported, elsewhere, engineer):
    """As on a fresh installation: the ledger of parts is empty but for what the import writes."""
    forget_parts()
    bring(exported, elsewhere)
    for line in map(json.loads, manifest_of(frozen).decode().splitlines()):
        assert SplitAssignment.objects.get(key=f"pixels:{line['pixel_sha256']}").split == line["split"]
    again = freeze_label_set(actor=engineer, collection=elsewhere)
    assert {part: again.counts[part] for part in ("train", "validation", "test")} == {
        part: frozen.counts[part] for part in ("train", "validation", "test")
    }


def test_an_altered_image_is_refused_and_nothing_is_stored(exported, elsewhere):
    before = Image.objects.count()
    next((exported / "images").iterdir()).write_bytes(png(picture(77)))
    with pytest.raises(CommandError, match="1 of 9 images cannot be taken, so none is"):
        bring(exported, elsewhere)
    assert Image.objects.count() == before


def test_a_missing_image_is_refused_too(exported, elsewhere):
    next((exported / "images").iterdir()).unlink()
    with pytest.raises(CommandError, match="The file cannot be read"):
        bring(exported, elsewhere)
    assert not LabelSet.objects.filter(collection=elsewhere).exists()


@pytest.mark.parametrize("how", ["label", "header", "format", "twice"])
def test_an_altered_manifest_is_refused(exported, elsewhere, how):
    manifest, header = exported / "manifest.jsonl", exported / "label-set.json"
    about = json.loads(header.read_text())
    if how == "label":
        manifest.write_text(manifest.read_text().replace('"glioma"', '"notumor"'))
    elif how == "header":
        about["manifest_sha256"] = "0" * 64
    elif how == "format":
        about["version"] = 2
    else:
        manifest.write_text(manifest.read_text() * 2)
        about["manifest_sha256"] = hashlib.sha256(manifest.read_bytes()).hexdigest()
    header.write_text(json.dumps(about))
    with pytest.raises(CommandError):
        bring(exported, elsewhere)
    assert not Image.objects.filter(collection=elsewhere).exists()


def test_parts_that_clash_with_this_platforms_are_refused(frozen, exported, elsewhere):
    tested = frozen.entries.filter(split="test").first().image
    forget_parts()
    SplitAssignment.objects.create(key=f"pixels:{tested.pixel_sha256}", split="train")
    with pytest.raises(CommandError, match="1 × test there and train here"):
        bring(exported, elsewhere)
    assert not Image.objects.filter(collection=elsewhere).exists()


def test_hidden_pixels_stay_here_and_their_lines_go(frozen, elsewhere, engineer, tmp_path):
    hidden = frozen.entries.filter(split="train").first().image
    hide_image(actor=engineer, image=hidden)
    call_command("export_label_set", str(frozen.pk), str(tmp_path / "out"), stdout=io.StringIO())
    assert not (tmp_path / "out" / "images" / f"{hidden.pixel_sha256}.png").exists()
    adopted = bring(tmp_path / "out", elsewhere)
    assert adopted.manifest_sha256 == frozen.manifest_sha256
    assert adopted.entries.count() == frozen.entries.count() - 1


def left_out_of(frozen, engineer, folder):
    """An image of the training part that was hidden, and therefore is not in the export."""
    hidden = frozen.entries.filter(split="train").first().image
    hide_image(actor=engineer, image=hidden)
    call_command("export_label_set", str(frozen.pk), str(folder), stdout=io.StringIO())
    return hidden


def test_a_line_whose_pixels_did_not_come_along_clashes_like_any_other(frozen, elsewhere, engineer, tmp_path):
    hidden = left_out_of(frozen, engineer, tmp_path / "out")
    # Here the same pixels test. A training would find them by their hash, and learn from them.
    forget_parts()
    SplitAssignment.objects.create(key=f"pixels:{hidden.pixel_sha256}", split="test")
    with pytest.raises(CommandError, match="1 × train there and test here"):
        bring(tmp_path / "out", elsewhere)
    assert not LabelSet.objects.filter(collection=elsewhere).exists()
    exported = read_export(
        *[(tmp_path / "out" / name).read_bytes() for name in ("label-set.json", "manifest.jsonl")]
    )
    for line in exported.used:
        same = make_image(make_study(elsewhere, images=0))
        Image.objects.filter(pk=same.pk).update(pixel_sha256=line["pixel_sha256"])
    with pytest.raises(ReviewRefused, match="1 × train there and test here"):
        adopt_label_set(actor=engineer, collection=elsewhere, exported=exported, dataset="out")


def test_a_header_cannot_leave_out_what_tests_here_over_a_near_duplicate(
    frozen, exported, elsewhere, engineer
):
    held = frozen.entries.filter(split="train").first().image
    forget_parts()
    SplitAssignment.objects.create(key=f"cluster:{held.cluster}", split="test")
    about = json.loads((exported / "label-set.json").read_text())
    about["left_out"] = {held.pixel_sha256: "As somebody says."}
    (exported / "label-set.json").write_text(json.dumps(about))
    with pytest.raises(CommandError, match="1 × train there and test here"):
        bring(exported, elsewhere)
    assert not LabelSet.objects.filter(collection=elsewhere).exists()


def test_what_comes_later_is_where_the_set_has_it(frozen, elsewhere, engineer, tmp_path):
    hidden = left_out_of(frozen, engineer, tmp_path / "out")
    forget_parts()
    Image.objects.filter(pk=hidden.pk).update(pixel_sha256="f" * 64)  # nowhere on this platform
    adopted = bring(tmp_path / "out", elsewhere)
    assert adopted is not None
    assert SplitAssignment.objects.get(key=f"pixels:{hidden.pixel_sha256}").split == "train"


def test_the_counts_are_those_of_the_lines_whatever_the_header_says(frozen, exported, elsewhere):
    about = json.loads((exported / "label-set.json").read_text())
    (exported / "label-set.json").write_text(json.dumps(about | {"counts": {"train": 10_000}}))
    assert bring(exported, elsewhere).counts == frozen.counts


@pytest.mark.parametrize(
    "change",
    [{"weight": "much"}, {"weight": -1}, {"weight": float("nan")}, {"provenance": ["somewhere"]},
     {"provenance": {"path": "\0"}}, {"reason": "\ud800"}],
)  # fmt: skip
def test_a_line_that_the_database_would_not_take_is_refused(exported, change):
    lines = [json.loads(line) for line in (exported / "manifest.jsonl").read_text().splitlines()]
    manifest = "".join(f"{json.dumps(line | change)}\n" for line in lines).encode()
    about = json.loads((exported / "label-set.json").read_text())
    about["manifest_sha256"] = hashlib.sha256(manifest).hexdigest()
    with pytest.raises(ReviewRefused) as refused:
        read_export(json.dumps(about).encode(), manifest)
    assert refused.value.code == "bad_export"


def test_what_a_set_excludes_is_not_taken_along(alice, bob, collection, frozen, read, engineer):
    disputed = make_image(make_study(collection, images=0), seed=60)
    make_prediction(disputed)
    claim_image(reader=alice, image=disputed)
    read.finished(alice, disputed, "not_assessable")
    again = freeze_label_set(actor=engineer, collection=collection)
    names = [name for name, _ in export_members(again)]
    assert f"images/{disputed.pixel_sha256}.png" not in names
    assert len(names) == 11


def test_a_stream_is_the_same_archive_each_time(frozen):
    one, other = (b"".join(as_zip(export_members(frozen))) for _ in range(2))
    assert one == other
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        assert archive.testzip() is None
        assert archive.read("manifest.jsonl") == manifest_of(frozen)


def test_a_dry_run_and_a_full_folder_change_nothing(frozen, exported, elsewhere, collection):
    assert bring(exported, elsewhere, "--dry-run") is None
    with pytest.raises(CommandError, match="not an empty folder"):
        call_command("export_label_set", "1", str(exported))
