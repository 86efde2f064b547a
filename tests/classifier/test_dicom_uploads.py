"""DICOM becomes studies: by its own UIDs, in the order of its slices, once, with a receipt for its sender alone."""

import hashlib
import threading

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.urls import reverse

from classifier.exceptions import UploadRefused
from classifier.models import Image, Prediction, QuarantinedImage, ReceiptLine, Study
from classifier.selectors.receipts import receipt_of
from classifier.services.removal import purge_study
from classifier.services.studies import set_finality
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from tests.classifier.doors import MULTIPART, build_house, everything_stored, multipart
from tests.classifier.intake.dicom_files import SENDERS_ROOT, TAKEN, as_file, mr
from tests.factories import make_collection, make_user
from tests.pictures import picture_png


def send(uploader, collection, *files: bytes, grouping=Grouping.ONE_STUDY, pseudonym=""):
    parts = [UploadedPart(data, "1.dcm" if data[128:132] == b"DICM" else "1.png") for data in files]
    return receive_upload(
        actor=uploader, collection=collection, files=parts, grouping=grouping, pseudonym=pseudonym
    )


def slice_of(study: int, seed: int, **changes) -> bytes:
    return as_file(mr(seed, study=study, **changes))


def outcomes(result) -> list[str]:
    return [verdict.outcome for verdict in result.verdicts]


def test_a_series_is_one_study_in_the_order_of_its_slices(uploader, collection):
    result = send(uploader, collection, *(slice_of(1, seed) for seed in (3, 1, 2)))
    (study,) = result.studies
    images = list(study.images.select_related("dicom").order_by("position"))
    assert [image.dicom.slice_position for image in images] == [5, 10, 15]
    assert [image.position for image in images] == [0, 1, 2]
    assert images[0].plane == "axial"
    assert images[0].dicom.modality == "MR"
    assert (images[0].dicom.row_spacing, images[0].dicom.column_spacing) == (0.9, 0.8)
    assert study.age_band == "40-49"
    assert len(study.subject_key) == 64
    assert Prediction.objects.filter(image__study=study).count() == 3


def test_what_comes_later_joins_the_open_study_and_stands_where_it_belongs(uploader, collection):
    first = send(uploader, collection, slice_of(1, 1), slice_of(1, 4)).studies[0]
    joined = send(uploader, collection, slice_of(1, 2)).studies[0]
    other_series = slice_of(
        1, 7, SeriesInstanceUID=f"{SENDERS_ROOT}.3.99", ImagePositionPatient=["0", "0", "-90"]
    )
    send(uploader, collection, other_series)
    assert joined == first
    images = first.images.select_related("dicom").order_by("position")
    assert [image.dicom.slice_position for image in images] == [5, 10, 20, -90]


def test_several_studies_in_one_upload_become_several_and_pictures_one_of_their_own(uploader, collection):
    files = (slice_of(1, 1), picture_png(1), slice_of(2, 2), picture_png(2), slice_of(1, 3))
    result = send(uploader, collection, *files, pseudonym="P-7")
    assert outcomes(result) == ["stored"] * 5
    assert [study.images.count() for study in result.studies] == [2, 2, 1]
    keys = [study.subject_key for study in result.studies]
    # The pictures have the pseudonym; DICOM says itself whose it is.
    assert len(set(keys)) == 3
    assert [bool(study.study_uid) for study in result.studies] == [True, False, True]


def test_the_same_subject_has_the_same_key_in_every_study(uploader, collection):
    result = send(uploader, collection, slice_of(1, 1, subject="A"), slice_of(2, 2, subject="A"))
    assert len({study.subject_key for study in result.studies}) == 1


def test_two_subjects_are_never_one_study(uploader, collection):
    send(uploader, collection, slice_of(1, 1, subject="A"))
    second = send(uploader, collection, slice_of(1, 2, subject="B")).studies[0]
    assert Study.objects.count() == 2
    assert Study.objects.exclude(pk=second.pk).get().study_uid == second.study_uid


def test_a_study_that_is_final_or_removed_takes_nothing_more(uploader, collection):
    first = send(uploader, collection, slice_of(1, 1)).studies[0]
    set_finality(study=first, final=True)
    second = send(uploader, collection, slice_of(1, 2)).studies[0]
    purge_study(actor=uploader, study=second, reason="asked for")
    third = send(uploader, collection, slice_of(1, 3)).studies[0]
    assert len({first, second, third}) == 3
    assert send(uploader, collection, slice_of(1, 4)).studies == [third]


