"""A study sent as DICOM, its results fetched as a ZIP, and led back to the patient by the sender's tool."""

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pydicom
import pytest

from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from tests.classifier.doors import build_house
from tests.classifier.intake.dicom_files import SENDERS_ROOT, as_file, mr
from tests.factories import make_prediction

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def results(db, tmp_path):
    """What comes back of two slices of one study: the originals, the receipt, and the files of the ZIP."""
    house = build_house()
    (tmp_path / "originals").mkdir()
    parts = []
    for seed in (1, 2):
        data = as_file(mr(seed, study=7, subject="Ward-4711", PatientName="Muster^Erika"))
        (tmp_path / "originals" / f"IM{seed}").write_bytes(data)
        parts.append(UploadedPart(data))
    sent = receive_upload(
        actor=house.people["alice"], collection=house.collection, files=parts, grouping=Grouping.ONE_STUDY
    )
    (study,) = sent.studies
    for image in study.images.all():
        image.predictions.all().delete()
        make_prediction(image, label="glioma", version=house.prediction.model_version)
    receipt = house.client("alice").get(f"/api/v1/studies/{study.pk}/receipt")
    (tmp_path / "receipt.json").write_bytes(receipt.content)
    response = house.client("ann").get(f"/api/v1/studies/{study.pk}/results.zip")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))
    for name in archive.namelist():
        (tmp_path / name.replace("/", "-")).write_bytes(archive.read(name))
    return tmp_path


def test_reports_and_maps_come_back_to_the_senders_patient_and_images_do_not(results):
    originals = [pydicom.dcmread(path) for path in (results / "originals").iterdir()]
    out = {path.name: pydicom.dcmread(path) for path in results.glob("*.dcm")}
    assert sorted(out) == [
        "images-0001.dcm", "images-0002.dcm", "maps-0001.dcm", "maps-0002.dcm", "report.dcm",
    ]  # fmt: skip
    for name, file in out.items():
        data = (results / name).read_bytes()
        for theirs in (b"Muster", b"Ward-4711", SENDERS_ROOT.encode()):
            assert theirs not in data
        assert file.StudyInstanceUID == out["report.dcm"].StudyInstanceUID
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "relink.py"), "--originals", "originals", "--receipts", "receipt.json",
         "--out", "back", *sorted(out)],
        cwd=results, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "report.dcm: 1 of 1 led back" in done.stdout
    back = {path.name: pydicom.dcmread(path) for path in (results / "back").glob("*.dcm")}
    assert sorted(back) == ["maps-0001.dcm", "maps-0002.dcm", "report.dcm"]
    ours = {str(file.SOPInstanceUID) for file in originals}
    for file in back.values():
        assert (file.PatientID, str(file.PatientName)) == ("Ward-4711", "Muster^Erika")
        assert file.StudyInstanceUID == originals[0].StudyInstanceUID
        assert str(file.SOPInstanceUID) not in ours
    referred = {
        str(item.ReferencedSOPInstanceUID)
        for series in back["report.dcm"].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert referred == ours
    if shutil.which("dciodvfy"):
        told = subprocess.run(
            ["dciodvfy", "-new", results / "back" / "report.dcm"], capture_output=True, text=True, check=False
        )
        assert [line for line in told.stderr.splitlines() if line.startswith("Error")] == []
