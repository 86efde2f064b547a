"""What becomes of an archive while another step of it, or another archive, is under way."""

from weakref import WeakSet

import pytest

from classifier.exceptions import StateConflict, UploadRefused
from classifier.intake import TakenIn
from classifier.intake.archive import read_directory
from classifier.jobs import archives as jobs
from classifier.models import Archive, ArchivePart, Study
from classifier.selectors import bytes_stored_for
from classifier.selectors.archives import counts_of
from classifier.services import archive_work, archives, entries, room
from classifier.services.archive_parts import receive_part
from classifier.services.archives import (
    cancel_archive,
    complete_archive,
    create_archive,
    send_archive,
    store_archive,
)
from classifier.services.decoding import decode_part
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from reviews.models import ImportedLabel
from tests.classifier.intake.archive_cases import Entry, archive, good, real

pytestmark = pytest.mark.django_db


@pytest.fixture
def begin(uploader, collection):
    def _begin(data: bytes, **options) -> Archive:
        return create_archive(actor=uploader, collection=collection, size=len(data), **options)

    return _begin


@pytest.fixture
def arrived(begin):
    """An archive of which every part is here."""
    data = real(3)
    sent = begin(data)
    receive_part(archive=sent, number=1, data=data)
    return sent


@pytest.fixture
def meanwhile(monkeypatch):
    """Something happens between the look at the parts and the reading of the directory in them."""

    def _meanwhile(happens):
        def reads(*arguments):
            monkeypatch.setattr(archives, "read_directory", read_directory)
            happens()
            return read_directory(*arguments)

        monkeypatch.setattr(archives, "read_directory", reads)

    return _meanwhile


def test_what_is_cancelled_while_it_is_completed_is_cancelled_and_not_damaged(arrived, uploader, meanwhile):
    meanwhile(lambda: cancel_archive(actor=uploader, archive=arrived))
    with pytest.raises(StateConflict, match="You cancelled it"):
        complete_archive(archive=arrived)
    assert Archive.objects.get().status == "cancelled"
    assert not AuditEvent.objects.filter(action="upload.refused").exists()


def test_what_is_completed_twice_and_stored_in_between_stays_stored(arrived, meanwhile):
    def stored():
        complete_archive(archive=Archive.objects.get())
        while jobs.drain():
            pass

    meanwhile(stored)
    assert complete_archive(archive=arrived).status == "stored"
    assert arrived.entries.filter(outcome="stored").count() == Study.objects.count() == 3
    assert not AuditEvent.objects.filter(action="upload.refused").exists()


def test_giving_one_up_does_not_end_the_work_on_those_that_wait(begin, settings):
    for data in (real(1), real(1, 900)):
        send_archive(archive=begin(data), data=data)
    dead = Archive.objects.order_by("created_at").first()
    Archive.objects.filter(pk=dead.pk).update(attempt=settings.ARCHIVE_ATTEMPTS)
    held = archive_work.claim_archive(worker="one")
    assert held is not None
    assert held.pk != dead.pk
    dead.refresh_from_db()
    assert (dead.status, dead.code) == ("failed", "worker_lost")


def test_what_repeats_an_earlier_entry_stays_counted_while_the_entries_are_stored(begin):
    first = good(801)
    data = archive([first, Entry("again.png", first.data), good(802)])
    sent = send_archive(archive=begin(data), data=data)
    while jobs.drain():
        pass
    sent.refresh_from_db()
    counts = counts_of(sent)
    assert (sent.status, counts.new, counts.duplicates, counts.within) == ("stored", 2, 1, 1)


def leaves(person) -> None:
    person.memberships.filter(role=Role.UPLOADER).delete()


def is_deactivated(person) -> None:
    User.objects.filter(pk=person.pk).update(is_active=False)


def brings_no_more_labels(person) -> None:
    person.memberships.filter(role=Role.ML_ENGINEER).delete()


WITHDRAWN = [
    (leaves, "may no longer send images into this collection"),
    (is_deactivated, "may no longer send images into this collection"),
    (brings_no_more_labels, "may no longer bring labels along into this collection"),
]


@pytest.fixture
def labelled(begin, uploader, collection):
    """An archive of 25 images whose folders say what they are."""
    uploader.memberships.create(collection=collection, role=Role.ML_ENGINEER)
    data = archive([good(seed, f"glioma/{seed}.png") for seed in range(840, 865)])

    def _labelled(**options) -> Archive:
        return send_archive(archive=begin(data, folder_labels=True, **options), data=data)

    return _labelled


