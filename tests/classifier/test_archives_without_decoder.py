"""An archive waits for a decoder that is busy, and not for ever for one that cannot be started."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from classifier.intake import IntakeRefused
from classifier.jobs import archives as jobs
from classifier.models import Archive, ArchivePart, Study
from classifier.services import decoding
from classifier.services.archives import create_archive, send_archive
from mriplatform.audit.models import AuditEvent
from tests.classifier.intake.archive_cases import archive, good

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(uploader, collection) -> Archive:
    data = archive([good(number, f"Musterfrau/{number}.png") for number in (811, 812)])
    begun = create_archive(actor=uploader, collection=collection, size=len(data))
    return send_archive(archive=begun, data=data)


@pytest.fixture
def decoder_says(monkeypatch):
    """Lets no image be decoded; called without a code, lets all."""
    real = decoding.take_in

    def _says(code: str = "") -> None:
        def refuses(*_):
            raise IntakeRefused(code, "Not now.")

        monkeypatch.setattr(decoding, "take_in", refuses if code else real)

    return _says


def drained_once(sent: Archive) -> Archive:
    """One try at it, and the pause after it is over."""
    jobs.drain()
    sent.refresh_from_db()
    held, now = sent.lease_expires_at, timezone.now()
    Archive.objects.update(lease_expires_at=now - timedelta(seconds=1))
    sent.pause = (held - now).total_seconds() if held else 0.0
    return sent


def test_a_decoder_that_cannot_be_started_is_an_attempt_and_the_last_one_ends_it(sent, decoder_says, caplog):
    decoder_says("decoder_down")
    for attempt in range(1, settings.ARCHIVE_ATTEMPTS):
        drained_once(sent)
        assert (sent.status, sent.attempt) == ("checking", attempt)
        assert 50 < sent.pause <= 60
    drained_once(sent)
    assert (sent.status, sent.code) == ("failed", "decoder_down")
    assert "Images cannot be decoded here" in sent.sentence
    assert not ArchivePart.objects.exists()
    assert AuditEvent.objects.get(action="archive.failed").data["code"] == "decoder_down"
    warned = [line.getMessage() for line in caplog.records if line.name == jobs.__name__]
    assert len(warned) == settings.ARCHIVE_ATTEMPTS
    assert all(str(sent.pk) in line and "no decoder can be started" in line for line in warned)
    assert "Musterfrau" not in caplog.text


def test_one_that_can_be_started_again_goes_on(sent, decoder_says):
    decoder_says("decoder_down")
    drained_once(sent)
    decoder_says()
    drained_once(sent)
    assert (sent.status, sent.attempt, Study.objects.count()) == ("stored", 0, 2)


def test_one_that_is_busy_is_waited_for_and_said_to_be(sent, decoder_says, caplog):
    decoder_says("decoder_busy")
    for _ in range(settings.ARCHIVE_ATTEMPTS + 1):
        drained_once(sent)
        assert (sent.status, sent.attempt) == ("checking", 0)
        assert 0 < sent.pause <= 5
    assert caplog.text.count("the decoder has no room") == settings.ARCHIVE_ATTEMPTS + 1
    decoder_says()
    drained_once(sent)
    assert sent.status == "stored"
