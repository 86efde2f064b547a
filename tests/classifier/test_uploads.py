"""Uploads: all or nothing, duplicates answered, pseudonyms hashed, near-duplicates kept together."""

import threading

import cv2
import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from classifier.api.shown import shown_upload
from classifier.exceptions import PlatformError, TooManyUploads, UploadRefused
from classifier.models import Image, JobStatus, Prediction, StoredFile, Study
from classifier.selectors import bytes_stored_for
from classifier.services import uploads
from classifier.services.removal import hide_image, purge_study
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from mriplatform.audit.models import AuditEvent
from tests.classifier.intake.dicom_files import TAKEN, as_file, mr
from tests.factories import make_collection
from tests.pictures import picture, picture_png, png


def send(uploader, collection, *files, grouping=Grouping.ONE_STUDY, pseudonym=""):
    parts = [UploadedPart(data, "1.dcm" if data[128:132] == b"DICM" else "name.png") for data in files]
    return receive_upload(
        actor=uploader, collection=collection, files=parts, grouping=grouping, pseudonym=pseudonym
    )


def test_an_upload_is_a_study_with_pixels_and_a_queued_prediction(uploader, collection):
    result = send(uploader, collection, picture_png(1), picture_png(2))
    study = result.studies[0]
    images = list(study.images.all())
    assert [verdict.outcome for verdict in result.verdicts] == ["stored", "stored"]
    assert [image.position for image in images] == [0, 1]
    stored = cv2.imdecode(np.frombuffer(images[0].pixels.open().read(), np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(stored, picture(1))
    assert Prediction.objects.filter(image__study=study, status=JobStatus.QUEUED).count() == 2
    assert AuditEvent.objects.get(action="study.uploaded").object_id == str(study.pk)


def test_one_bad_file_refuses_the_whole_study_and_leaves_one_audit_row(uploader, collection):
    with pytest.raises(UploadRefused, match="Image 2: "):
        send(uploader, collection, picture_png(1), b"GIF89a not accepted")
    assert Study.objects.count() == Image.objects.count() == StoredFile.objects.count() == 0
    event = AuditEvent.objects.get()
    assert event.action == "upload.refused"
    assert event.data["codes"] == ["wrong_type"]


def test_a_study_each_stores_the_good_ones_and_says_which_were_bad(uploader, collection):
    result = send(uploader, collection, picture_png(1), b"", picture_png(2), grouping=Grouping.STUDY_EACH)
    assert [verdict.outcome for verdict in result.verdicts] == ["stored", "refused", "stored"]
    assert Study.objects.count() == 2
    assert AuditEvent.objects.filter(action="upload.refused").count() == 1


def test_the_same_pixels_are_answered_with_the_study_that_has_them(uploader, collection):
    first = send(uploader, collection, picture_png(1)).studies[0]
    again = send(uploader, collection, picture_png(1))
    assert again.studies == []
    assert again.verdicts[0].study == first
    assert Study.objects.count() == 1


def test_the_same_pixels_twice_in_one_upload_are_one_image(uploader, collection):
    result = send(uploader, collection, picture_png(1), picture_png(1))
    assert [verdict.outcome for verdict in result.verdicts] == ["stored", "duplicate"]
    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_uploads_of_the_same_pixels_at_once_make_one_study(uploader, collection):
    data, results, barrier = picture_png(1), [], threading.Barrier(4)

    def run():
        barrier.wait()
        try:
            results.append(send(uploader, collection, data))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert Study.objects.count() == Image.objects.count() == Prediction.objects.count() == 1
    assert {result.verdicts[0].study.pk for result in results} == {Study.objects.get().pk}


def test_a_pseudonym_is_kept_only_as_a_keyed_hash(uploader, collection):
    first = send(uploader, collection, picture_png(1), pseudonym="Pat-007").studies[0]
    second = send(uploader, collection, picture_png(2), pseudonym=" pat-007 ").studies[0]
    assert first.subject_key == second.subject_key
    assert len(first.subject_key) == 64
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', ["%pat-007%"])
            assert cursor.fetchone() == (0,), table


def test_mirrored_and_brightened_copies_share_a_cluster_and_others_do_not(uploader, collection):
    base = picture(5)
    mirrored, brighter = base[:, ::-1].copy(), cv2.convertScaleAbs(base, alpha=1.05, beta=3)
    other = picture(9)
    for pixels in (base, mirrored, brighter, other):
        send(uploader, collection, png(pixels))
    clusters = list(Image.objects.order_by("created_at").values_list("cluster", flat=True))
    assert clusters[0] == clusters[1] == clusters[2]
    assert clusters[3] != clusters[0]


def test_too_many_uploads_in_a_minute_are_told_when_to_come_back(uploader, collection, settings):
    settings.UPLOADS_PER_MINUTE = 1
    send(uploader, collection, picture_png(1))
    with pytest.raises(TooManyUploads) as refusal:
        send(uploader, collection, picture_png(2))
    assert refusal.value.retry_after == 60
    assert Study.objects.count() == 1


def test_a_full_store_is_507(uploader, collection, settings):
    settings.UPLOAD_BYTES_PER_USER = 1000
    with pytest.raises(PlatformError) as refusal:
        send(uploader, collection, picture_png(1))
    assert refusal.value.status == 507
    assert Study.objects.count() == 0


def packed(*seeds: int) -> list[bytes]:
    """DICOM of which a kilobyte unpacks to many."""
    return [as_file(mr(seed, rows=256, columns=256), TAKEN["jpeg-2000"]) for seed in seeds]


def test_what_unpacks_to_too_much_is_refused_before_the_rest_is_decoded(
    uploader, collection, settings, monkeypatch
):
    sent, looked_at = packed(1, 2, 3), []
    decode = uploads.decode_part
    monkeypatch.setattr(
        uploads, "decode_part", lambda number, part: looked_at.append(number) or decode(number, part)
    )
    elsewhere = send(uploader, make_collection("Elsewhere"), sent[0]).studies[0]
    one = elsewhere.images.get().stored_bytes
    looked_at.clear()
    settings.UPLOAD_MAX_REQUEST_BYTES = one + 1000
    assert sum(map(len, sent)) < one
    with pytest.raises(UploadRefused) as refusal:
        send(uploader, collection, *sent, grouping=Grouping.STUDY_EACH)
    assert (refusal.value.status, refusal.value.code) == (413, "too_much_unpacked")
    assert looked_at == [1, 2]
    assert not Study.objects.filter(collection=collection).exists()
    line = AuditEvent.objects.get(action="upload.refused")
    assert (line.data["codes"], len(line.data["bytes_keys"])) == (["too_much_unpacked"], 3)


def test_the_room_is_asked_for_what_is_stored_and_not_for_what_was_sent(uploader, collection, settings):
    (data,) = packed(1)
    settings.UPLOAD_BYTES_PER_USER = len(data) + 1000
    with pytest.raises(PlatformError) as refusal:
        send(uploader, collection, data)
    assert (refusal.value.status, refusal.value.code) == (507, "storage_quota_reached")
    assert not Study.objects.exists()
    settings.UPLOAD_BYTES_PER_USER = 10**9
    send(uploader, collection, data)
    # What is here already takes nothing.
    settings.UPLOAD_BYTES_PER_USER = bytes_stored_for(uploader) + len(data)
    assert send(uploader, collection, data).verdicts[0].outcome == "duplicate"


def test_hiding_takes_pixels_away_at_once_and_stops_the_machine(uploader, collection):
    image = send(uploader, collection, picture_png(1)).studies[0].images.get()
    hide_image(actor=uploader, image=image)
    hide_image(actor=uploader, image=image)
    image.refresh_from_db()
    assert not image.pixels_available
    assert image.predictions.get().status == JobStatus.FAILED
    assert AuditEvent.objects.filter(action="image.hidden").count() == 1


def test_a_purge_leaves_hashes_and_audit_and_no_pixels(uploader, collection):
    study = send(uploader, collection, picture_png(1)).studies[0]
    sha = study.images.get().pixel_sha256
    purge_study(actor=uploader, study=study, reason="asked for")
    assert StoredFile.objects.count() == 0
    assert study.images.get().pixel_sha256 == sha
    assert AuditEvent.objects.get(action="study.purged").data["images"] == [sha]
    again = send(uploader, collection, picture_png(1))
    assert again.studies == []
    assert "were removed" in again.verdicts[0].sentence


def test_a_purge_locks_images_before_their_study_as_a_reading_does(upload, shipped, uploader):
    study = upload()[0]
    with CaptureQueriesContext(connection) as queries:
        purge_study(actor=uploader, study=study, reason="asked for")
    locking = [query["sql"] for query in queries if "FOR UPDATE" in query["sql"]]
    assert 'FROM "classifier_image"' in locking[0]
    assert 'FROM "classifier_study"' in locking[1]


def test_showing_an_upload_asks_no_more_for_five_studies_than_for_one(collection, shipped, uploader):
    asked = []
    for pictures in ([1], [2, 3, 4, 5, 6]):
        result = send(uploader, collection, *map(picture_png, pictures), grouping=Grouping.STUDY_EACH)
        with CaptureQueriesContext(connection) as queries:
            shown = shown_upload(uploader, result)
        assert len(shown["studies"]) == len(pictures)
        asked.append(len(queries))
    assert asked[1] <= asked[0]
