"""What a run says while it works, and that it is alive: also while one step takes longer than its lease."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models.functions import Now

from classifier.jobs.training import live
from classifier.jobs.training.live import Cancelled, LeaseLost, Reporter, kept_alive
from classifier.models import TrainingRun
from classifier.services.training import (
    cancel_run,
    claim_run,
    close_cancelled_run,
    reap_expired_runs,
    start_run,
)
from mriplatform import celery
from tests.factories import make_version


@pytest.fixture
def run():
    start_run(actor=None, manifest=b"{}", base=make_version())
    return claim_run(worker="w")


@pytest.mark.django_db
def test_steps_tell_what_remains_by_the_pace_so_far(run, monkeypatch):
    clock = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr(live, "time", clock)
    monkeypatch.setattr(live, "WRITE_SECONDS", 0.0)
    reporter = Reporter(run)
    reporter.begin("head", "Fitting.")
    clock.monotonic = lambda: 104.0
    reporter.step({"step": 2, "steps": 10, "loss": 0.5})
    reporter.step({"step": 10, "steps": 10, "loss": 0.2})
    reporter.step({"step": 0, "steps": 10})
    run.refresh_from_db()
    assert run.progress == [
        {"stage": "head"},
        {"stage": "head", "step": 2, "steps": 10, "loss": 0.5, "remaining_s": 16.0},
        {"stage": "head", "step": 10, "steps": 10, "loss": 0.2, "remaining_s": 0.0},
        {"stage": "head", "step": 0, "steps": 10},
    ]


@pytest.mark.django_db
def test_log_and_curve_are_bounded_and_keep_their_ends(run, monkeypatch):
    monkeypatch.setattr(live, "LONGEST_LOG", 5)
    monkeypatch.setattr(live, "LONGEST_CURVE", 10)
    reporter = Reporter(run)
    reporter.begin("head", "first")
    for number in range(30):
        reporter.say(f"line {number}")
        reporter.step({"step": number + 1, "steps": 30})
    reporter.write()
    run.refresh_from_db()
    assert [entry["text"] for entry in run.log] == ["first", *(f"line {n}" for n in range(25, 30))]
    assert len(run.progress) == 10
    assert (run.progress[0], run.progress[-1]["step"]) == ({"stage": "head"}, 30)


@pytest.mark.django_db
def test_many_steps_in_a_moment_are_written_together(run, monkeypatch):
    written = []
    monkeypatch.setattr(live, "heartbeat", lambda **told: written.append(len(told["progress"])) or True)
    monkeypatch.setattr(live, "WRITE_SECONDS", 60.0)
    reporter = Reporter(run)
    reporter.begin("head", "first")
    for number in range(200):
        reporter.step({"step": number + 1, "steps": 200})
    assert written == [1]


@pytest.mark.django_db
def test_who_lost_the_run_or_was_cancelled_stops(run):
    reporter = Reporter(run)
    reporter.write()
    cancel_run(actor=None, run=TrainingRun.objects.get())
    with pytest.raises(Cancelled):
        reporter.write()
    TrainingRun.objects.update(cancel_requested_at=None, attempt=2)
    with pytest.raises(LeaseLost):
        reporter.write()


@pytest.mark.django_db
def test_who_lost_the_run_does_not_end_it_for_the_worker_who_has_it_now(run):
    TrainingRun.objects.update(cancel_requested_at=Now(), attempt=2)
    with pytest.raises(LeaseLost):
        Reporter(run).write()
    assert run.attempt == 1
    assert not close_cancelled_run(run=run)
    assert TrainingRun.objects.get().status == "running"


@pytest.mark.django_db(transaction=True)
def test_a_step_longer_than_the_lease_does_not_lose_it(run, settings):
    settings.TRAINING_LEASE_SECONDS = 1
    reporter = Reporter(run)
    reporter.write()
    with kept_alive(reporter):
        for _ in range(5):
            time.sleep(0.5)
            assert reap_expired_runs() == 0
    TrainingRun.objects.update(lease_expires_at=Now() - timedelta(seconds=1))
    assert reap_expired_runs() == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_hangs_is_let_go_and_its_process_ended(run, settings, monkeypatch):
    ended = []
    monkeypatch.setattr(live.faulthandler, "dump_traceback_later", lambda *args, **named: ended.append(named))
    monkeypatch.setattr(live, "STALL_SECONDS", 0.5)
    settings.TRAINING_LEASE_SECONDS = 1
    reporter = Reporter(run)
    reporter.write()
    with kept_alive(reporter):
        time.sleep(2.5)
        assert reap_expired_runs() == 1
    assert ended == [{"exit": True, "file": 2}]


@pytest.mark.parametrize(
    ("queues", "nicer"), [(["training"], [10]), (["inference"], []), (["inference", "training"], [])]
)
def test_a_worker_that_only_trains_leaves_the_processors_to_readers(queues, nicer, monkeypatch):
    asked = []
    monkeypatch.setattr(celery.os, "nice", asked.append)
    consumed = SimpleNamespace(consume_from=dict.fromkeys(queues))
    celery.yield_to_readers(SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=consumed))))
    assert asked == nicer
