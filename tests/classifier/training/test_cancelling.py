"""A cancelled run leaves nothing, whoever was first."""

from contextlib import suppress
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.db.models.functions import Now

from classifier.exceptions import StateConflict
from classifier.jobs import training as training_job
from classifier.jobs.training import head, live, running
from classifier.jobs.training.workplace import folder_of
from classifier.models import Evaluation, ModelVersion, StoredFile, TraceLine, TrainingRun
from classifier.services.training import cancel_run, claim_run, finish_run, reap_expired_runs, start_run
from mriplatform.audit.models import AuditEvent
from tests.factories import make_version

CANCELLED = "cancelled"


def stored() -> list[str]:
    return list(StoredFile.objects.filter(name__startswith="checkpoints/").values_list("name", flat=True))


@pytest.mark.django_db
def test_a_waiting_run_is_cancelled_at_once_and_another_may_start(uploader):
    version = make_version()
    run = start_run(actor=uploader, manifest=b"{}", base=version)
    assert cancel_run(actor=uploader, run=run).status == CANCELLED
    assert (run.cancelled_by, run.finished_at is not None) == (uploader, True)
    assert cancel_run(actor=None, run=run).cancelled_by == uploader
    assert AuditEvent.objects.filter(action="training.cancelled").count() == 1
    assert claim_run(worker="w") is None
    start_run(actor=uploader, manifest=b"{}", base=version)


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["gather", "_fit", "locked_part", "replace_head"])
def test_a_run_cancelled_while_it_works_stops_and_leaves_nothing(
    where, small, images, manifest, uploader, monkeypatch
):
    run = start_run(actor=uploader, manifest=manifest(images(5)))
    before = stored()
    monkeypatch.setattr(live, "WRITE_SECONDS", 0.0)
    really = getattr(head, where)

    def cancelled_first(*args, **named):
        cancel_run(actor=uploader, run=TrainingRun.objects.get())
        return really(*args, **named)

    monkeypatch.setattr(head, where, cancelled_first)
    training_job.drain()
    run.refresh_from_db()
    assert (run.status, run.failure_reason, run.report) == (CANCELLED, "", {})
    assert ModelVersion.objects.get() == small
    assert stored() == before
    assert not Evaluation.objects.filter(training_run=run).exists()
    assert not TraceLine.objects.exists()
    assert not folder_of(run).exists()


@pytest.mark.django_db
def test_a_run_cancelled_when_all_but_its_registration_is_done_is_not_registered(
    small, images, manifest, uploader, monkeypatch
):
    start_run(actor=uploader, manifest=manifest(images(5)))
    really = running.register_candidate

    def cancelled_first(*args):
        cancel_run(actor=uploader, run=TrainingRun.objects.get())
        return really(*args)

    monkeypatch.setattr(running, "register_candidate", cancelled_first)
    training_job.drain()
    assert TrainingRun.objects.get().status == CANCELLED
    assert ModelVersion.objects.get() == small


@pytest.mark.django_db
def test_what_has_finished_cannot_be_cancelled(small, images, manifest, uploader):
    run = start_run(actor=uploader, manifest=manifest(images(5)))
    training_job.drain()
    with pytest.raises(StateConflict, match="Training run 1 has finished already") as refused:
        cancel_run(actor=uploader, run=run)
    assert (refused.value.status, refused.value.code) == (409, "run_finished")
    assert run.candidate is not None


@pytest.mark.django_db
def test_a_cancelled_run_whose_worker_was_lost_is_closed_and_not_taken_up_again(uploader):
    run = start_run(actor=uploader, manifest=b"{}", base=make_version())
    claim_run(worker="lost")
    assert cancel_run(actor=uploader, run=run).status == "running"
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert reap_expired_runs() == 0
    run.refresh_from_db()
    assert run.status == CANCELLED


@pytest.mark.django_db(transaction=True)
def test_of_cancelling_and_finishing_at_once_exactly_one_happens():
    version = make_version()
    outcomes = set()
    for _ in range(12):
        start_run(actor=None, manifest=b"{}", base=version)
        run, said = claim_run(worker="w"), []
        barrier = Barrier(2)

        def finish(run=run, said=said, barrier=barrier):
            barrier.wait()
            said.append(finish_run(run=run, report={}, progress=[]))
            connection.close()

        def cancel(run=run, barrier=barrier):
            barrier.wait()
            with suppress(StateConflict):
                cancel_run(actor=None, run=TrainingRun.objects.get(pk=run.pk))
            connection.close()

        threads = [Thread(target=finish), Thread(target=cancel)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run.refresh_from_db()
        assert said == [run.cancel_requested_at is None]
        assert (run.status == "succeeded") == said[0]
        outcomes.add(said[0])
        TrainingRun.objects.filter(pk=run.pk).update(status=CANCELLED)
