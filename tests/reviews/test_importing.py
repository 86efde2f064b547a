"""Labelled folders come in through the door of the uploads: same checks, same pixels, and a label each."""

import csv
import io

import cv2
import numpy as np
import pytest
from django.core.management import CommandError, call_command

from classifier.exceptions import StorageQuotaReached
from classifier.intake import refused_bytes_key
from classifier.models import Image, Origin, Prediction, QuarantinedImage, Study
from classifier.services import room
from classifier.services.quarantine_decisions import release_quarantined
from classifier.services.removal import hide_image
from mriplatform.audit.models import AuditEvent
from reviews.models import ImportedLabel, SplitAssignment
from reviews.services import importing
from reviews.services.importing import import_files
from reviews.services.label_sets import freeze_label_set
from reviews.services.labelled_folders import read_labelled_folder
from reviews.services.surveying import Became, LabelledFile, survey_files
from tests.classifier.intake.dicom_files import as_file, mr
from tests.factories import make_image, make_study
from tests.pictures import picture, png

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture
def folder(tmp_path):
    """Train, Valid and Test with a picture of each class; and in Train one that is no picture."""
    root = tmp_path / "set"
    seed = 1
    for part in ("Train", "Valid", "Test"):
        for label in LABELS:
            where = root / part / label
            where.mkdir(parents=True)
            (where / "a.png").write_bytes(png(picture(seed)))
            seed += 1
    (root / "Train" / "glioma" / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return root


@pytest.fixture
def run(collection, engineer):
    """The command, and what it says."""

    def _run(folder, *options):
        said = io.StringIO()
        try:
            call_command(
                "import_dataset",
                str(collection.pk),
                str(folder),
                "--as",
                engineer.username,
                *options,
                stdout=said,
            )
        except CommandError as error:
            said.write(f"\n!{error}")
        return said.getvalue()

    return _run


def a_file(number, label="glioma", *, seed=None, **more):
    data = png(picture(seed or number))
    return LabelledFile(number, lambda: data, f"{number}.png", label, **more)


def test_what_the_intake_refuses_is_in_the_audit_by_the_hash_of_its_bytes(run, folder, settings):
    run(folder, "--dry-run")
    assert not AuditEvent.objects.filter(action="upload.refused").exists()
    run(folder)
    said = AuditEvent.objects.get(action="upload.refused").data
    bad = (folder / "Train" / "glioma" / "b.png").read_bytes()
    assert said["bytes_keys"] == [refused_bytes_key(bad, settings.SUBJECT_KEY.encode())]
    assert said["codes"] == ["damaged_image"]


def test_a_folder_comes_in_with_labels_parts_and_predictions_queued(run, folder, collection, engineer):
    said = run(folder, "--keep-splits", "--dataset", "Roboflow")
    assert "File 5: The image is damaged" in said or "(damaged_image)" in said
    assert "12 stored with their labels; 1 refused" in said
    assert "!1 of 13 files were refused." in said
    study = Study.objects.first()
    assert (study.origin, study.dataset, study.uploaded_by) == (Origin.IMPORT, "Roboflow", engineer)
    assert Image.objects.count() == Prediction.objects.filter(status="queued").count() == 12
    labels = ImportedLabel.objects.values_list("label", "split", "dataset", "imported_by")
    assert set(labels) == {
        (label, split, "Roboflow", engineer.pk)
        for label in LABELS
        for split in ("train", "validation", "test")
    }
    assert AuditEvent.objects.get(action="dataset.imported").data["stored"] == 12
    frozen = freeze_label_set(actor=engineer, collection=collection)
    assert {part: frozen.counts[part] for part in ("train", "validation", "test")} == {
        "train": 4, "validation": 4, "test": 4,
    }  # fmt: skip


def test_files_that_unpack_to_much_are_stored_in_portions(run, folder, monkeypatch):
    real, portions = importing.store_import, []

    def counted(**arguments):
        portions.append(len(arguments["parts"]))
        return real(**arguments)

    monkeypatch.setattr(importing, "store_import", counted)
    monkeypatch.setattr(room, "PORTION_BYTES", 1)
    assert "12 stored with their labels; 1 refused" in run(folder)
    assert portions == [1] * 12
    assert ImportedLabel.objects.count() == 12


def test_there_is_no_room_for_more_than_may_be_stored(collection, engineer, settings):
    settings.UPLOAD_BYTES_PER_USER = 60_000
    noise = np.random.default_rng(1).integers(0, 255, (300, 300), np.uint8)
    data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 20])[1].tobytes()
    assert len(data) < 60_000
    with pytest.raises(StorageQuotaReached):
        import_files(
            actor=engineer, collection=collection, dataset="Noise",
            files=[LabelledFile(1, lambda: data, "1.jpg", "glioma")],
        )  # fmt: skip
    assert not Image.objects.exists()
    assert not ImportedLabel.objects.exists()


