"""What becomes of an archive while another step of it, or another archive, is under way."""

import pytest

from classifier.exceptions import StateConflict
from classifier.intake.archive import read_directory
from classifier.jobs import archives as jobs
from classifier.models import Archive, Study
from classifier.selectors.archives import counts_of
from classifier.services import archive_work, archives
from classifier.services.archive_parts import receive_part
from classifier.services.archives import cancel_archive, complete_archive, create_archive, send_archive
from mriplatform.audit.models import AuditEvent
from tests.classifier.intake.archive_cases import Entry, archive, good, real

pytestmark = pytest.mark.django_db


@pytest.fixture
def begin(uploader, collection):
    def _begin(data: bytes) -> Archive:
        return create_archive(actor=uploader, collection=collection, size=len(data))

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
