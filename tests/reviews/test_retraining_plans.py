"""Retraining by plan: after so many new labels, or so many hours with any; never twice from the same labels."""

from datetime import timedelta

import pytest
from django.utils import timezone

from classifier.exceptions import PlatformError
from classifier.models import TrainingRun
from classifier.services.training import cancel_run
from mriplatform.audit.models import AuditEvent
from reviews.models import LabelSet, RetrainingPlan
from reviews.selectors.planned import planned_label_set
from reviews.services import retraining
from reviews.services.eligibility import set_policy
from reviews.services.label_sets import freeze_label_set, retrain
from reviews.services.retraining import set_plan, start_due_trainings
from reviews.tasks import start_due_trainings as task
from tests.factories import analysed_image

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_refused():
    retraining._refused.clear()


@pytest.fixture
def say(alice, collection, read):
    """Has Alice label so many new images."""

    def _say(count: int) -> None:
        for _ in range(count):
            read.finished(alice, analysed_image(collection))

    return _say


def finish(run: TrainingRun, *, status: str = "succeeded", hours_ago: float = 0) -> None:
    then = timezone.now() - timedelta(hours=hours_ago)
    TrainingRun.objects.filter(pk=run.pk).update(status=status, created_at=then)


def test_a_plan_is_versioned_and_the_same_again_changes_nothing(collection, engineer):
    first = set_plan(actor=engineer, collection=collection, every_labels=3)
    assert set_plan(actor=None, collection=collection, every_labels=3) == first
    second = set_plan(actor=engineer, collection=collection, every_hours=24, recipe="fine_tune")
    assert [plan.version for plan in RetrainingPlan.objects.all()] == [2, 1]
    assert (second.every_labels, second.every_hours, second.set_by) == (None, 24, engineer)
    assert AuditEvent.objects.filter(action="retraining.planned").count() == 2


@pytest.mark.parametrize(
    "wrong", [{"every_labels": 0}, {"every_hours": -1}, {"every_hours": 10_000}, {"recipe": "magic"}]
)
def test_a_plan_out_of_range_is_refused(wrong, collection, engineer):
    with pytest.raises(PlatformError):
        set_plan(actor=engineer, collection=collection, **wrong)
    assert not RetrainingPlan.objects.exists()


def test_without_a_plan_or_with_an_empty_one_nothing_starts(collection, say):
    say(3)
    assert start_due_trainings() is None
    set_plan(actor=None, collection=collection, every_labels=1)
    set_plan(actor=None, collection=collection)
    assert start_due_trainings() is None
    assert not LabelSet.objects.exists()


def test_enough_new_labels_start_a_run_and_the_next_counts_from_there(collection, say):
    set_plan(actor=None, collection=collection, every_labels=3)
    say(2)
    assert start_due_trainings() is None
    say(1)
    run = start_due_trainings()
    assert (run.trigger, run.started_by, run.collection) == ("labels", None, collection)
    assert run.manifest_sha256 == LabelSet.objects.get().manifest_sha256
    assert start_due_trainings() is None
    finish(run)
    assert start_due_trainings() is None
    say(2)
    assert start_due_trainings() is None
    say(1)
    task()
    assert TrainingRun.objects.count() == 2


def test_enough_hours_start_a_run_only_if_there_is_a_new_label(collection, say):
    set_plan(actor=None, collection=collection, every_hours=24)
    say(1)
    assert start_due_trainings() is None
    first = retrain(actor=None, label_set=freeze_label_set(actor=None, collection=collection))
    finish(first, hours_ago=25)
    assert start_due_trainings() is None
    say(1)
    assert start_due_trainings().trigger == "schedule"


def test_while_a_run_is_active_the_plan_waits(collection, say, engineer):
    set_plan(actor=None, collection=collection, every_labels=1)
    say(1)
    active = retrain(actor=engineer, label_set=freeze_label_set(actor=None, collection=collection))
    say(1)
    assert start_due_trainings() is None
    cancel_run(actor=engineer, run=active)
    assert start_due_trainings().number == 2


def test_a_run_that_failed_is_not_started_again_from_the_same_labels(collection, say):
    set_plan(actor=None, collection=collection, every_labels=1)
    say(1)
    finish(start_due_trainings(), status="failed")
    assert start_due_trainings() is None
    say(1)
    assert start_due_trainings() is not None


def test_what_is_refused_is_logged_once_and_not_asked_for_every_minute(collection, say, monkeypatch):
    set_plan(actor=None, collection=collection, every_labels=1)
    say(1)
    asked = []

    def refuse(**named):
        asked.append(named["label_set"])
        raise PlatformError("Not today.", code="not_today")

    monkeypatch.setattr(retraining, "retrain", refuse)
    assert [start_due_trainings() for _ in range(3)] == [None] * 3
    assert len(asked) == 1
    assert AuditEvent.objects.get(action="retraining.refused").data["code"] == "not_today"
    say(1)
    start_due_trainings()
    assert len(asked) == 2


def test_what_the_newest_policy_does_not_take_starts_nothing(collection, say, engineer):
    set_plan(actor=None, collection=collection, every_labels=1)
    set_policy(actor=engineer, collection=collection, rule="adjudicated")
    say(2)
    assert start_due_trainings() is None
    policy = set_policy(actor=engineer, collection=collection, rule="protocol")
    assert planned_label_set(collection, policy).used == 2
    assert start_due_trainings() is not None
