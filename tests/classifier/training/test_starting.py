"""One run at a time: of twenty starts at once one runs, and nineteen are told which."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.storage import storages
from django.db import IntegrityError, connection, transaction

from classifier.exceptions import StateConflict
from classifier.models import StoredFile, TrainingRun
from classifier.services.training import RecipeRefused, check_recipe, start_run
from tests.factories import make_version


@pytest.mark.django_db(transaction=True)
def test_of_twenty_simultaneous_starts_one_runs_and_nineteen_are_told_which():
    version = make_version()

    def start(seed: int) -> TrainingRun | StateConflict:
        try:
            return start_run(actor=None, manifest=b"{}", base=version, seed=seed)
        except StateConflict as conflict:
            return conflict
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(start, range(20)))
    runs = [answer for answer in answers if isinstance(answer, TrainingRun)]
    conflicts = [answer for answer in answers if isinstance(answer, StateConflict)]
    assert (len(runs), len(conflicts)) == (1, 19)
    assert TrainingRun.objects.get() == runs[0]
    assert {(conflict.status, conflict.code) for conflict in conflicts} == {(409, "run_active")}
    assert all(f"Training run {runs[0].number} is active" in conflict.sentence for conflict in conflicts)
    assert StoredFile.objects.filter(name__startswith="manifests/").count() == 1
    assert storages["checkpoints"].exists(runs[0].manifest.name)


@pytest.mark.django_db
def test_the_database_itself_holds_no_two_active_runs():
    version = make_version()
    run = start_run(actor=None, manifest=b"{}", base=version)
    with pytest.raises(IntegrityError, match="one_active_training_run"), transaction.atomic():
        TrainingRun.objects.create(
            number=99,
            recipe={"kind": "head"},
            manifest=run.manifest.name,
            manifest_sha256="",
            base_version=version,
        )


@pytest.mark.django_db
def test_a_run_names_its_rule_its_recipe_in_full_and_what_started_it(collection):
    run = start_run(
        actor=None,
        manifest=b"{}",
        base=make_version(),
        recipe={"kind": "head", "penalty": 0.5},
        collection=collection,
        trigger=TrainingRun.Trigger.LABELS,
    )
    run.refresh_from_db()
    assert run.rule.number == 1
    assert run.recipe["penalty"] == 0.5
    assert run.recipe["iterations"] == 1000
    assert (run.collection, run.trigger) == (collection, "labels")


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"kind": "magic"}, "head, fine_tune"),
        ({}, "head, fine_tune"),
        ({"kind": ["head"]}, "head, fine_tune"),
        ({"kind": "head", "epochs": 3}, "epochs is not known"),
        ({"kind": "head", "penalty": -1}, "at least 0"),
        ({"kind": "fine_tune", "epochs": 0}, "at least 1"),
        ({"kind": "fine_tune", "keep": 1.0}, "below 1"),
        ({"kind": "fine_tune", "network": "vgg"}, "mobilenet_v2"),
    ],
)
def test_a_recipe_that_nothing_can_be_trained_by_is_refused_and_says_why(recipe, said):
    with pytest.raises(RecipeRefused, match=said):
        check_recipe(recipe)


def test_a_recipe_is_kept_with_every_default_filled_in():
    assert check_recipe(None)["correction_weight"] == 10.0
    tuned = check_recipe({"kind": "fine_tune", "epochs": 2})
    assert (tuned["epochs"], tuned["keep"], tuned["network"]) == (2, 0.5, None)
    assert check_recipe(tuned) == tuned
