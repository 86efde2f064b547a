"""The sender's tool: what the platform gives out is led back to the sender's own names, by who has the files."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from classifier.models import Study
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from tests.classifier.doors import House, build_house
from tests.classifier.intake.dicom_files import ENHANCED_MR_STORAGE, SENDERS_ROOT, as_file, mr
from tests.factories import make_prediction

TOOL = Path(__file__).resolve().parents[2] / "tools" / "relink.py"


@pytest.fixture
def sent(db, tmp_path) -> tuple[House, Study, Path]:
    """A study of three slices that was sent, the files in `originals`, the receipt in `receipts`."""
    house = build_house()
    (tmp_path / "originals").mkdir()
    parts = []
    for seed in (1, 2, 3):
        data = as_file(
            mr(seed, study=7, subject="=4711", PatientBirthDate="19700102", SOPClassUID=ENHANCED_MR_STORAGE)
        )
        (tmp_path / "originals" / f"IM{seed}").write_bytes(data)
        parts.append(UploadedPart(data))
    (tmp_path / "originals" / "notes.txt").write_text("no DICOM")
    result = receive_upload(
        actor=house.people["alice"], collection=house.collection, files=parts, grouping=Grouping.ONE_STUDY
    )
    (study,) = result.studies
    receipt = house.client("alice").get(f"/api/v1/studies/{study.pk}/receipt")
    (tmp_path / "receipts").mkdir()
    (tmp_path / "receipts" / "1.json").write_bytes(receipt.content)
    return house, study, tmp_path


def relink(folder: Path, *results: Path, originals: str = "originals") -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOL), "--originals", originals, "--receipts", "receipts", "--out", "out"]
    return subprocess.run(
        [*command, *map(str, results)], cwd=folder, capture_output=True, text=True, timeout=60
    )


def predictions(house: House, study: Study, form: str) -> bytes:
    study.images.first().predictions.all().delete()
    for image in study.images.all():
        image.predictions.all().delete()
        make_prediction(image, label="glioma", version=house.prediction.model_version)
    response = house.client("ann").get(f"/api/v1/predictions?format={form}")
    assert response.status_code == 200
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_tables_get_the_senders_names(sent):
    house, study, folder = sent
    (folder / "predictions.csv").write_bytes(predictions(house, study, "csv"))
    (folder / "predictions.jsonl").write_bytes(predictions(house, study, "jsonl"))
    done = relink(folder, folder / "predictions.csv", folder / "predictions.jsonl")
    assert done.returncode == 0, done.stderr
    assert "predictions.csv: 3 of 4 led back" in done.stdout
    lines = list(csv.DictReader(io.StringIO((folder / "out" / "predictions.csv").read_text())))
    assert {line["original_instance_uid"] for line in lines} == {
        "", *(f"{SENDERS_ROOT}.1.{seed}" for seed in (1, 2, 3))
    }  # fmt: skip
    # As a spreadsheet would otherwise reckon it.
    assert {line["original_patient_id"] for line in lines} == {"", "'=4711"}
    objects = [json.loads(line) for line in (folder / "out" / "predictions.jsonl").read_text().splitlines()]
    found = {line["image"]: line.get("original_instance_uid") for line in objects}
    for image in study.images.select_related("dicom"):
        seed = round(image.dicom.slice_position / 5)
        assert found[str(image.pk)] == f"{SENDERS_ROOT}.1.{seed}"
    assert {line.get("original_patient_id") for line in objects} == {None, "=4711"}


def test_a_dicom_file_gets_back_its_uids_and_its_subject(sent):
    _, study, folder = sent
    image = study.images.select_related("dicom").first()
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "2.25.1"
    report.StudyInstanceUID, report.SeriesInstanceUID = study.study_uid, "2.25.2"
    report.Modality, report.PatientID, report.PatientIdentityRemoved = "SR", study.subject_key, "YES"
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    reference.ReferencedSOPInstanceUID = image.dicom.instance_uid
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = image.dicom.series_uid, [reference]
    report.ReferencedSeriesSequence = [series]
    report.ensure_file_meta()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    pydicom.dcmwrite(folder / "report.dcm", report, enforce_file_format=True)
    done = relink(folder, folder / "report.dcm")
    assert done.returncode == 0, done.stderr
    back = pydicom.dcmread(folder / "out" / "report.dcm")
    assert back.StudyInstanceUID == f"{SENDERS_ROOT}.2.7"
    assert (back.PatientID, back.PatientBirthDate) == ("=4711", "19700102")
    assert "PatientIdentityRemoved" not in back
    (series,) = back.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == f"{SENDERS_ROOT}.3.7"
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID.startswith(f"{SENDERS_ROOT}.1.")
    assert series.ReferencedSOPSequence[0].ReferencedSOPClassUID == ENHANCED_MR_STORAGE
    assert back.SOPInstanceUID == "2.25.1"
    # The platform's copy of an image is no second one of yours.
    report.SOPInstanceUID = image.dicom.instance_uid
    pydicom.dcmwrite(folder / "image.dcm", report, enforce_file_format=True)
    assert "an image that you have" in relink(folder, folder / "image.dcm").stdout
    assert not (folder / "out" / "image.dcm").exists()


def test_without_the_files_nothing_is_led_back(sent):
    house, study, folder = sent
    (folder / "predictions.csv").write_bytes(predictions(house, study, "csv"))
    (folder / "others").mkdir()
    (folder / "others" / "IM1").write_bytes(as_file(mr(1, study=8)))
    done = relink(folder, folder / "predictions.csv", originals="others")
    assert "0 of 4 led back" in done.stdout
    assert "3 lines of the receipts are about files that are not among the originals" in done.stderr
    assert SENDERS_ROOT not in (folder / "out" / "predictions.csv").read_text()


@pytest.mark.parametrize(("name", "content"), [("r.txt", "x"), ("receipts/2.json", "{}")])
def test_what_it_does_not_know_is_said(sent, name, content):
    folder = sent[2]
    (folder / name).write_text(content)
    done = relink(folder, folder / name)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_it_never_writes_over_what_it_reads(sent):
    folder = sent[2]
    (folder / "out").mkdir()
    (folder / "out" / "a.csv").write_text("image\r\n")
    done = relink(folder, folder / "out" / "a.csv")
    assert done.returncode == 1
    assert (folder / "out" / "a.csv").read_text() == "image\n"


def reports(folder: Path, *names: str) -> list[Path]:
    """A report of another study in each place."""
    for number, name in enumerate(names, start=1):
        report = Dataset()
        report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", f"2.25.{number}"
        report.StudyInstanceUID, report.SeriesInstanceUID, report.Modality = "2.25.7", "2.25.8", "SR"
        report.ensure_file_meta()
        report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pydicom.dcmwrite(folder / name, report, enforce_file_format=True)
    return [folder / name for name in names]


def test_files_of_the_same_name_come_to_lie_as_they_lay(sent):
    folder = sent[2]
    given = reports(
        folder, "new/a/report.dcm", "new/b/report.dcm", "new/b/images/0001.dcm", "new/b/maps/0001.dcm"
    )
    done = relink(folder, *given, given[0], Path("new/b/../b/report.dcm"))
    assert done.returncode == 0, done.stderr
    out = folder / "out"
    for number, source in enumerate(given, start=1):
        name = source.relative_to(folder / "new")
        assert pydicom.dcmread(out / name).SOPInstanceUID == f"2.25.{number}"
        assert done.stdout.count(f"{name}: 0 of 1 led back\n") == 1
    assert len([one for one in out.rglob("*") if one.is_file()]) == len(given)


def test_what_another_run_wrote_stays_and_nothing_is_written_beside_it(sent):
    folder = sent[2]
    one, other, third = reports(folder, "a/report.dcm", "b/report.dcm", "b/third.dcm")
    assert relink(folder, one).returncode == 0
    done = relink(folder, third, other)
    assert done.returncode == 1
    assert "out/report.dcm is there already" in done.stderr
    assert "led back" not in done.stdout
    assert [path.name for path in (folder / "out").iterdir()] == ["report.dcm"]
    assert pydicom.dcmread(folder / "out" / "report.dcm").SOPInstanceUID == "2.25.1"


def test_a_file_that_cannot_be_read_leaves_none_and_the_others_are_led_back(sent):
    folder = sent[2]
    (good,) = reports(folder, "good.dcm")
    (folder / "bad.jsonl").write_text('{"image": "1"}\n{"image":')
    (folder / "bad.dcm").write_text("no DICOM")
    done = relink(folder, folder / "bad.jsonl", folder / "bad.dcm", good)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name in ("bad.jsonl", "bad.dcm"):
        assert f"{name}: not written." in done.stderr
    assert "good.dcm: 0 of 1 led back" in done.stdout
    assert [path.name for path in (folder / "out").iterdir()] == ["good.dcm"]
