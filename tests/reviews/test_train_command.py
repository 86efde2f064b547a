"""`manage.py train`: the preview is said, the run is started, and its log is followed to its end."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from classifier.models import RunStatus, TrainingRun
from tests.factories import analysed_image
from tests.reviews.runs import freeze


@pytest.fixture
def label_set(read, alice, collection):
    for said in ("meningioma", "not_assessable"):
        read.finished(alice, analysed_image(collection, label="glioma"), label=said)
    return freeze(collection)


def train(*arguments):
    out = StringIO()
    call_command("train", *arguments, stdout=out)
    return out.getvalue()


def test_the_preview_alone_starts_nothing(label_set):
    said = train("1", "--preview")
    assert "1 excluded: 1 not assessable." in said
    assert "1 stored, 0 to compute first" in said
    assert "Starts from version 1" in said
    assert not TrainingRun.objects.exists()


def test_a_run_is_started_and_another_start_names_it(label_set):
    assert "Training run 1 is in line." in train("1", "--seed", "4", "--base", "1")
    assert TrainingRun.objects.get().seed == 4
    with pytest.raises(CommandError, match="Training run 1 is active"):
        train("1")


@pytest.mark.parametrize("ends", [RunStatus.SUCCEEDED, RunStatus.FAILED])
def test_the_log_is_followed_to_the_end(label_set, monkeypatch, ends):
    """A worker's part is played between two looks."""
    entries = [{"at": f"2026-03-03T10:11:1{place}+00:00", "text": f"Step {place}."} for place in range(3)]

    def _work(seconds):
        run = TrainingRun.objects.get()
        log = entries[: len(run.log) + 1]
        ended = (
            {"status": ends, "failure_reason": "It broke."}
            if log == entries
            else {"status": RunStatus.RUNNING}
        )
        TrainingRun.objects.update(log=log, **ended)

    monkeypatch.setattr("reviews.management.commands.train.time.sleep", _work)
    if ends == RunStatus.FAILED:
        with pytest.raises(CommandError, match=r"failed\. It broke\."):
            train("1", "--wait")
        return
    said = train("1", "--wait")
    assert [line for line in said.splitlines() if "Step" in line] == [
        f"10:11:1{n}  Step {n}." for n in range(3)
    ]
    assert "Training run 1 has finished" in said


def test_a_recipe_is_given_its_options(label_set):
    train("1", "--recipe", "fine-tune", "--option", "network=cnn", "--option", "keep=0.25")
    recipe = TrainingRun.objects.get().recipe
    assert (recipe["kind"], recipe["network"], recipe["keep"]) == ("fine_tune", "cnn", 0.25)


@pytest.mark.parametrize(
    "arguments",
    [
        *[("7",), ("1", "--base", "9"), ("1", "--seed", "-1")],
        *[("1", "--option", one) for one in ("penalty", "network=cnn", "penalty=x", "kind=fine_tune")],
    ],
)
def test_what_there_is_not_is_said(label_set, arguments):
    with pytest.raises(CommandError):
        train(*arguments)
    assert not TrainingRun.objects.exists()
