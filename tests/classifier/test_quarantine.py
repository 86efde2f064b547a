"""Quarantine: what waits is decided once; let out it becomes an image like any other, with all it came with."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import cv2
import numpy as np
import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models.functions import Now

from classifier.exceptions import PixelsGone, PlatformError, StateConflict
from classifier.intake import CanonicalImage, Frame, FrameFacts, TakenIn
from classifier.jobs import reaping
from classifier.models import Image, Origin, Prediction, QuarantinedImage, StoredFile, Study
from classifier.selectors import bytes_stored_for, stored_png, uploads_in_last_minute
from classifier.selectors.quarantine import (
    own_waiting,
    quarantined_of,
    quarantined_png,
    uncovered,
    waiting_counts,
)
from classifier.selectors.receipts import waiting_in_quarantine
from classifier.services.entry_labels import entry_stored
from classifier.services.groups import UploadResult, store_group
from classifier.services.quarantine_decisions import (
    mask_quarantined,
    reject_overdue,
    reject_quarantined,
    release_quarantined,
)
from classifier.services.removal import purge_study
from classifier.services.storing import Arrival, store_image
from classifier.services.studies import set_finality
from classifier.services.uploads import Grouping, UploadedPart, receive_upload
from classifier.tasks import reap_expired_leases
from ml.duplicates import pixel_sha256
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from mriplatform.identifiers import uuid7
from reviews.models import ImportedLabel
from tests.factories import make_collection, make_study, make_user, make_version
from tests.pictures import png
from tests.quarantined import BOX, make_quarantined, written

WHY = "A slice's number, nobody's name."
FACTS = FrameFacts(
    "2.25.1", "2.25.2", "1.2.840.10008.5.1.4.1.1.4", "MR", "axial", "t1", 12.5, 0.5, 0.5,
    (1.0, 0.0, 0.0, 0.0, 1.0, 0.0), 12, 3,
)  # fmt: skip


@pytest.fixture
def reviewer(collection):
    return make_user("ines", collection=collection, role=Role.INTAKE_REVIEWER)


@pytest.fixture
def version(db):
    return make_version()


def pixels_of(image: Image) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(stored_png(image), np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("bits", [8, 16])
def test_released_it_becomes_an_image_with_its_very_pixels_and_is_predicted(
    collection, uploader, reviewer, version, bits
) -> None:
    row = make_quarantined(collection, uploader, seed=1, bits=bits)
    assert not Image.objects.exists()
    assert not Prediction.objects.exists()
    released = release_quarantined(actor=reviewer, quarantined=row, reason=f" {WHY} ")
    image = released.image
    assert image.pixel_sha256 == row.pixel_sha256 == pixel_sha256(written(1, bits=bits))
    assert np.array_equal(pixels_of(image), written(1, bits=bits))
    assert Prediction.objects.get().image == image
    assert image.study.uploaded_by == uploader
    assert (released.status, released.reason, released.decided_by) == ("released", WHY, reviewer)
    assert not StoredFile.objects.filter(name__startswith="quarantine/").exists()
    with pytest.raises(PixelsGone):
        quarantined_png(released)
    audited = AuditEvent.objects.get(action="quarantine.released")
    assert (audited.actor_id, audited.object_id) == (reviewer.pk, str(row.pk))
    assert audited.data["reason"] == WHY


@pytest.mark.parametrize("bits", [8, 16])
def test_masked_it_is_black_there_and_nowhere_else_and_the_name_is_nowhere(
    collection, uploader, reviewer, version, bits
) -> None:
    row = make_quarantined(collection, uploader, seed=2, bits=bits)
    masked = mask_quarantined(actor=reviewer, quarantined=row, masks=[BOX])
    expected = written(2, bits=bits)
    expected[BOX[1] : BOX[1] + BOX[3], BOX[0] : BOX[0] + BOX[2]] = 0
    assert np.array_equal(pixels_of(masked.image), expected)
    assert masked.image.pixel_sha256 == pixel_sha256(expected) != row.pixel_sha256
    assert masked.masks == [list(BOX)]
    assert [
        name for name in StoredFile.objects.values_list("name", flat=True) if "checkpoints" not in name
    ] == [masked.image.pixels.name]


def test_what_stays_visible_needs_a_reason(collection, uploader, reviewer, version) -> None:
    row = make_quarantined(collection, uploader)
    with pytest.raises(PlatformError, match="1 marked place stays visible") as refused:
        mask_quarantined(actor=reviewer, quarantined=row, masks=[(100, 100, 20, 20)])
    assert (refused.value.status, refused.value.code) == (400, "reason_needed")
    mask_quarantined(actor=reviewer, quarantined=row, masks=[(100, 100, 20, 20)], reason=WHY)


@pytest.mark.parametrize(
    "masks",
    [[], [(-1, 0, 5, 5)], [(0, 0, 0, 5)], [(220, 0, 5, 5)], [(0, 0, 5, 225)], [(0, 0, 1, 1)] * 51],
    ids=["none", "left of it", "empty", "right of it", "below it", "too many"],
)
def test_masks_must_lie_within_the_image(collection, uploader, reviewer, masks) -> None:
    row = make_quarantined(collection, uploader)
    with pytest.raises(PlatformError) as refused:
        mask_quarantined(actor=reviewer, quarantined=row, masks=masks)
    assert refused.value.status == 400
    row.refresh_from_db()
    assert row.status == "waiting"
    assert quarantined_png(row)


def test_a_reason_is_asked_for(collection, uploader, reviewer) -> None:
    row = make_quarantined(collection, uploader)
    for reason in ("", "  ", "x" * 501):
        for decide in (release_quarantined, reject_quarantined):
            with pytest.raises(PlatformError, match="in at most 500 characters"):
                decide(actor=reviewer, quarantined=row, reason=reason)


def test_it_is_decided_once(collection, uploader, reviewer, version) -> None:
    row = make_quarantined(collection, uploader)
    release_quarantined(actor=reviewer, quarantined=row, reason=WHY)
    for decide in (release_quarantined, reject_quarantined):
        with pytest.raises(StateConflict, match="it was released"):
            decide(actor=reviewer, quarantined=row, reason=WHY)
    with pytest.raises(StateConflict):
        mask_quarantined(actor=reviewer, quarantined=row, masks=[BOX])
    assert Image.objects.count() == 1


def test_rejected_its_pixels_are_gone_and_are_not_taken_again(
    collection, uploader, reviewer, version
) -> None:
    file = [UploadedPart(png(written(3)))]
    sent = {"actor": uploader, "collection": collection, "files": file, "grouping": Grouping.ONE_STUDY}
    first = receive_upload(**sent)
    assert first.verdicts[0].outcome == "quarantined"
    assert "reviewer of the intake" in first.verdicts[0].sentence
    row = QuarantinedImage.objects.get()
    assert row.boxes
    reject_quarantined(actor=reviewer, quarantined=row, reason="It names the patient.")
    assert not StoredFile.objects.filter(name__startswith="quarantine/").exists()
    again = receive_upload(**sent)
    assert "were rejected before" in again.verdicts[0].sentence
    assert not again.studies
    assert QuarantinedImage.objects.count() == 1
    assert not Image.objects.exists()
    assert not StoredFile.objects.filter(name__startswith="quarantine/").exists()


def test_masked_pixels_that_are_sent_again_lead_to_the_image(collection, uploader, reviewer, version) -> None:
    row = make_quarantined(collection, uploader, seed=4)
    masked = mask_quarantined(actor=reviewer, quarantined=row, masks=[BOX])
    again = receive_upload(
        actor=uploader, collection=collection, files=[UploadedPart(png(written(4)))],
        grouping=Grouping.ONE_STUDY,
    )  # fmt: skip
    assert (again.verdicts[0].outcome, again.verdicts[0].image) == ("duplicate", masked.image)


def test_two_that_are_the_same_once_masked_become_one_image(collection, uploader, reviewer, version) -> None:
    whole = (0, 0, 224, 224)
    rows = [make_quarantined(collection, uploader, seed=seed) for seed in (5, 6)]
    images = {mask_quarantined(actor=reviewer, quarantined=row, masks=[whole]).image for row in rows}
    assert len(images) == 1
    assert Study.objects.count() == 1


def test_it_joins_the_study_that_it_came_with(collection, uploader, reviewer, version) -> None:
    study = make_study(collection, uploader=uploader)
    row = make_quarantined(collection, uploader, study=study, position=1)
    image = release_quarantined(actor=reviewer, quarantined=row, reason=WHY).image
    assert (image.study, image.position) == (study, 1)


def test_of_a_final_study_it_becomes_one_of_its_own(collection, uploader, reviewer, version) -> None:
    study = make_study(collection, uploader=uploader)
    set_finality(study=study, final=True)
    row = make_quarantined(collection, uploader, study=study, subject_key="b" * 64, origin=Origin.PORTAL)
    image = release_quarantined(actor=reviewer, quarantined=row, reason=WHY).image
    assert image.study != study
    assert (image.study.subject_key, image.study.origin) == ("b" * 64, "portal")


def test_what_was_sent_as_one_study_is_one_again(collection, uploader, reviewer, version) -> None:
    group = uuid7()
    rows = [make_quarantined(collection, uploader, group=group, position=place) for place in range(2)]
    studies = {release_quarantined(actor=reviewer, quarantined=row, reason=WHY).image.study for row in rows}
    assert len(studies) == 1


def test_dicom_facts_age_and_label_go_with_it(collection, uploader, reviewer, version) -> None:
    told = []
    entry_stored.connect(lambda **sent: told.append(sent), weak=False, dispatch_uid="told")
    row = make_quarantined(
        collection, uploader, facts=FACTS, study_uid="2.25.7", age_band="40-49", label="glioma", dataset="Set"
    )
    image = mask_quarantined(actor=reviewer, quarantined=row, masks=[BOX]).image
    entry_stored.disconnect(dispatch_uid="told")
    assert (image.dicom.series_uid, image.dicom.slice_position, image.plane) == ("2.25.1", 12.5, "axial")
    assert (image.study.study_uid, image.study.age_band) == ("2.25.7", "40-49")
    assert [(one["image"], one["label"], one["dataset"]) for one in told] == [(image, "glioma", "Set")]


def test_the_label_of_what_is_sent_again_while_it_waits_goes_with_it_too(
    collection, uploader, reviewer, version
) -> None:
    told = []
    entry_stored.connect(lambda **sent: told.append(sent), weak=False, dispatch_uid="told")
    image = CanonicalImage.from_pixels(written(7))
    frame = Frame(image, number=1, boxes=(BOX,))
    for label in ("", "glioma", ""):
        arrival = Arrival(Origin.ARCHIVE, dataset="Set" if label else "", label=label)
        result = UploadResult()
        with transaction.atomic():
            store_group(result, uploader, collection, [(1, TakenIn((frame,), "a" * 64))], arrival)
        assert [verdict.outcome for verdict in result.verdicts] == ["quarantined"]
    row = QuarantinedImage.objects.get()
    # Masked, its pixels are those of an image that was stored meanwhile.
    x, y, width, height = BOX
    masked = written(7)
    masked[y : y + height, x : x + width] = 0
    known, _ = store_image(make_study(collection), CanonicalImage.from_pixels(masked), 0)
    assert mask_quarantined(actor=reviewer, quarantined=row, masks=[BOX]).image == known
    entry_stored.disconnect(dispatch_uid="told")
    assert [(one["image"], one["label"], one["dataset"]) for one in told] == [(known, "glioma", "Set")]


def send_again(sender, collection, label: str) -> None:
    """The same picture with writing in it, as an archive's folder labels it."""
    taken = TakenIn((Frame(CanonicalImage.from_pixels(written(8)), number=1, boxes=(BOX,)),), "a" * 64)
    with transaction.atomic():
        store_group(
            UploadResult(),
            sender,
            collection,
            [(1, taken)],
            Arrival(Origin.ARCHIVE, dataset="Set", label=label),
        )


