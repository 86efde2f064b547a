"""Results as DICOM, read back by others: pydicom, highdicom, and dciodvfy of Debian's dicom3tools."""

import io
import subprocess
import sys
import zipfile
from uuid import uuid4

import cv2
import numpy as np
import pydicom
import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from classifier.models import DicomFacts, ReceiptLine
from classifier.selectors import stored_png
from ml.labels import CLASSES
from mriplatform.audit.models import AuditEvent
from reviews.selectors.dicom_results import StudyOut
from reviews.services.adjudication import adjudicate
from reviews.services.protocols import set_protocol
from tests import others
from tests.factories import analysed_image, make_collection, make_prediction, make_study

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
CAPTURE, REPORT = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.88.33"
SERIES, INSTANCE = "2.25.22", "2.25.33"
PAGES = ("image-report", "image-saliency", "study-report", "study-results")


def as_dicom(image, *, frame=1, instance=INSTANCE, place=True):
    study = image.study
    study.study_uid = "2.25.11"
    study.save()
    where = {
        "slice_position": 12.5, "row_spacing": 0.5, "column_spacing": 0.75, "orientation": [0, 1, 0, 0, 0, -1],
    }  # fmt: skip
    DicomFacts.objects.create(
        image=image, series_uid=SERIES, instance_uid=instance, frame=frame, modality="MR", bits_stored=8,
        **where if place else {},
    )  # fmt: skip
    ReceiptLine.objects.create(
        study=study, image=image, file_sha256="a" * 64, study_uid=study.study_uid, series_uid=SERIES,
        instance_uid=instance, frame=frame, outcome="stored", profile=["113100", "113105"],
    )  # fmt: skip
    return image


def levels(image):
    return cv2.imdecode(np.frombuffer(stored_png(image), np.uint8), cv2.IMREAD_UNCHANGED)


def read(data):
    return pydicom.dcmread(io.BytesIO(data))


def out(image):
    image.study.refresh_from_db()
    return StudyOut(image.study)


def report_of(image, *, whole=False):
    return read(out(image).report(None if whole else image))


def groups(report):
    """The measurement groups, each as its items by the meaning of their names."""
    measured = next(item for item in report.ContentSequence if name_of(item) == "Imaging Measurements")
    return [_by_name(group) for group in measured.ContentSequence]


