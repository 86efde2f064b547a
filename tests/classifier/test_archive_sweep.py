"""What was sent of an archive is deleted in time, whoever did not go on with it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.jobs import archives as jobs
from classifier.models import Archive, ArchiveEntry, ArchivePart
from classifier.services import archive_work
from classifier.services.archives import create_archive, send_archive, store_archive, sweep_archives
from mriplatform.audit.models import AuditEvent
from tests.classifier.intake.archive_cases import real

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(uploader, collection):
    def _send(**options) -> Archive:
        data = real(12)
        begun = create_archive(actor=uploader, collection=collection, size=len(data), **options)
        return send_archive(archive=begun, data=data)

    return _send


def overdue(sent: Archive, **changes) -> Archive:
    Archive.objects.filter(pk=sent.pk).update(expires_at=timezone.now() - timedelta(hours=1), **changes)
    return sent


def soon() -> object:
    return timezone.now() + timedelta(minutes=1)


def swept(sent: Archive) -> str:
    sweep_archives()
    sent.refresh_from_db()
    return sent.status


@pytest.mark.parametrize("status", ["checking", "storing"])
@pytest.mark.parametrize("pausing", [False, True])
def test_one_that_no_worker_goes_on_with_fails_in_time(send, status, pausing):
    sent = overdue(send(), status=status, lease_expires_at=soon() if pausing else None)
    assert swept(sent) == "failed"
    assert (sent.code, sent.expires_at > timezone.now()) == ("expired", True)
    assert not ArchivePart.objects.exists()
    assert AuditEvent.objects.get(action="archive.failed").data == {"code": "expired"}
    overdue(sent)
    sweep_archives()
    assert not Archive.objects.exists()
    assert not ArchiveEntry.objects.exists()


def test_one_that_a_worker_holds_is_left_to_it_until_its_lease_is_over(send):
    sent = overdue(send(), worker="one", lease_expires_at=soon())
    assert swept(sent) == "checking"
    overdue(sent, lease_expires_at=timezone.now() - timedelta(seconds=1))
    assert swept(sent) == "failed"


def test_each_step_and_a_word_to_store_it_keep_it_longer(send):
    sent = overdue(send(dry_run=True))
    jobs._work(archive_work.claim_archive(worker="one"), deadline=0.0)
    assert swept(sent) == "checking"
    while jobs.drain():
        pass
    assert swept(sent) == "checked"
    # A moment before its time is over.
    Archive.objects.update(expires_at=timezone.now() + timedelta(seconds=1))
    sent = store_archive(archive=sent)
    assert sent.expires_at > soon()
    assert swept(sent) == "storing"
