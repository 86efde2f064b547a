"""Debian's Orthanc takes a study's results in: one patient, one study, and sent again they are there already."""

import json
import subprocess
import urllib.request

import pytest

from mriplatform.launch.server import free_port, wait_until
from reviews.selectors.dicom_results import StudyOut
from tests import others
from tests.factories import make_prediction, make_study


@pytest.fixture
def orthanc(tmp_path):
    """Asks an Orthanc on loopback: `orthanc(path)`, or `orthanc(path, data)` to post."""
    program = others.orthanc()
    port = free_port()
    store = str(tmp_path / "orthanc")
    (tmp_path / "orthanc.json").write_text(
        json.dumps(
            {
                "StorageDirectory": store, "IndexDirectory": store, "HttpPort": port, "DicomServerEnabled": False,
                "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
            }
        )
    )  # fmt: skip
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked(path, data=None):
        with opener.open(f"http://127.0.0.1:{port}{path}", data=data, timeout=30) as answer:
            return json.load(answer)

    def up():
        try:
            return bool(asked("/system"))
        except OSError:
            return False

    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program, str(tmp_path / "orthanc.json")], stdout=log, stderr=log)
        try:
            assert wait_until(up, 90, pause=0.1), (tmp_path / "log").read_text()
            yield asked
        finally:
            process.kill()
            process.wait()


def test_report_images_and_maps_lie_in_one_study_of_one_patient(collection, orthanc):
    study = make_study(collection, subject="anna", images=2)
    for image in study.images.all():
        make_prediction(image)
    files = dict(StudyOut(study).members())
    assert len(files) == 5
    for expected in ("Success", "AlreadyStored"):
        told = [orthanc("/instances", data) for data in files.values()]
        assert [one["Status"] for one in told] == [expected] * 5
    counts = orthanc("/statistics")
    assert [counts[f"Count{what}"] for what in ("Patients", "Studies", "Series", "Instances")] == [1, 1, 3, 5]
    (patient,) = orthanc("/patients?expand")
    assert patient["MainDicomTags"]["PatientID"] == f"P-{study.subject_key[:16]}"