def name_of(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning


def _by_name(group):
    found = {}
    for item in group.ContentSequence:
        found.setdefault(name_of(item), []).append(item)
    return found


def said(group, name):
    """What an item of a group says: a code, a number, a text or a UID."""
    (item,) = group[name]
    if item.ValueType == "CODE":
        code = item.ConceptCodeSequence[0]
        return code.CodingSchemeDesignator, code.CodeValue
    if item.ValueType == "NUM":
        return float(item.MeasuredValueSequence[0].NumericValue)
    return str(item.TextValue if item.ValueType == "TEXT" else item.UID)


def source(group):
    (item,) = group["Source of Measurement"]
    reference = item.ReferencedSOPSequence[0]
    return str(reference.ReferencedSOPClassUID), str(reference.ReferencedSOPInstanceUID)


def client_of(user):
    client = APIClient()
    client.force_authenticate(type(user).objects.get(pk=user.pk))
    return client


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def address(name, image):
    return reverse(name, args=[image.study_id if "study" in name else image.pk])


@pytest.fixture
def dicom(collection):
    """An image that came as DICOM, with its slice known, and that the machine takes for a glioma."""
    return as_dicom(analysed_image(collection, label="glioma", subject="anna"))


def test_an_mr_image_comes_back_as_it_was_stored(dicom):
    file = read(out(dicom).picture(dicom))
    assert (file.SOPClassUID, file.SOPInstanceUID, file.SeriesInstanceUID) == (MR, INSTANCE, SERIES)
    assert (file.StudyInstanceUID, file.Modality, file.InstanceNumber) == ("2.25.11", "MR", 1)
    assert (file.pixel_array == levels(dicom)).all()
    assert file.PixelSpacing == [0.5, 0.75]
    assert file.ImageOrientationPatient == [0, 1, 0, 0, 0, -1]
    # The slice's height along its normal is kept; its middle lies on the normal.
    row, column = np.array([0, 1, 0]), np.array([0, 0, -1])
    middle = np.array(file.ImagePositionPatient) + row * 0.75 * 31.5 + column * 0.5 * 31.5
    assert np.cross(row, column) @ middle == pytest.approx(12.5)
    assert middle == pytest.approx(np.cross(row, column) * 12.5)
    assert [item.CodeValue for item in file.DeidentificationMethodCodeSequence] == ["113100", "113105"]


@pytest.mark.parametrize("bits", [8, 16])
def test_what_came_as_png_goes_out_under_uids_made_of_its_id(collection, image, bits):
    if bits == 16:
        _deepen(image)
    file = read(out(image).picture(image))
    assert (file.SOPClassUID, file.BitsStored) == (CAPTURE, bits)
    assert (file.pixel_array == levels(image)).all()
    assert file.PatientOrientation in (None, "")
    for uid in (file.SOPInstanceUID, file.SeriesInstanceUID, file.StudyInstanceUID):
        assert uid.startswith("2.25.")
        assert uid.is_valid
        for known in (image.pk, image.study_id):
            assert uid != f"2.25.{known.int}"  # made with the key
    assert "SourceImageSequence" not in file
    assert out(image).picture(image) == out(image).picture(image)


def _deepen(image):
    from django.core.files.base import ContentFile

    deep = levels(image).astype(np.uint16) * 200
    _, png = cv2.imencode(".png", deep)
    image.bits, image.window_centre, image.window_width = 16, 20_000.0, 30_000.0
    image.pixels.save(f"images/{uuid4()}.png", ContentFile(png.tobytes()), save=True)


def test_a_window_goes_along(image):
    _deepen(image)
    file = read(out(image).picture(image))
    assert (file.WindowCenter, file.WindowWidth) == (20_000, 30_000)


def test_a_frame_of_several_names_the_instance_that_it_came_from(collection):
    image = as_dicom(analysed_image(collection), frame=3)
    file = read(out(image).picture(image))
    (item,) = file.SourceImageSequence
    assert file.SOPClassUID == CAPTURE
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (ENHANCED_MR, INSTANCE)
    assert item.ReferencedFrameNumber == 3
    assert file.PixelSpacing == [0.5, 0.75]
    assert list(file.PatientOrientation) == ["P", "F"]
    (group,) = groups(report_of(image))
    first, second = (item.ReferencedSOPSequence[0] for item in group["Source of Measurement"])
    assert (first.ReferencedSOPInstanceUID, first.ReferencedFrameNumber) == (INSTANCE, 3)
    assert second.ReferencedSOPInstanceUID == file.SOPInstanceUID


def test_the_first_frame_is_known_for_one_by_the_receipt_of_another(collection):
    image = as_dicom(analysed_image(collection), frame=1)
    ReceiptLine.objects.create(
        study=image.study, file_sha256="a" * 64, study_uid="2.25.11", series_uid=SERIES, instance_uid=INSTANCE,
        frame=2, outcome="quarantined", profile=[],
    )  # fmt: skip
    assert read(out(image).picture(image)).SOPClassUID == CAPTURE


def test_a_slice_whose_place_is_not_known_is_a_capture(collection):
    image = as_dicom(analysed_image(collection), place=False)
    file = read(out(image).picture(image))
    assert (file.SOPClassUID, file.SourceImageSequence[0].ReferencedSOPClassUID) == (CAPTURE, MR)


def test_the_report_has_the_machines_answer_with_its_version_and_nobodys_verification(dicom):
    report = report_of(dicom)
    prediction = dicom.predictions.get()
    (group,) = groups(report)
    assert (report.SOPClassUID, report.ContentTemplateSequence[0].TemplateIdentifier) == (REPORT, "1500")
    assert (report.VerificationFlag, report.PreliminaryFlag, report.CompletionFlag) == (
        "UNVERIFIED",
        "PRELIMINARY",
        "COMPLETE",
    )
    assert "VerifyingObserverSequence" not in report
    assert said(group, "Finding") == ("SCT", "393564001")
    assert said(group, "Class") == ("99MRIREVIEW", "glioma")
    assert said(group, "Said by") == ("99MRIREVIEW", "machine")
    assert (said(group, "Algorithm Name"), said(group, "Algorithm Version")) == (
        prediction.model_version.name,
        str(prediction.model_version.number),
    )
    parameters = [str(item.TextValue) for item in group["Algorithm Parameters"]]
    assert parameters == [
        f"checkpoint sha256 {prediction.model_version.checkpoint_sha256}",
        "onnxruntime on cpu",
    ]
    names = ("glioma", "meningioma", "no tumour", "pituitary tumour")
    told = [said(group, f"Probability of {name}") for name in names]
    assert told == pytest.approx(prediction.probabilities)
    assert len(CLASSES) == len(names)
    assert said(group, "Unlikeness to a brain MRI") == pytest.approx(0.4)
    assert said(group, "Unlikeness above which no class is given") == 1.0
    assert source(group) == (MR, INSTANCE)
    assert str(report.ContentDate) == prediction.finished_at.strftime("%Y%m%d")


def test_a_report_is_verified_by_who_stands_behind_its_final_label(dicom, alice, read_):
    before = report_of(dicom)
    read_.finished(alice, dicom, "meningioma")
    report = report_of(dicom)
    machine, readers = groups(report)
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("VERIFIED", "FINAL")
    (verifier,) = report.VerifyingObserverSequence
    assert str(verifier.VerifyingObserverName) == "Reader^1"
    assert str(verifier.VerificationDateTime)[:8] == str(report.ContentDate)
    assert said(machine, "Class") == ("99MRIREVIEW", "glioma")
    assert said(readers, "Finding") == ("SCT", "302820008")
    assert said(readers, "Class") == ("99MRIREVIEW", "meningioma")
    assert said(readers, "How the label became final") == ("99MRIREVIEW", "one-reader")
    assert source(readers) == (MR, INSTANCE)
    # Another content is another instance; the same content is the same.
    assert report.SOPInstanceUID != before.SOPInstanceUID
    assert report.SeriesInstanceUID == before.SeriesInstanceUID
    assert out(dicom).report(dicom) == out(dicom).report(dicom)
    assert "alice" not in str(report)


def test_who_agreed_and_who_decided(alice, bob, member, collection, read_):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    agreed, disputed = analysed_image(collection), analysed_image(collection)
    for reader in (alice, bob):
        read_.finished(reader, agreed, "notumor")
        read_.finished(reader, disputed, "glioma" if reader == alice else "pituitary")
    assert report_of(disputed).VerificationFlag == "UNVERIFIED"
    assert len(groups(report_of(disputed))) == 1
    adjudicate(
        adjudicator=member("dora", "adjudicator"), image=disputed, label="pituitary", rationale="Sellar."
    )
    names = [
        [str(item.VerifyingObserverName) for item in report_of(image).VerifyingObserverSequence]
        for image in (agreed, disputed)
    ]
    assert names == [["Reader^1", "Reader^2"], ["Adjudicator^1"]]
    assert said(groups(report_of(agreed))[1], "Finding") == ("99MRIREVIEW", "notumor")
    assert said(groups(report_of(disputed))[1], "Finding") == ("SCT", "127024001")


def test_a_study_is_verified_once_each_of_its_images_is(alice, collection, read_):
    study = make_study(collection, images=2)
    one, two = study.images.all()
    for image in (one, two):
        make_prediction(image)
    read_.finished(alice, one, "glioma")
    assert report_of(one).VerificationFlag == "VERIFIED"
    whole = report_of(one, whole=True)
    assert (whole.VerificationFlag, len(groups(whole))) == ("UNVERIFIED", 3)
    read_.finished(alice, two, "notumor")
    whole = report_of(one, whole=True)
    assert (whole.VerificationFlag, len(groups(whole)), len(whole.VerifyingObserverSequence)) == (
        "VERIFIED",
        4,
        1,
    )


def test_an_answer_without_a_class_has_no_probabilities_and_no_map(collection, engineer):
    image = analysed_image(collection, label="not_assessable")
    (group,) = groups(report_of(image))
    assert said(group, "Class") == ("99MRIREVIEW", "not_assessable")
    assert said(group, "Unlikeness to a brain MRI") == 2.5
    assert not any(name.startswith("Probability") for name in group)
    refused = client_of(engineer).get(address("api-image-saliency", image))
    assert (refused.status_code, refused.json()["code"]) == (409, "no_map")


def test_highdicom_reads_the_report_back(dicom, alice, read_):
    from highdicom.sr import srread

    read_.finished(alice, dicom, "meningioma")
    report = srread(io.BytesIO(out(dicom).report()))
    machine, readers = report.content.get_image_measurement_groups()
    assert [group.finding_type.value for group in (machine, readers)] == ["393564001", "302820008"]
    assert machine.get_measurements()[0].value == 0.85
    (image,) = machine.source_images
    assert image.referenced_sop_instance_uid == INSTANCE


def test_the_map_is_the_picture_in_colour_with_its_caption(dicom):
    file = read(out(dicom).map(dicom))
    assert (file.SOPClassUID, file.Modality, file.PhotometricInterpretation) == (CAPTURE, "OT", "RGB")
    assert file.ImageComments == "Where the model looked, not where the tumour is."
    assert "glioma" in file.DerivationDescription
    assert "version 1" in file.DerivationDescription
    reference = file.SourceImageSequence[0]
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (MR, INSTANCE)
    pixels = file.pixel_array
    # 64 pixels are enlarged to 256, and the words stand below the picture, not over it.
    assert pixels.shape[1] == 256
    assert pixels.shape[0] > 256
    assert file.PixelSpacing == [0.125, 0.1875]
    picture, strip = pixels[:256].astype(int), pixels[256:]
    grey = np.repeat(np.repeat(levels(dicom), 4, axis=0), 4, axis=1).astype(int)
    coloured = np.abs(picture - grey[..., None]).max(axis=2)
    assert strip.max() > 200
    assert (strip == strip[..., :1]).all()
    # The stand-in model looked at rows 2 and 3, columns 3 and 4 of its 7 × 7 cells.
    assert coloured[92:128, 128:164].mean() > 40
    assert coloured[200:, :60].mean() < 10


def test_nothing_but_pseudonyms_and_no_date_of_the_study(dicom, image):
    for one, start in ((dicom, "P-"), (image, "S-")):
        for data in (out(one).picture(one), out(one).map(one), out(one).report(one)):
            file = read(data)
            assert file.PatientID.startswith(start)
            assert str(file.PatientName) == f"{file.PatientID}^"
            assert file.PatientIdentityRemoved == "YES"
            assert (file.PatientBirthDate, file.StudyDate, file.AccessionNumber) == ("", "", "")
    assert read(out(dicom).picture(dicom)).PatientID == f"P-{dicom.study.subject_key[:16]}"


def test_dciodvfy_finds_no_error(tmp_path, dicom, image, collection, alice, read_):
    checker = others.dciodvfy()
    frame = as_dicom(analysed_image(collection), frame=2, instance="2.25.44")
    read_.finished(alice, dicom, "meningioma")
    files = {
        f"{kind}-{number}": make(one)
        for number, one in enumerate((dicom, image, frame))
        for kind, make in (("image", out(one).picture), ("map", out(one).map), ("report", out(one).report))
    }
    for name, data in files.items():
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(data)
        told = subprocess.run([checker, "-new", path], capture_output=True, text=True, check=False)
        errors = [line for line in (told.stdout + told.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], name
        assert told.returncode == 0, name


def test_a_study_as_a_zip(dicom, engineer):
    for door in (
        browser(engineer).get(address("study-results", dicom)),
        client_of(engineer).get(address("api-study-results", dicom)),
    ):
        assert door["Content-Type"] == "application/zip"
        archive = zipfile.ZipFile(io.BytesIO(door.getvalue()))
        assert archive.testzip() is None
        files = {name: read(archive.read(name)) for name in archive.namelist()}
        assert list(files) == ["report.dcm", "images/0001.dcm", "maps/0001.dcm"]
        assert {str(file.StudyInstanceUID) for file in files.values()} == {"2.25.11"}
        assert len({str(file.PatientID) for file in files.values()}) == 1
    assert AuditEvent.objects.filter(action="results.downloaded").count() == 2


def test_hidden_pixels_go_nowhere(dicom, engineer):
    dicom.hidden_at = dicom.created_at
    dicom.save()
    for name in ("api-image-dicom", "api-image-saliency"):
        refused = client_of(engineer).get(address(name, dicom))
        assert (refused.status_code, refused.json()["code"]) == (404, "pixels_hidden")
    archive = zipfile.ZipFile(
        io.BytesIO(client_of(engineer).get(address("api-study-results", dicom)).getvalue())
    )
    assert archive.namelist() == ["report.dcm"]


def test_each_door_gives_the_same_file(dicom, engineer):
    for name in ("image-dicom", "image-report", "image-saliency", "study-report"):
        page, api = (
            browser(engineer).get(address(name, dicom)),
            client_of(engineer).get(address(f"api-{name}", dicom)),
        )
        assert page["Content-Type"] == api["Content-Type"] == "application/dicom"
        assert page.content == api.content
        assert page["Content-Disposition"].startswith("attachment;")
        again = client_of(engineer).get(address(f"api-{name}", dicom), headers={"If-None-Match": api["ETag"]})
        assert again.status_code == 304


@pytest.mark.parametrize("door", ["", "api-"])
def test_who_may_have_results(door, dicom, member, alice, charlie, read_):
    uma, auditor = dicom.study.uploaded_by, member("ada", "auditor")
    statuses = {"ml_engineer": 200, "approver": 200, "admin": 200}
    asking = {role: member(f"m-{role}", role) for role in statuses}
    for name in PAGES:
        for role, status in statuses.items():
            assert client(door, asking[role]).get(address(f"{door}{name}", dicom)).status_code == status
        for waiting in (uma, auditor):
            refused = client(door, waiting).get(
                address(f"{door}{name}", dicom), headers={"Accept": "application/json"}
            )
            assert (refused.status_code, refused.json()["code"]) == (409, "not_final")
        assert client(door, charlie).get(address(f"{door}{name}", dicom)).status_code == 404
    read_.finished(alice, dicom, "meningioma")
    for name in PAGES:
        assert client(door, uma).get(address(f"{door}{name}", dicom)).status_code == 200


def client(door, user):
    return client_of(user) if door else browser(user)


@pytest.mark.parametrize("role", ["radiologist", "adjudicator"])
@pytest.mark.parametrize("door", ["", "api-"])
def test_no_reader_gets_a_result_whatever_else_they_are_and_whenever(door, role, dicom, member, alice, read_):
    nora = member("nora", role)
    nora.memberships.create(collection=dicom.collection, role="admin")
    for final in (False, True):
        if final:
            read_.finished(alice, dicom, "meningioma")
        for name in PAGES:
            assert client(door, nora).get(address(f"{door}{name}", dicom)).status_code == 403
        # Of the image itself nothing was said.
        assert client(door, nora).get(address(f"{door}image-dicom", dicom)).status_code == 200


def test_whoever_reads_the_same_pixels_elsewhere_gets_none_here(dicom, member):
    nora = member("nora", "ml_engineer")
    elsewhere = make_collection("Elsewhere")
    nora.memberships.create(collection=elsewhere, role="radiologist")
    twin = make_study(elsewhere).images.get()
    type(twin).objects.filter(pk=twin.pk).update(pixel_sha256=dicom.pixel_sha256)
    for name in PAGES:
        assert client_of(nora).get(address(f"api-{name}", dicom)).status_code == 403


def test_the_study_page_leads_to_them_only_who_may(dicom, engineer, alice):
    page = address("study", dicom)
    for name in ("image-report", "image-saliency", "image-dicom", "study-results"):
        assert address(name, dicom) in browser(engineer).get(page).content.decode()
        assert address(name, dicom) not in browser(alice).get(page).content.decode()
        assert address(name, dicom) not in browser(dicom.study.uploaded_by).get(page).content.decode()


def test_nothing_said_is_no_report(collection, engineer):
    image = make_study(collection).images.get()
    refused = client_of(engineer).get(address("api-image-report", image))
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_said")


def test_the_web_process_starts_without_highdicom():
    told = subprocess.run(
        [sys.executable, "-c", _STARTED], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.split() == ["[]", "[]"]


_STARTED = """
import sys
import reviews.dicom.described
print([name for name in sys.modules if name in ("highdicom", "pydicom")])
import reviews.dicom.maps, reviews.dicom.pictures, reviews.dicom.reports
print([name for name in sys.modules if name in ("scipy", "sklearn", "matplotlib", "keras", "tensorflow")])
"""


@pytest.fixture
def read_():
    from tests.reviews.acts import Read

    return Read()
