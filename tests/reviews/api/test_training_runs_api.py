"""Training runs by the API: the preview, the start and whom it names, progress from a step on, trace and cancelling."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.urls import reverse
from rest_framework.test import APIClient

from classifier.models import RunStatus, TrainingRun
from tests.factories import analysed_image, make_version
from tests.reviews.runs import PROGRESS, freeze, make_run


@pytest.fixture
def label_set(read, alice, collection):
    for machine, said in (("glioma", "meningioma"), ("notumor", "notumor"), ("glioma", "not_assessable")):
        read.finished(alice, analysed_image(collection, label=machine), label=said)
    return freeze(collection)


@pytest.fixture
def api(client, engineer):
    client.force_login(engineer)

    def _api(method, name, *arguments, body=None, query=""):
        address = reverse(name, args=[str(argument) for argument in arguments]) + query
        if method == "get":
            return client.get(address)
        return client.post(address, json.dumps(body or {}), content_type="application/json")

    return _api


def test_the_preview_says_what_the_form_says(api, label_set, version):
    shown = api("get", "api-label-set-retrain", label_set.pk).json()
    assert shown["sentence"].endswith("1 excluded: 1 not assessable")
    assert shown["excluded"] == {"not assessable": 1}
    assert (shown["embeddings_stored"], shown["embeddings_to_compute"]) == (2, 0)
    assert shown["base_version"]["number"] == version.number
    assert sum(kinds["corrections"] for kinds in shown["parts"].values()) == 1
    assert (shown["earlier_runs"], shown["active_run"]) == (None, None)
    # Another version has stored no embedding of these images.
    other = make_version(promoted=False)
    shown = api("get", "api-label-set-retrain", label_set.pk, query=f"?base={other.pk}").json()
    assert (shown["embeddings_stored"], shown["embeddings_to_compute"]) == (0, 2)
    assert api("get", "api-label-set-retrain", label_set.pk, query="?recipe=guess").status_code == 400


def test_earlier_runs_say_how_long_it_takes(api, label_set):
    from datetime import timedelta

    from django.utils import timezone

    for seconds in (4, 6, 20):
        begin = timezone.now()
        make_run(
            label_set, RunStatus.SUCCEEDED, started_at=begin, finished_at=begin + timedelta(seconds=seconds)
        )
    earlier = api("get", "api-label-set-retrain", label_set.pk).json()["earlier_runs"]
    assert earlier == {"seconds": 6.0, "shortest": 4.0, "longest": 20.0, "runs": 3}


def test_the_options_of_a_recipe_are_taken_and_what_it_has_not_is_refused(api, label_set):
    sent = {"recipe": "fine_tune", "options": {"network": "cnn", "epochs": 2}}
    for wrong in ({"network": "vgg"}, {"penalty": 1}, {"epochs": 0}, {"kind": "head"}):
        refused = api("post", "api-label-set-retrain", label_set.pk, body=sent | {"options": wrong})
        assert refused.status_code in (400, 422), wrong
        assert next(iter(wrong)) in refused.content.decode()
    assert not TrainingRun.objects.exists()
    assert api("post", "api-label-set-retrain", label_set.pk, body=sent).status_code == 201
    recipe = TrainingRun.objects.get().recipe
    assert (recipe["kind"], recipe["network"], recipe["epochs"], recipe["patience"]) == (
        "fine_tune",
        "cnn",
        2,
        2,
    )


def test_a_start_while_a_run_is_active_names_it_with_its_address(api, label_set):
    started = api("post", "api-label-set-retrain", label_set.pk, body={"recipe": "head", "seed": 3})
    assert started.status_code == 201
    run = TrainingRun.objects.get()
    assert started["Location"] == reverse("api-training-run", args=[run.pk])
    assert (started.json()["seed"], started.json()["status"]) == (3, "queued")
    refused = api("post", "api-label-set-retrain", label_set.pk, body={"recipe": "head"})
    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["run"]) == (409, "run_active", 1)
    assert problem["url"] == started["Location"]
    assert "Training run 1" in problem["detail"]
    assert refused["Content-Type"] == "application/problem+json"


@pytest.mark.django_db(transaction=True)
def test_of_twenty_starts_at_once_by_the_api_one_runs_and_nineteen_are_told_which(engineer, label_set):
    """Each has a connection of its own and starts when all are there."""
    address, start = reverse("api-label-set-retrain", args=[label_set.pk]), Barrier(20)

    def _start(seed):
        client = APIClient()
        client.force_authenticate(engineer)
        start.wait(timeout=300)
        try:
            return client.post(address, {"recipe": "head", "seed": seed}, format="json")
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(_start, range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 19}
    (won,) = (answer.json() for answer in answers if answer.status_code == 201)
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(problem["code"], problem["run"]) for problem in refused} == {("run_active", won["number"])}
    assert str(TrainingRun.objects.get().pk) == won["id"]


@pytest.mark.parametrize(
    "body", [{"recipe": "x"}, {"seed": -1}, {"base": "x"}, {"base": str(10**31)}, {"speed": 1}]
)
def test_a_malformed_start_is_refused(api, label_set, body):
    assert api("post", "api-label-set-retrain", label_set.pk, body=body).status_code == 400
    assert not TrainingRun.objects.exists()


def test_a_program_gets_the_steps_that_it_has_not(api, label_set):
    run = make_run(label_set)
    whole = api("get", "api-training-run", run.pk).json()
    assert whole["progress"] == PROGRESS
    assert whole["steps"] == len(PROGRESS)
    assert whole["seconds_left"] == 32.0
    new = api("get", "api-training-run", run.pk, query="?since=9").json()
    assert new["progress"] == PROGRESS[9:]
    assert api("get", "api-training-run", run.pk, query="?since=-1").status_code == 400


def test_the_trace_comes_in_pages_in_the_order_of_the_manifest(api, label_set):
    run = make_run(label_set, RunStatus.SUCCEEDED)
    first = api("get", "api-training-run-trace", run.pk, query="?page_size=2").json()
    assert [row["number"] for row in first["results"]] == [1, 2]
    query = "?" + first["next"].partition("?")[2]
    assert [
        row["number"] for row in api("get", "api-training-run-trace", run.pk, query=query).json()["results"]
    ] == [3]
    left_out = api("get", "api-training-run-trace", run.pk, query="?used_as=excluded").json()["results"]
    assert [row["reason"] for row in left_out] == ["not assessable"]
    assert "trace" not in api("get", "api-training-run", run.pk).json()["report"]


def test_an_image_is_followed_through_label_sets_and_runs(api, label_set):
    run = make_run(label_set, RunStatus.SUCCEEDED)
    entry = label_set.entries.exclude(label="").first()
    shown = api("get", "api-image-trace", entry.image_id).json()
    (went,) = shown["label_sets"]
    assert (went["number"], went["split"], went["label"]) == (label_set.number, entry.split, entry.label)
    (use,) = went["runs"]
    assert (use["run"], use["used_as"], use["version"]) == (str(run.pk), entry.split, None)


def test_cancelling_a_run_that_waits_is_done_at_once_and_one_that_works_is_asked(api, label_set, engineer):
    waiting = make_run(label_set, RunStatus.QUEUED)
    answer = api("post", "api-training-run-cancel", waiting.pk)
    assert (answer.status_code, answer.json()["status"], answer.json()["cancelled_by"]) == (
        202,
        "cancelled",
        "erin",
    )
    again = api("post", "api-training-run-cancel", make_run(label_set, RunStatus.SUCCEEDED).pk)
    assert (again.status_code, again.json()["code"]) == (409, "run_finished")
    working = make_run(label_set)
    assert api("post", "api-training-run-cancel", working.pk).json()["status"] == "running"
    working.refresh_from_db()
    assert working.cancel_requested_at is not None
