"""An archive is sent in parts, checked whole, and stored entry by entry, by workers that may be killed at any point."""

import hashlib
import secrets
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from classifier.exceptions import StateConflict, StorageQuotaReached, TooManyUploads, UploadRefused
from classifier.jobs import archives as jobs
from classifier.models import Archive, ArchiveEntry, ArchivePart, Image, Prediction, Study
from classifier.selectors.archives import counts_of
from classifier.services import archive_work
from classifier.services.archive_parts import SealedArchive, arrived_parts, receive_part
from classifier.services.archives import (
    cancel_archive,
    complete_archive,
    create_archive,
    send_archive,
    store_archive,
    sweep_archives,
)
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from tests.classifier.intake.archive_cases import ACCEPTED, Entry, archive, good, real, ten_and_one

pytestmark = pytest.mark.django_db


@pytest.fixture
def begin(uploader, collection):
    def _begin(data: bytes, **options) -> Archive:
        if options.get("folder_labels"):
            uploader.memberships.get_or_create(collection=collection, role=Role.ML_ENGINEER)
        return create_archive(actor=uploader, collection=collection, size=len(data), **options)

    return _begin


@pytest.fixture
def send(begin):
    def _send(data: bytes, **options) -> Archive:
        return send_archive(archive=begin(data, **options), data=data)

    return _send


def drained(sent: Archive) -> Archive:
    while jobs.drain():
        pass
    sent.refresh_from_db()
    return sent


def outcomes(sent: Archive) -> dict[int, str]:
    return dict(ArchiveEntry.objects.filter(archive=sent).order_by("number").values_list("number", "outcome"))


def test_what_is_good_is_stored_with_its_predictions_queued(send):
    sent = drained(send(real(3)))
    assert sent.status == "stored"
    assert (Study.objects.count(), Image.objects.count(), Prediction.objects.count()) == (3, 3, 3)
    assert set(Study.objects.values_list("origin", flat=True)) == {"archive"}
    assert outcomes(sent) == {1: "stored", 2: "stored", 3: "stored"}
    assert not ArchivePart.objects.exists()
    assert all(entry.study_id and entry.image_id and len(entry.sha256) == 64 for entry in sent.entries.all())
    assert AuditEvent.objects.get(action="archive.stored").data["stored"] == 3