@pytest.mark.parametrize(
    ("said", "label", "by"),
    [
        (["uma glioma"], "glioma", "uma"),
        (["uma glioma", "ben glioma"], "glioma", "uma"),
        (["uma glioma", "ben notumor"], "notumor", "ben"),
        (["uma ", "ben notumor", "uma "], "notumor", "ben"),
    ],
)
def test_a_label_is_that_of_whoever_said_it_not_of_whoever_lets_it_out(
    collection, reviewer, version, said: list[str], label: str, by: str
) -> None:
    people = {name: make_user(name, collection=collection, role=Role.ML_ENGINEER) for name in ("uma", "ben")}
    for one in said:
        name, _, named = one.partition(" ")
        send_again(people[name], collection, named)
    image = mask_quarantined(actor=reviewer, quarantined=QuarantinedImage.objects.get(), masks=[BOX]).image
    kept = ImportedLabel.objects.get(image=image)
    assert (kept.label, kept.imported_by) == (label, people[by])


def test_a_label_of_which_nobody_wrote_down_who_said_it_is_in_the_name_of_who_decides(
    collection, uploader, reviewer, version
) -> None:
    row = make_quarantined(collection, uploader, label="glioma", dataset="Set")
    row.arrival.pop("labelled_by")
    row.save()
    release_quarantined(actor=reviewer, quarantined=row, reason=WHY)
    assert ImportedLabel.objects.get().imported_by == reviewer