@pytest.mark.parametrize(("happens", "said"), WITHDRAWN)
def test_nothing_is_looked_at_for_a_sender_whose_rights_were_withdrawn(labelled, uploader, happens, said):
    sent = labelled()
    happens(uploader)
    assert archive_work.claim_archive(worker="one") is None
    sent.refresh_from_db()
    assert (sent.status, sent.code, sent.lease_expires_at) == ("failed", "rights_withdrawn", None)
    assert said in sent.sentence
    assert sent.sentence.endswith("Nothing was stored.")
    assert not ArchivePart.objects.exists()
    assert AuditEvent.objects.get(action="archive.failed").data["code"] == "rights_withdrawn"


@pytest.mark.parametrize(("happens", "said"), WITHDRAWN)
def test_storing_ends_where_the_senders_rights_do_and_what_was_stored_stays(
    labelled, uploader, monkeypatch, happens, said
):
    sent = labelled()
    record_stored = jobs.record_stored

    def withdrawn_meanwhile(**arguments):
        record_stored(**arguments)
        happens(uploader)

    monkeypatch.setattr(jobs, "record_stored", withdrawn_meanwhile)
    while jobs.drain():
        pass
    sent.refresh_from_db()
    assert (sent.status, sent.code) == ("failed", "rights_withdrawn")
    assert said in sent.sentence
    assert sent.sentence.endswith(" 10 of its images were stored before; those stay.")
    assert Study.objects.count() == ImportedLabel.objects.count() == 10


def test_what_needs_no_labels_goes_on_without_that_right(begin, uploader):
    data = real(1)
    sent = send_archive(archive=begin(data), data=data)
    brings_no_more_labels(uploader)
    assert archive_work.claim_archive(worker="one") == sent


@pytest.mark.parametrize(("happens", "said"), WITHDRAWN)
def test_a_word_to_store_is_not_taken_from_a_sender_whose_rights_were_withdrawn(
    labelled, uploader, happens, said
):
    sent = labelled(dry_run=True)
    while jobs.drain():
        pass
    happens(uploader)
    with pytest.raises(UploadRefused, match=said) as refusal:
        store_archive(archive=sent)
    assert (refusal.value.status, refusal.value.code) == (403, "rights_withdrawn")
    sent.refresh_from_db()
    assert sent.status == "checked"


def test_entries_that_unpack_to_much_are_stored_in_portions(begin, monkeypatch):
    data = real(7)
    sent = send_archive(archive=begin(data), data=data)
    record_stored, portions = jobs.record_stored, []

    def counted(**arguments):
        portions.append(len(arguments["decoded"]))
        record_stored(**arguments)

    monkeypatch.setattr(jobs, "record_stored", counted)
    monkeypatch.setattr(room, "PORTION_BYTES", 1)
    while jobs.drain():
        pass
    sent.refresh_from_db()
    assert sent.status == "stored"
    assert portions == [2, 2, 2, 1]
    assert Study.objects.count() == 7


def test_pixels_are_let_go_once_an_entry_was_checked(begin, monkeypatch):
    alive, most = WeakSet(), []

    class Watched(TakenIn):
        """As a file that was taken in, and it is known how long."""

    def decoded(number, part):
        found = decode_part(number, part)[1]
        alive.add(watched := Watched(found.frames, found.file_sha256, found.study))
        most.append(len(alive))
        return number, watched

    monkeypatch.setattr(entries, "decode_part", decoded)
    data = real(10)
    send_archive(archive=begin(data, dry_run=True), data=data)
    while jobs.drain():
        pass
    assert Archive.objects.get().status == "checked"
    assert len(most) == 10
    # Two at once, and what each of the two looked at before.
    assert max(most) <= 4


def test_an_archive_for_which_there_is_no_room_is_stored_as_far_as_there_was(begin, uploader, settings):
    data = real(12)
    sent = send_archive(archive=begin(data), data=data)
    settings.UPLOAD_BYTES_PER_USER = 1
    while jobs.drain():
        pass
    sent.refresh_from_db()
    assert (sent.status, sent.code) == ("failed", "storage_quota_reached")
    assert not Study.objects.exists()
    assert bytes_stored_for(uploader) == 0
