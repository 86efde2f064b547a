"""Peers that are not ours push to a live server: dicomweb-client, curl, and Debian's Orthanc with its plugin."""

import hashlib
import io
import json
import os
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass

from classifier.models import DicomFacts, Image, Study
from classifier.selectors.receipts import receipt_of
from mriplatform.accounts.services import make_token
from tests import others
from tests.classifier.doors import House, build_house, everything_stored
from tests.classifier.intake.dicom_files import SENDERS_ROOT, as_file, mr

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
PATIENCE_SECONDS = 60
PLUGINS = (
    Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so"),
    Path("/usr/lib/orthanc/libOrthancDicomWeb.so"),
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(answers) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            if answers():
                return
        except OSError:
            pass
        time.sleep(0.1)
    pytest.fail("It did not answer in time.")


@pytest.fixture
def house(db) -> House:
    return build_house()


@pytest.fixture
def platform(house, start) -> str:
    """The platform as it is served: gunicorn, which reads bodies that come in chunks."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    where = ("--bind", f"127.0.0.1:{port}", "--threads", "4", "--no-control-socket")
    start("-m", "gunicorn", "mriplatform.wsgi", *where)
    wait_for(lambda: urllib.request.urlopen(f"{address}/healthz").status == 200)
    return address


@pytest.fixture
def token(house) -> str:
    return make_token(user=house.people["alice"], name="pacs")[1]


def pushed() -> Study:
    return Study.objects.get(origin="dicomweb")


def test_dicomweb_client_whole_and_in_chunks(house, platform, token):
    datasets = [pydicom.dcmread(io.BytesIO(as_file(mr(seed, study=7)))) for seed in (1, 2, 3)]
    session = create_session_from_user_pass("alice", token)
    whole = DICOMwebClient(f"{platform}/dicom-web", session=session)
    answer = whole.store_instances(datasets[:2])
    uids = {item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence}
    assert uids == set(DicomFacts.objects.values_list("instance_uid", flat=True))
    in_chunks = DICOMwebClient(f"{platform}/dicom-web", session=session, chunk_size=1000)
    named = in_chunks.store_instances(datasets[2:], study_instance_uid=f"{SENDERS_ROOT}.2.7")
    assert len(named.ReferencedSOPSequence) == 1
    images = pushed().images.select_related("dicom").order_by("position")
    assert [image.dicom.slice_position for image in images] == [5, 10, 15]
    ct = pydicom.dcmread(io.BytesIO(as_file(mr(4, Modality="CT"))))
    with pytest.raises(requests.HTTPError, match="409"):
        whole.store_instances([ct])
    assert SENDERS_ROOT.encode() not in everything_stored()


def test_curl(house, platform, token, tmp_path):
    body, parts = tmp_path / "body", []
    for seed in (1, 2):
        parts.append(b"--B\r\nContent-Type: application/dicom\r\n\r\n" + as_file(mr(seed, study=7)) + b"\r\n")
    body.write_bytes(b"".join(parts) + b"--B--\r\n")
    command = [
        "curl", "-sS", "-w", "\n%{http_code}", "-H", f"Authorization: Bearer {token}",
        "-H", 'Content-Type: multipart/related; type="application/dicom"; boundary=B', "--data-binary", f"@{body}",
    ]  # fmt: skip
    for more in ([], ["-H", "Transfer-Encoding: chunked"]):
        done = subprocess.run(
            [*command, *more, f"{platform}/dicom-web/studies"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        answer, _, status = done.stdout.rpartition("\n")
        assert status == "200"
        assert len(json.loads(answer)["00081199"]["Value"]) == 2
    assert pushed().images.count() == 2
    (tmp_path / "slice.dcm").write_bytes(as_file(mr(3, study=7)))
    script = documented("sh").replace("https://HOST", platform)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"TOKEN": token},
        capture_output=True,
        timeout=60,
    )
    assert json.loads(done.stdout)["00081199"]["Value"], done.stderr
    assert pushed().images.count() == 3
    # Cut off in the middle, in chunks: refused, and nothing of it is there.
    body.write_bytes(as_file(mr(9)).join([parts[0][:60], b""])[:5000])
    done = subprocess.run(
        [*command, "-H", "Transfer-Encoding: chunked", f"{platform}/dicom-web/studies"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.endswith("\n400")
    assert Image.objects.count() == 4


def documented(language: str) -> str:
    """The example in this language that stands in the page for whoever connects a PACS."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "dicom.md").read_text()
    return page.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.fixture
def orthanc(platform, token, tmp_path):
    """Debian's Orthanc on loopback, which knows the platform as a DICOMweb server; its address."""
    program = others.orthanc()
    plugin = next((path for path in PLUGINS if path.exists()), None)
    if plugin is None:
        others.missing_other("There is no Orthanc with DICOMweb here; install Debian's orthanc-dicomweb.")
    port = free_port()
    configuration = {
        "StorageDirectory": str(tmp_path / "orthanc"),
        "IndexDirectory": str(tmp_path / "orthanc"),
        "HttpPort": port,
        "DicomServerEnabled": False,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(plugin)],
        "LuaScripts": [str(tmp_path / "forward.lua")],
        "StableAge": 1,
        "DicomWeb": {
            "Enable": True,
            "Servers": {
                "platform": {"Url": f"{platform}/dicom-web/", "Username": "alice", "Password": token}
            },
        },
    }
    (tmp_path / "forward.lua").write_text(documented("lua"))
    (tmp_path / "orthanc.json").write_text(json.dumps(configuration))
    log = (tmp_path / "orthanc.log").open("wb")
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    process = subprocess.Popen(
        [program, str(tmp_path / "orthanc.json")], stdout=log, stderr=log, env=environment
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: requests.get(f"{address}/system", timeout=5).ok)
        yield address
    finally:
        process.kill()
        process.wait()
        log.close()


def test_orthanc_forwards_what_arrives_there_by_the_documented_script(house, orthanc):
    requests.post(f"{orthanc}/instances", data=as_file(mr(5, study=8)), timeout=30).raise_for_status()
    wait_for(lambda: Study.objects.filter(origin="dicomweb").exists())
    assert pushed().images.count() == 1


def test_orthanc_pushes_a_study_that_comes_out_again_under_its_own_names(house, orthanc):
    files = {seed: as_file(mr(seed, study=7)) for seed in (1, 2, 3)}
    for data in files.values():
        requests.post(f"{orthanc}/instances", data=data, timeout=30).raise_for_status()
    (study,) = requests.get(f"{orthanc}/studies", timeout=30).json()
    for _ in range(2):
        done = requests.post(
            f"{orthanc}/dicom-web/servers/platform/stow",
            json={"Resources": [study], "Synchronous": True},
            timeout=60,
        )
        assert done.ok, done.text
    stored = pushed()
    images = list(stored.images.select_related("dicom").order_by("position"))
    assert [image.dicom.slice_position for image in images] == [5, 10, 15]
    # The hashes of the receipt are those of the files as Orthanc has them.
    kept = {
        requests.get(f"{orthanc}/instances/{instance['ID']}/file", timeout=30).content
        for instance in requests.get(f"{orthanc}/studies/{study}/instances", timeout=30).json()
    }
    assert {entry.file_sha256 for entry in receipt_of(stored)} == {
        hashlib.sha256(data).hexdigest() for data in kept
    }
    assert SENDERS_ROOT.encode() not in everything_stored()