def test_the_same_folder_twice_imports_nothing_twice(run, folder):
    run(folder)
    before = (Image.objects.count(), Study.objects.count(), ImportedLabel.objects.count())
    assert "12 were here with the same label; 1 refused" in run(folder)
    assert (Image.objects.count(), Study.objects.count(), ImportedLabel.objects.count()) == before


def test_a_changed_label_is_a_row_more(run, folder):
    run(folder)
    (folder / "Test" / "glioma" / "a.png").rename(folder / "Test" / "pituitary" / "moved.png")
    assert "1 have another label or part than before" in run(folder)
    assert ImportedLabel.objects.count() == 13
    newest = ImportedLabel.objects.order_by("-at", "-id").first()
    assert (newest.label, newest.image.imported_labels.count()) == ("pituitary", 2)


def test_a_dry_run_says_the_same_and_stores_nothing(run, folder):
    assert "Would be: 12 stored with their labels; 1 refused" in run(folder, "--dry-run")
    assert not Image.objects.exists()
    assert not ImportedLabel.objects.exists()


def test_the_same_pixels_with_two_labels_are_refused_all_of_them(collection, engineer):
    files = [a_file(1, "glioma", seed=7), a_file(2, "pituitary", seed=7), a_file(3, "notumor", seed=8)]
    report = import_files(actor=engineer, collection=collection, dataset="x", files=files)
    assert [(line.number, line.code) for line in report.refused] == [
        (1, "label_conflict"),
        (2, "label_conflict"),
    ]
    assert "files 1, 2" in report.refused[0].sentence
    assert ImportedLabel.objects.get().label == "notumor"


def test_of_the_same_pixels_in_two_parts_the_one_that_tests_is_passed_over(collection, engineer):
    files = [a_file(1, seed=7, split="test"), a_file(2, seed=7, split="train")]
    report = import_files(actor=engineer, collection=collection, dataset="x", files=files)
    assert report.files[1].became == Became.REPEATED
    assert "file 2, in train" in report.files[1].sentence
    assert ImportedLabel.objects.get().split == "train"


def test_parts_are_kept_for_ever_and_a_clash_is_said(collection, engineer):
    import_files(actor=engineer, collection=collection, dataset="one", files=[a_file(1, split="train")])
    assert SplitAssignment.objects.filter(split="train").exists()
    report = import_files(
        actor=engineer, collection=collection, dataset="two", files=[a_file(1, "pituitary", split="test")]
    )
    assert report.clashes == [
        "1 × test in this set, but train here, where their subjects or near-duplicates are: they stay in train."
    ]
    assert freeze_label_set(actor=engineer, collection=collection).counts["train"] == 1


def test_what_a_part_names_stays_with_its_subject(collection, engineer):
    files = [a_file(1, split="test", subject="A7"), a_file(2, subject="A7")]
    import_files(actor=engineer, collection=collection, dataset="x", files=files)
    assert Study.objects.values("subject_key").distinct().count() == 1
    assert "A7" not in Study.objects.first().subject_key
    assert freeze_label_set(actor=engineer, collection=collection).counts["test"] == 2


def test_labels_come_to_images_that_are_here_but_not_to_hidden_ones(collection, engineer):
    here, hidden = (
        make_image(make_study(collection, images=0), seed=1),
        make_image(make_study(collection, images=0), seed=2),
    )
    hide_image(actor=engineer, image=hidden)

    def sized(number, seed):
        data = png(picture(seed, size=64))
        return LabelledFile(number, lambda: data, "x.png", "glioma", plane="axial")

    report = import_files(
        actor=engineer, collection=collection, dataset="x", files=[sized(1, 1), sized(2, 2)]
    )
    assert (report.files[1].became, report.files[2].code) == (Became.LABELLED, "image_hidden")
    assert Image.objects.get(pk=here.pk).plane == "axial"
    assert Image.objects.count() == 2