def test_what_came_without_analysis_is_not_analysed_later(collection, uploader, reviewer, version) -> None:
    row = make_quarantined(collection, uploader, analyse=False)
    release_quarantined(actor=reviewer, quarantined=row, reason=WHY)
    assert not Prediction.objects.exists()


def test_a_purge_takes_what_waits_of_the_study_too(collection, uploader, reviewer) -> None:
    study = make_study(collection, uploader=uploader)
    row = make_quarantined(collection, uploader, study=study)
    purge_study(actor=reviewer, study=study, reason="withdrawn")
    row.refresh_from_db()
    assert row.status == "rejected"
    assert not StoredFile.objects.filter(name__startswith="quarantine/").exists()


def test_a_purge_takes_what_came_before_the_rest_of_its_study_and_no_other_subjects(
    collection, uploader, reviewer
) -> None:
    study = make_study(collection, uploader=uploader)
    Study.objects.filter(pk=study.pk).update(study_uid="2.25.7", subject_key="a" * 64)
    study.refresh_from_db()
    mine, theirs = (
        make_quarantined(collection, uploader, study_uid="2.25.7", subject_key=letter * 64) for letter in "ab"
    )
    assert waiting_in_quarantine(study) == 1
    purge_study(actor=reviewer, study=study, reason="withdrawn")
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.status, theirs.status) == ("rejected", "waiting")