def test_parts_arrive_in_any_order_and_twice_and_are_kept_encrypted(begin, settings):
    settings.ARCHIVE_PART_BYTES = 3000
    data = real(3)
    sent = begin(data)
    pieces = {n // 3000 + 1: data[n : n + 3000] for n in range(0, len(data), 3000)}
    for number in [*reversed(pieces), 1]:
        receive_part(archive=sent, number=number, data=pieces[number])
    assert arrived_parts(sent) == sorted(pieces)
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM classifier_archivepart ORDER BY number")
        kept = b"".join(bytes(row[0]) for row in cursor.fetchall())
    for start in range(0, len(data) - 12, 97):
        assert data[start : start + 12] not in kept
    assert SealedArchive(sent).read_at(2990, 20) == data[2990:3010]
    assert SealedArchive(sent).read_at(0, len(data) + 5) == data
    assert drained(complete_archive(archive=sent)).status == "stored"


def test_a_part_that_was_altered_or_moved_is_not_believed(begin, settings):
    settings.ARCHIVE_PART_BYTES = 3000
    data = real(3)
    sent = begin(data)
    for n in range(0, len(data), 3000):
        receive_part(archive=sent, number=n // 3000 + 1, data=data[n : n + 3000])
    first, second = ArchivePart.objects.filter(archive=sent)[:2]
    ArchivePart.objects.filter(pk=second.pk).update(content=first.content)
    with pytest.raises(UploadRefused, match="a part of it was altered"):
        complete_archive(archive=sent)
    assert not Archive.objects.exists()


def test_a_part_of_another_size_or_number(begin, settings):
    settings.ARCHIVE_PART_BYTES = 3000
    sent = begin(real(3))
    for number, size, status in ((1, 2999, 400), (1, 3001, 400), (0, 3000, 404), (99, 3000, 404)):
        with pytest.raises(UploadRefused) as caught:
            receive_part(archive=sent, number=number, data=bytes(size))
        assert caught.value.status == status
    with pytest.raises(StateConflict, match="send these: 1, 2"):
        complete_archive(archive=sent)


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_every_good_archive_is_stored_and_no_name_is_kept(case, send):
    assert drained(send(case.make())).status == "stored"
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows = "\n".join(row[0] for row in cursor.fetchall())
            for planted in case.planted:
                assert planted not in rows


def test_ten_good_and_one_bad_is_nothing_by_default(send):
    mixed = ten_and_one()
    sent = drained(send(mixed.data))
    assert (sent.status, sent.code) == ("refused", "wrong_type")
    assert sent.sentence.startswith("Entry 4: ")
    assert not Study.objects.exists()
    assert outcomes(sent)[4] == "refused"
    assert not ArchivePart.objects.exists()


def test_ten_good_and_one_bad_is_ten_with_a_verdict_each(send):
    mixed = ten_and_one()
    sent = drained(send(mixed.data, partial=True))
    assert sent.status == "stored"
    found = outcomes(sent)
    assert [n for n, one in found.items() if one == "stored"] == list(mixed.good)
    assert [n for n, one in found.items() if one == "refused"] == list(mixed.bad)
    assert [n for n, one in found.items() if one == "ignored"] == list(mixed.ignored)
    counts = counts_of(sent)
    assert (counts.entries, counts.new, counts.refused, counts.ignored) == (11, 10, 1, 4)


def test_a_dry_run_counts_and_stores_nothing_until_it_is_told_to(send, upload):
    upload(1, first_seed=0)
    entries = [good(801, "glioma/1.png"), good(802, "No Tumour/2.png"), good(803, "elsewhere/3.png")]
    entries += [Entry("glioma/again.png", entries[0].data), Entry("4.png", b"Only words.\n")]
    before = Study.objects.count()
    sent = drained(send(archive(entries), dry_run=True, folder_labels=True))
    assert sent.status == "checked"
    counts = counts_of(sent)
    assert (counts.entries, counts.new, counts.duplicates, counts.within, counts.refused) == (5, 3, 1, 1, 1)
    assert counts.labels == {"glioma": 2, "notumor": 1}
    assert counts.unlabelled == 1
    assert Study.objects.count() == before
    assert not jobs.drain()
    with pytest.raises(StateConflict, match="Refused entries: 1"):
        store_archive(archive=sent)
    store_archive(archive=sent, partial=True)
    assert drained(sent).status == "stored"
    assert Study.objects.count() == before + 3
    counts = counts_of(sent)
    assert (counts.new, counts.duplicates, counts.refused) == (3, 1, 1)
    assert store_archive(archive=sent).status == "stored"


def test_labels_of_folders_are_kept_once_and_a_changed_one_is_a_row_more(send):
    from reviews.models import ImportedLabel

    entries = [good(811, "Glioma/1.png"), good(812, "no_tumor/2.png"), good(813, "ward 7/3.png"), good(814)]
    drained(send(archive(entries), folder_labels=True, dataset="Ward"))
    assert sorted(ImportedLabel.objects.values_list("label", "dataset")) == [
        ("glioma", "Ward"),
        ("notumor", "Ward"),
    ]
    assert sorted(Study.objects.values_list("dataset", flat=True)) == ["", "", "Ward", "Ward"]
    drained(send(archive(entries), folder_labels=True, dataset="Ward"))
    assert ImportedLabel.objects.count() == 2
    moved = [Entry("pituitary/1.png", entries[0].data)]
    drained(send(archive(moved), folder_labels=True))
    assert ImportedLabel.objects.count() == 3
    drained(send(archive([good(815, "glioma/5.png")])))
    assert ImportedLabel.objects.count() == 3


def test_the_same_archive_twice_stores_nothing_twice(send):
    drained(send(real(3)))
    sent = drained(send(real(3)))
    assert sent.status == "stored"
    assert set(outcomes(sent).values()) == {"duplicate"}
    assert Image.objects.count() == 3


def test_an_archive_that_is_cancelled_leaves_nothing_but_what_was_stored(send, uploader, monkeypatch):
    sent = send(real(25))
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.0)
    while Study.objects.count() == 0:
        _one_batch(monkeypatch)
    sent = cancel_archive(actor=uploader, archive=sent)
    stored = Study.objects.count()
    assert 0 < stored < 25
    assert f"after {stored} of its images" in sent.sentence
    assert drained(sent).status == "cancelled"
    assert (Study.objects.count(), ArchivePart.objects.count()) == (stored, 0)
    with pytest.raises(StateConflict):
        store_archive(archive=sent)


def _one_batch(monkeypatch) -> None:
    """One step of work, then the slice is over."""
    held = archive_work.claim_archive(worker=secrets.token_hex(4))
    jobs._work(held, deadline=0.0)


@pytest.mark.parametrize("step", ["record_checked", "finish_check", "record_stored", "finish_storing"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_vanishes_at_any_step_loses_and_repeats_nothing(step, when, send, monkeypatch):
    sent = send(real(12))
    real_step, died = getattr(jobs, step), []

    class Killed(BaseException):
        """Nothing catches it, as nothing catches a SIGKILL."""

    def dies_once(**arguments):
        if not died and when == "before":
            died.append(1)
            raise Killed
        answer = real_step(**arguments)
        if not died:
            died.append(1)
            raise Killed
        return answer

    monkeypatch.setattr(jobs, step, dies_once)
    with pytest.raises(Killed):
        jobs.drain()
    assert died
    assert jobs.drain() == 0 or Archive.objects.get().status == "stored"  # its lease is not over
    Archive.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert drained(sent).status == "stored"
    assert (Study.objects.count(), Image.objects.count(), Prediction.objects.count()) == (12, 12, 12)
    assert set(outcomes(sent).values()) == {"stored"}
    assert AuditEvent.objects.filter(action="archive.stored").count() == 1


def test_a_worker_that_lost_its_lease_touches_nothing_more(send):
    send(real(3))
    slow = archive_work.claim_archive(worker="slow")
    Archive.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    quick = archive_work.claim_archive(worker="quick")
    assert quick.pk == slow.pk
    with pytest.raises(archive_work.LeaseLost):
        archive_work.record_checked(archive=slow, checked=[])
    archive_work.record_checked(archive=quick, checked=[])


def test_an_archive_whose_worker_always_dies_fails_with_a_reason(send, settings):
    sent = send(real(1))
    for attempt in range(settings.ARCHIVE_ATTEMPTS):
        assert archive_work.claim_archive(worker=f"w{attempt}")
        Archive.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert archive_work.claim_archive(worker="last") is None
    sent.refresh_from_db()
    assert (sent.status, sent.code) == ("failed", "worker_lost")
    assert not ArchivePart.objects.exists()


def test_a_fault_is_logged_without_its_words_and_the_next_archive_goes_on(send, monkeypatch, caplog):
    first, second = send(real(1)), send(real(1, 900))
    real_check, named = jobs.check_entries, "Muster" + "frau"

    def faulty(entries):
        held = Archive.objects.get(pk=first.pk)
        if held.worker:
            raise ValueError(named)
        return real_check(entries)

    monkeypatch.setattr(jobs, "check_entries", faulty)
    jobs.drain()
    second.refresh_from_db()
    assert second.status == "stored"
    assert "ValueError" in caplog.text
    assert "Musterfrau" not in caplog.text


def test_abandoned_archives_are_swept_and_verdicts_forgotten(begin, send):
    sent = begin(real(1))
    receive_part(archive=sent, number=1, data=real(1))
    Archive.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    sweep_archives()
    sent.refresh_from_db()
    assert (sent.status, sent.code) == ("cancelled", "expired")
    assert not ArchivePart.objects.exists()
    Archive.objects.update(expires_at=timezone.now() - timedelta(hours=1))
    sweep_archives()
    assert not Archive.objects.exists()


def test_quotas(begin, send, settings, uploader):
    settings.ARCHIVE_MAX_BYTES = 100
    with pytest.raises(UploadRefused) as caught:
        begin(bytes(101))
    assert caught.value.status == 413
    settings.UPLOAD_BYTES_PER_USER = 150
    begin(bytes(100))
    with pytest.raises(StorageQuotaReached):
        begin(bytes(60))
    settings.UPLOAD_BYTES_PER_USER = 10**9
    settings.UPLOADS_PER_MINUTE = 2
    begin(bytes(60))
    with pytest.raises(TooManyUploads):
        begin(bytes(60))


def test_an_archive_counts_as_one_upload_however_much_is_in_it(send, settings, upload):
    settings.UPLOADS_PER_MINUTE = 3
    drained(send(real(5)))
    assert len(upload(1)) == 1


def test_the_hash_of_an_entry_is_the_one_of_its_bytes(send):
    entry = good(820)
    sent = drained(send(archive([entry])))
    assert sent.entries.get().sha256 == hashlib.sha256(entry.data).hexdigest()


def test_a_dicom_series_is_one_study_in_order_over_several_batches(send):
    from tests.classifier.intake.dicom_files import as_file, mr

    entries = [Entry(f"{n:02}.dcm", as_file(mr(n, study=5))) for n in (*range(11, -1, -1),)]
    entries.insert(4, good(830))
    sent = drained(send(archive(entries)))
    assert sent.status == "stored"
    series = Study.objects.exclude(study_uid="").get()
    places = [image.dicom.slice_position for image in series.images.order_by("position")]
    assert len(places) == 12
    assert places == sorted(places)
    assert Study.objects.count() == 2


def test_writing_is_foretold_kept_apart_and_labelled_when_it_is_let_in(send, collection):
    from classifier.models import QuarantinedImage
    from classifier.services.quarantine_decisions import release_quarantined
    from mriplatform.accounts.roles import Role
    from reviews.models import ImportedLabel
    from tests.classifier.intake.dicom_files import as_file, mr
    from tests.factories import make_user

    suspect = as_file(mr(3, BurnedInAnnotation="YES"))
    entries = [Entry("glioma/1.dcm", suspect), Entry("glioma/2.png", good(831).data)]
    sent = drained(send(archive(entries), dry_run=True, folder_labels=True, dataset="Ward"))
    counts = counts_of(sent)
    assert (counts.new, counts.quarantined, counts.labels) == (1, 1, {"glioma": 2})
    assert not QuarantinedImage.objects.exists()
    store_archive(archive=sent)
    assert outcomes(drained(sent)) == {1: "quarantined", 2: "stored"}
    assert ImportedLabel.objects.count() == 1
    reviewer = make_user("ina", collection=collection, role=Role.INTAKE_REVIEWER)
    release_quarantined(actor=reviewer, quarantined=QuarantinedImage.objects.get(), reason="Only a scale.")
    assert sorted(ImportedLabel.objects.values_list("label", "dataset")) == [("glioma", "Ward")] * 2


def test_what_was_decided_about_is_foretold_as_here_already(send, collection, uploader):
    from classifier.models import QuarantinedImage
    from classifier.services.quarantine_decisions import reject_quarantined
    from mriplatform.accounts.roles import Role
    from tests.factories import make_user
    from tests.pictures import png
    from tests.quarantined import make_quarantined, written

    reviewer = make_user("ina", collection=collection, role=Role.INTAKE_REVIEWER)
    rows = [make_quarantined(collection, uploader, seed=seed) for seed in (31, 32)]
    reject_quarantined(actor=reviewer, quarantined=rows[0], reason="A name.")
    entries = [Entry(f"{seed}.png", png(written(seed))) for seed in (31, 32)]
    counts = counts_of(drained(send(archive(entries), dry_run=True)))
    assert (counts.new, counts.duplicates, counts.quarantined) == (0, 1, 1)
    assert QuarantinedImage.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_step_that_takes_longer_than_the_lease_keeps_it(send, settings, monkeypatch):
    sent = send(real(1))
    decoded, others, ends, pauses = jobs.check_entries, [], set(), set()

    class Hurried(threading.Event):
        """A third of the lease is over in no time."""

        def wait(self, timeout=None):
            pauses.add(timeout)
            return super().wait(0.05)

    def slow(entries):
        hangs = time.monotonic() + 60
        while len(ends) < 4 and time.monotonic() < hangs:
            ends.add(Archive.objects.get().lease_expires_at)
            others.append(archive_work.claim_archive(worker="another"))
            time.sleep(0.01)
        return decoded(entries)

    monkeypatch.setattr(jobs, "threading", SimpleNamespace(Event=Hurried, Thread=threading.Thread))
    monkeypatch.setattr(jobs, "check_entries", slow)
    assert drained(sent).status == "stored"
    assert len(ends) == 4
    assert pauses == {settings.ARCHIVE_LEASE_SECONDS / 3}
    assert not any(others)


def test_an_archive_that_is_gone_meanwhile_is_said_so(begin, uploader):
    sent = begin(real(1))
    Archive.objects.all().delete()
    for act in (
        lambda: receive_part(archive=sent, number=1, data=real(1)),
        lambda: cancel_archive(actor=uploader, archive=sent),
        lambda: store_archive(archive=sent),
    ):
        with pytest.raises(StateConflict, match="no longer there"):
            act()