@pytest.mark.parametrize(
    ("more", "code"),
    [({"label": "astrocytoma"}, "unknown_label"), ({"label": ""}, "unknown_label"),
     ({"plane": "oblique"}, "unknown_plane"),
     ({"subject": "x" * 65}, "pseudonym_too_long"), ({"pixel_sha256": "0" * 64}, "altered")],
)  # fmt: skip
def test_what_a_set_says_wrongly_of_a_file_refuses_that_file(collection, engineer, more, code):
    values = {"label": "glioma"} | more
    report = import_files(
        actor=engineer,
        collection=collection,
        dataset="x",
        files=[a_file(1, values.pop("label"), **values), a_file(2)],
    )
    assert [(line.number, line.code) for line in report.refused] == [(1, code)]
    assert ImportedLabel.objects.count() == 1


def test_a_file_of_several_frames_is_refused_since_a_label_is_of_one(collection, engineer):
    stack = LabelledFile(1, lambda: as_file(mr(1, frames=2)), "1.dcm", "glioma")
    report = import_files(actor=engineer, collection=collection, dataset="set", files=[stack])
    assert (report.files[1].became, report.files[1].code) == (Became.REFUSED, "not_single_image")
    assert Image.objects.count() == 0


def test_a_label_waits_in_quarantine_with_its_image_and_comes_out_with_it(collection, engineer):
    files = [
        LabelledFile(1, lambda: as_file(mr(1)), "1.dcm", "glioma"),
        LabelledFile(2, lambda: as_file(mr(2, BurnedInAnnotation="YES")), "2.dcm", "Meningioma"),
    ]
    report = import_files(actor=engineer, collection=collection, dataset="set", files=files)
    assert [report.files[number].became for number in (1, 2)] == [Became.STORED, Became.QUARANTINED]
    assert report.counts["quarantined"] == 1
    assert [row.label for row in ImportedLabel.objects.all()] == ["glioma"]
    row = QuarantinedImage.objects.get()
    out = release_quarantined(actor=engineer, quarantined=row, reason="There is nothing written in it.")
    assert ImportedLabel.objects.get(image=out.image).label == "meningioma"
    again = import_files(actor=engineer, collection=collection, dataset="set", files=files)
    assert again.counts["unchanged"] == 2


def test_a_manifest_says_label_part_subject_and_plane_and_nothing_outside_its_folder(tmp_path, collection):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(png(picture(9)))
    (tmp_path / "in" / "1.png").write_bytes(png(picture(1)))
    with (tmp_path / "in" / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "cls", "split", "patient", "plane"])
        table.writerow(["1.png", "glioma_tumor", "Testing", "p1", "ax"])
        table.writerow(["../secret.png", "glioma", "train", "p2", "ax"])
        table.writerow(["gone.png", "glioma", "train", "p3", ""])
    files = read_labelled_folder(tmp_path / "in", keep_splits=True)
    assert [(f.split, f.subject, f.plane) for f in files[:2]] == [
        ("test", "p1", "axial"),
        ("train", "p2", "axial"),
    ]
    report = survey_files(collection, files).report
    assert [report.files[number].code for number in (1, 2, 3)] == ["", "unreadable", "unreadable"]
    assert read_labelled_folder(tmp_path / "in")[0].split == ""


def test_a_kill_loses_one_batch_and_a_second_run_goes_on(collection, engineer, monkeypatch):
    monkeypatch.setattr(importing, "BATCH", 3)
    files = [a_file(number) for number in range(1, 9)]

    def killed(done):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_files(actor=engineer, collection=collection, dataset="x", files=files, progress=killed)
    assert (Image.objects.count(), ImportedLabel.objects.count()) == (6, 6)
    counts = import_files(actor=engineer, collection=collection, dataset="x", files=files).counts
    assert (counts["stored"], counts["unchanged"], ImportedLabel.objects.count()) == (2, 6, 8)


def test_without_predictions_nothing_is_queued(run, folder):
    run(folder, "--no-predictions")
    assert (Image.objects.count(), Prediction.objects.count()) == (12, 0)


@pytest.mark.parametrize("role", ["radiologist", "uploader", "auditor"])
def test_who_may_not_freeze_labels_may_not_import_them(folder, collection, member, role):
    member("nina", role)
    with pytest.raises(CommandError, match="may not import"):
        call_command("import_dataset", collection.name, str(folder), "--as", "nina")


def test_a_folder_that_is_none_is_said(run, tmp_path):
    assert "There is no such folder" in run(tmp_path / "nowhere")
    assert "no PNG or JPEG file" in run(tmp_path)