def test_the_sweep_that_beat_rings_rejects_what_waits_too_long(collection, uploader, settings) -> None:
    row = make_quarantined(collection, uploader)
    QuarantinedImage.objects.filter(pk=row.pk).update(created_at=Now() - timedelta(days=8))
    settings.QUARANTINE_DAYS = 7
    rung = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert reap_expired_leases.name in rung
    reaping._swept = float("-inf")
    reap_expired_leases()
    row.refresh_from_db()
    assert row.status == "rejected"


def test_what_waits_too_long_is_rejected_only_where_a_setting_says_so(collection, uploader, settings) -> None:
    old, new = (make_quarantined(collection, uploader) for _ in range(2))
    QuarantinedImage.objects.filter(pk=old.pk).update(created_at=Now() - timedelta(days=8))
    assert reject_overdue() == 0
    settings.QUARANTINE_DAYS = 7
    assert reject_overdue() == 1
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.status, old.decided_by, new.status) == ("rejected", None, "waiting")
    assert "in time" in old.reason


def test_reviewers_see_what_waits_and_uploaders_how_many(collection, uploader, reviewer) -> None:
    make_quarantined(collection, uploader)
    assert quarantined_of(reviewer).count() == 1
    assert waiting_counts(reviewer) == {collection.pk: 1}
    assert not quarantined_of(uploader).exists()
    assert waiting_counts(uploader) == {}
    assert own_waiting(uploader, collection) == 1
    assert own_waiting(reviewer, collection) == 0
    assert bytes_stored_for(uploader) > 0


def test_what_goes_to_quarantine_counts_for_how_much_one_sends(collection, uploader) -> None:
    group = uuid7()
    for _ in range(2):
        make_quarantined(collection, uploader, group=group)
    make_quarantined(collection, uploader)
    make_quarantined(collection, uploader, origin=Origin.ARCHIVE)
    assert uploads_in_last_minute(uploader) == 2


@pytest.mark.parametrize(
    ("masks", "left"),
    [
        ([], 1), ([(0, 0, 40, 40)], 0), ([(0, 0, 20, 40), (20, 0, 20, 40)], 0), ([(0, 0, 20, 40)], 1),
        ([(12, 12, 5, 5)], 1), ([(0, 0, 19, 40), (20, 0, 20, 40)], 1),
    ],
)  # fmt: skip
def test_a_place_is_covered_by_all_masks_together(masks, left) -> None:
    assert len(uncovered([(10, 10, 20, 20)], masks)) == left


def test_a_storage_that_lost_the_pixels_says_so(collection, uploader, reviewer) -> None:
    row = make_quarantined(collection, uploader)
    storages["pixels"].delete(row.pixels.name)
    with pytest.raises(PixelsGone, match="not in the storage"):
        release_quarantined(actor=reviewer, quarantined=row, reason=WHY)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_is_told() -> None:
    collection = make_collection()
    uploader = make_user(collection=collection, role=Role.UPLOADER)
    reviewers = [make_user(collection=collection, role=Role.INTAKE_REVIEWER) for _ in range(4)]
    make_version()
    row = make_quarantined(collection, uploader)
    ready = threading.Barrier(len(reviewers))

    def decide(number: int) -> str:
        act = (release_quarantined, reject_quarantined)[number % 2]
        ready.wait()
        try:
            return str(act(actor=reviewers[number], quarantined=row, reason=WHY).status)
        except StateConflict as conflict:
            return conflict.code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(reviewers)) as pool:
        outcomes = sorted(pool.map(decide, range(len(reviewers))))
    assert outcomes[:3] == ["already_decided"] * 3
    row.refresh_from_db()
    assert outcomes[3] == row.status
    assert Image.objects.count() == (row.status == "released")
    assert AuditEvent.objects.filter(action__startswith="quarantine.").count() == 1