def test_a_study_of_another_collection_is_not_joined(uploader, collection):
    send(uploader, collection, slice_of(1, 1))
    send(uploader, make_collection("Elsewhere"), slice_of(1, 2))
    assert Study.objects.count() == 2


def test_several_frames_are_several_images_with_one_verdict(uploader, collection):
    result = send(uploader, collection, as_file(mr(1, frames=3)))
    (verdict,) = result.verdicts
    assert len(verdict.images) == 3
    assert verdict.image == verdict.images[0]
    images = result.studies[0].images.select_related("dicom").order_by("position")
    assert [image.dicom.frame for image in images] == [1, 2, 3]
    assert len({image.dicom.instance_uid for image in images}) == 1
    assert ReceiptLine.objects.count() == 3


def test_the_same_instance_twice_is_a_duplicate_and_the_receipt_has_it_once(uploader, collection):
    data = slice_of(1, 1)
    first = send(uploader, collection, data, data)
    again = send(uploader, collection, data)
    assert outcomes(first) == ["stored", "duplicate"]
    assert outcomes(again) == ["duplicate"]
    assert again.verdicts[0].study == first.studies[0]
    assert not again.took_something
    assert Image.objects.count() == 1
    assert [line.outcome for line in ReceiptLine.objects.all()] == ["stored"]


def test_the_same_instance_in_another_coding_is_a_duplicate_with_a_line_of_its_own(uploader, collection):
    plain, packed = slice_of(1, 1), as_file(mr(1, study=1), TAKEN["rle"])
    study = send(uploader, collection, plain).studies[0]
    assert outcomes(send(uploader, collection, packed)) == ["duplicate"]
    entries = receipt_of(study)
    sent = {hashlib.sha256(data).hexdigest() for data in (plain, packed)}
    assert {entry.file_sha256 for entry in entries} == sent
    assert len({entry.instance_uid for entry in entries}) == len({entry.image for entry in entries}) == 1


def test_one_bad_file_refuses_all_of_a_series(uploader, collection):
    with pytest.raises(UploadRefused, match="Image 2: ") as refusal:
        send(uploader, collection, slice_of(1, 1), slice_of(1, 2, Modality="CT"))
    assert refusal.value.code == "not_mr"
    assert Study.objects.count() == Image.objects.count() == ReceiptLine.objects.count() == 0


def test_a_study_has_no_more_images_than_there_are_positions(uploader, collection, monkeypatch):
    from classifier.services import groups

    monkeypatch.setattr(groups, "MOST_IMAGES", 2)
    send(uploader, collection, slice_of(1, 1), slice_of(1, 2))
    with pytest.raises(UploadRefused, match="at most 2 images") as refused:
        send(uploader, collection, slice_of(1, 3))
    assert (refused.value.code, refused.value.status) == ("study_too_large", 422)
    assert Image.objects.count() == 2
    assert AuditEvent.objects.get(action="upload.refused").data["codes"] == ["study_too_large"]


@pytest.mark.django_db(transaction=True)
def test_pushes_of_one_study_at_once_make_one_study_with_every_slice_once(uploader, collection):
    series = [slice_of(1, seed) for seed in range(1, 5)]
    barrier, failed = threading.Barrier(4), []

    def run(start: int) -> None:
        barrier.wait()
        try:
            for place in range(4):
                send(uploader, collection, series[(start + place) % 4])
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    study = Study.objects.get()
    images = study.images.select_related("dicom").order_by("position")
    assert [image.dicom.slice_position for image in images] == [5, 10, 15, 20]
    assert [image.position for image in images] == [0, 1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_nothing_joins_a_study_while_it_is_removed(uploader, collection):
    study, data = send(uploader, collection, slice_of(1, 1)).studies[0], slice_of(1, 2)

    def run() -> None:
        try:
            send(uploader, collection, data)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        purge_study(actor=uploader, study=study, reason="asked for")
        thread.start()
        thread.join(timeout=2)
        assert thread.is_alive()
    thread.join()
    assert study.images.count() == 1
    assert Study.objects.exclude(pk=study.pk).get().images.count() == 1


def declared(study: int, seed: int) -> bytes:
    return slice_of(study, seed, BurnedInAnnotation="YES")


def test_writing_is_kept_apart_of_the_study_that_the_rest_makes(uploader, collection):
    result = send(uploader, collection, slice_of(1, 1), declared(1, 2))
    assert outcomes(result) == ["stored", "quarantined"]
    row = QuarantinedImage.objects.get()
    assert row.study == result.studies[0]
    assert row.cause == QuarantinedImage.Cause.DECLARED
    assert Image.objects.count() == Prediction.objects.count() == 1
    assert [entry.outcome for entry in receipt_of(row.study)] == ["stored", "quarantined"]
    again = send(uploader, collection, declared(1, 2))
    assert outcomes(again) == ["quarantined"]
    assert QuarantinedImage.objects.count() == 1


def test_what_is_kept_apart_alone_makes_no_study_and_is_told_once_there_is_one(uploader, collection):
    alone = send(uploader, collection, declared(1, 2))
    assert outcomes(alone) == ["quarantined"]
    assert alone.took_something
    assert Study.objects.count() == 0
    study = send(uploader, collection, slice_of(1, 1)).studies[0]
    assert [entry.outcome for entry in receipt_of(study)] == ["quarantined", "stored"]


def blank(study: int, seed: int, **changes) -> bytes:
    """The slice outside of the head, in which there is nothing: the same pixels in every study."""
    return slice_of(study, seed, PixelData=bytes(80 * 96 * 2), **changes)


def sent_under(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def told(study: Study) -> list[tuple[str, str]]:
    return [(entry.file_sha256, entry.outcome) for entry in receipt_of(study)]


def test_pixels_that_another_study_has_are_told_in_the_receipt_of_their_own_once_there_is_one(
    uploader, collection
):
    theirs, mine, rest = blank(1, 1), blank(2, 1), slice_of(2, 2)
    others = send(uploader, collection, theirs).studies[0]
    (verdict,) = send(uploader, collection, mine).verdicts
    assert (verdict.outcome, verdict.study) == ("duplicate", others)
    assert told(others) == [(sent_under(theirs), "stored")]
    own = send(uploader, collection, rest).studies[0]
    assert told(own) == [(sent_under(mine), "duplicate"), (sent_under(rest), "stored")]
    send(uploader, collection, mine)
    assert len(told(own)) == 2
    assert len(told(others)) == 1


def test_a_line_that_was_written_to_another_study_is_told_in_its_own(uploader, collection):
    others = send(uploader, collection, blank(1, 1)).studies[0]
    own = send(uploader, collection, slice_of(2, 2)).studies[0]
    ReceiptLine.objects.create(
        study=others, image=others.images.get(), file_sha256="f" * 64, study_uid=own.study_uid, series_uid="2.25.1",
        instance_uid="2.25.2", outcome="duplicate", profile=[],
    )  # fmt: skip
    assert "f" * 64 not in dict(told(others))
    assert dict(told(own))["f" * 64] == "duplicate"


def test_of_one_uid_each_subjects_lines_are_told_in_their_own_receipt_alone(uploader, collection):
    send(uploader, collection, blank(9, 9))
    first = send(uploader, collection, slice_of(1, 1, subject="A")).studies[0]
    theirs = blank(1, 2, subject="B")
    send(uploader, collection, theirs)
    assert sent_under(theirs) not in dict(told(first))
    second = send(uploader, collection, slice_of(1, 3, subject="B")).studies[0]
    assert second != first
    assert dict(told(second))[sent_under(theirs)] == "duplicate"
    assert sent_under(theirs) not in dict(told(first))


def test_a_known_frame_of_a_final_study_is_told_in_its_receipt(uploader, collection):
    data = slice_of(1, 1)
    study = send(uploader, collection, data).studies[0]
    set_finality(study=study, final=True)
    packed = as_file(mr(1, study=1), TAKEN["rle"])
    assert outcomes(send(uploader, collection, packed)) == ["duplicate"]
    assert told(study) == [(sent_under(data), "stored"), (sent_under(packed), "duplicate")]


def test_what_is_let_out_and_known_from_another_study_is_told_in_its_own(uploader, collection):
    reviewer = make_user("ina", collection=collection, role=Role.INTAKE_REVIEWER)
    waits, rest = declared(2, 7), slice_of(2, 2)
    send(uploader, collection, waits)
    others = send(uploader, collection, slice_of(1, 1)).studies[0]
    # Masked, its pixels would be those of the other study's image.
    row = QuarantinedImage.objects.get()
    QuarantinedImage.objects.filter(pk=row.pk).update(
        status="masked", image=others.images.get(), decided_at=Now(), decided_by=reviewer
    )
    assert sent_under(waits) not in dict(told(others))
    own = send(uploader, collection, rest).studies[0]
    assert told(own) == [(sent_under(waits), "masked"), (sent_under(rest), "stored")]


class TestDoors:
    @pytest.fixture
    def house(self, db):
        return build_house()

    def post(self, house, files, accept="text/html", grouping="one_study"):
        body = multipart(
            {"grouping": grouping}, [("files", f"{n}.dcm", data) for n, data in enumerate(files, 1)]
        )
        address = reverse("upload", args=[house.collection.pk])
        return house.client("alice").generic("POST", address, body, MULTIPART, headers={"Accept": accept})

    def test_the_page_takes_a_series_and_shows_what_was_kept_of_it(self, house):
        response = self.post(house, [slice_of(1, 1), slice_of(1, 2)])
        assert response.status_code == 302
        page = house.client("alice").get(response["Location"]).content.decode()
        for fact in ("1 of 1", "Axial", "T1", "5.0 mm", "0.90 × 0.80 mm", "40-49 years", "Receipt"):
            assert fact in page

    def test_the_page_says_that_writing_is_in_quarantine(self, house):
        page = self.post(house, [declared(1, 1)])
        assert page.status_code == 202
        assert "In quarantine" in page.content.decode()
        answer = self.post(house, [slice_of(1, 2), declared(1, 3)], accept="application/json").json()
        assert [entry["verdict"] for entry in answer["entries"]] == ["stored", "quarantined"]
        study = Study.objects.exclude(study_uid="").get()
        page = house.client("alice").get(reverse("study", args=[study.pk])).content.decode()
        assert "2 more images in quarantine" in page

    def test_the_api_takes_a_series_and_shows_its_facts(self, house):
        body = multipart({"collection": str(house.collection.pk)}, [("files", "1", as_file(mr(1, frames=2)))])
        response = house.client("alice").generic("POST", "/api/v1/studies", body, MULTIPART)
        assert response.status_code == 202
        (study,), (file,) = response.json()["studies"], response.json()["files"]
        assert study["study_uid"].startswith("2.25.")
        assert study["age_band"] == "40-49"
        assert file["images"] == [image["id"] for image in study["images"]]
        facts = study["images"][1]["dicom"]
        assert (facts["frame"], facts["modality"], facts["sequence_family"]) == (2, "MR", "t1")
        assert house.client("alice").get(f"/api/v1/images/{file['image']}").json()["dicom"]["frame"] == 1

    def test_the_receipt_is_there_for_those_who_see_the_study_and_nobody_else(self, house):
        data = slice_of(1, 1)
        self.post(house, [data])
        study = Study.objects.exclude(study_uid="").get()
        for address in (f"/api/v1/studies/{study.pk}/receipt", f"/studies/{study.pk}/receipt"):
            assert house.client("alice").get(address).status_code == 200
            missing = house.client("charlie").get(address.replace(str(study.pk), "0" * 8 + str(study.pk)[8:]))
            theirs = house.client("charlie").get(address)
            assert (theirs.status_code, missing.status_code) == (404, 404)
            assert house.client("nobody").get(address).status_code in (302, 401)
        receipt = house.client("alice").get(f"/api/v1/studies/{study.pk}/receipt")
        assert receipt["Content-Disposition"].startswith("attachment")
        (entry,) = receipt.json()["entries"]
        assert entry["file_sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["profile"] == ["113100", "113108"]
        page = house.client("alice").get(f"/studies/{study.pk}/receipt").content.decode()
        assert entry["instance_uid"] in page

    def test_nothing_of_the_sender_is_kept_or_shown(self, house, caplog):
        data = slice_of(1, 1, subject="Subject-4711")
        self.post(house, [data])
        study = Study.objects.exclude(study_uid="").get()
        shown = [
            house.client("alice").get(address).content
            for address in (
                f"/api/v1/studies/{study.pk}",
                f"/studies/{study.pk}",
                f"/studies/{study.pk}/receipt",
            )
        ]
        everything = b"\n".join([everything_stored(), *shown, caplog.text.encode()])
        for planted in (SENDERS_ROOT, "Subject-4711", "Test^Subject"):
            assert planted.encode() not in everything
