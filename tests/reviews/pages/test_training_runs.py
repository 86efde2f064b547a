"""Training runs as pages: the preview, the run as it goes, its trace, and who gets what of them."""

import csv
import io
import json

import pytest
from django.urls import reverse
from django.utils import timezone

from classifier.models import GateRequest, RunStatus, TrainingRun
from mriplatform.audit.models import AuditEvent
from tests.factories import analysed_image, make_collection, make_user
from tests.reviews.runs import freeze, make_run


@pytest.fixture
def label_set(read, alice, collection):
    """Two corrections and a confirmation; of a fourth image nobody could tell what it shows."""
    for machine, said in (
        ("glioma", "meningioma"), ("glioma", "pituitary"), ("notumor", "notumor"), ("glioma", "not_assessable"),
    ):  # fmt: skip
        read.finished(alice, analysed_image(collection, label=machine), label=said)
    return freeze(collection)


@pytest.fixture
def client(browse, engineer):
    return browse(engineer)


def test_the_form_says_what_the_run_will_use_before_it_is_pressed(client, label_set):
    page = client.get(reverse("label-set-retrain", args=[label_set.pk])).content.decode()
    parts = label_set.counts
    assert "2 corrections and 1 confirmation, 1 excluded: 1 not assessable." in page
    assert (
        f"{parts['train']} to learn from, {parts['validation']} to validate, {parts['test']} to test." in page
    )
    assert "version 1" in page
    assert "3 stored, 0 to compute first" in page
    assert "no run of this recipe has finished yet" in page


def test_the_preview_tells_corrections_from_confirmations_and_counts_missing_embeddings(label_set, version):
    from classifier.models import Prediction
    from reviews.selectors.retraining_preview import preview_retraining

    kinds = [preview_retraining(label_set).parts[part] for part in ("train", "validation", "test")]
    assert sum(part.corrections for part in kinds) == 2
    assert sum(part.confirmations for part in kinds) == 1
    assert sum(part.total for part in kinds) == 3
    Prediction.objects.filter(pk=Prediction.objects.first().pk).update(embedding=None)
    preview = preview_retraining(label_set)
    assert (preview.stored + preview.to_compute, preview.base) == (3, version)


def test_an_active_run_is_named_by_the_form_and_by_the_refusal(client, label_set):
    run = make_run(label_set)
    address = reverse("label-set-retrain", args=[label_set.pk])
    link = reverse("training-run", args=[run.pk])
    assert link in client.get(address).content.decode()
    refused = client.post(address, {"recipe": "head", "seed": "0"})
    assert refused.status_code == 409
    assert "Training run 1 is active" in refused.content.decode()
    assert TrainingRun.objects.count() == 1


def test_pressing_starts_a_run_and_leads_to_it(client, label_set, engineer):
    answer = client.post(reverse("label-set-retrain", args=[label_set.pk]), {"recipe": "head", "seed": "5"})
    run = TrainingRun.objects.get()
    assert (run.seed, run.started_by, run.recipe["kind"]) == (5, engineer, "head")
    assert answer["Location"] == reverse("training-run", args=[run.pk])


def test_another_network_is_chosen_on_the_page(client, label_set):
    address, sent = reverse("label-set-retrain", args=[label_set.pk]), {"seed": "0", "network": "cnn"}
    refused = client.post(address, sent | {"recipe": "head"})
    assert refused.status_code in (400, 422)
    assert "network" in refused.content.decode()
    assert client.post(address, sent | {"recipe": "fine_tune"}).status_code == 302
    recipe = TrainingRun.objects.get().recipe
    assert (recipe["kind"], recipe["network"]) == ("fine_tune", "cnn")


@pytest.mark.parametrize(
    "sent", [{"recipe": "guess", "seed": "0"}, {"recipe": "head", "seed": "x"}, {"recipe": "head"}]
)
def test_a_malformed_form_starts_nothing(client, label_set, sent):
    assert client.post(reverse("label-set-retrain", args=[label_set.pk]), sent).status_code == 400
    assert not TrainingRun.objects.exists()


def test_a_running_run_asks_for_news_and_a_finished_one_does_not(client, label_set):
    run = make_run(label_set)
    page = client.get(reverse("training-run", args=[run.pk])).content.decode()
    live = reverse("training-run-live", args=[run.pk])
    assert f'hx-get="{live}"' in page
    assert "Fits the head: 8 of 40. About 32 seconds left." in page
    assert page.count("<polyline") == 3
    TrainingRun.objects.filter(pk=run.pk).update(
        status=RunStatus.FAILED, failure_reason="The worker stopped."
    )
    fragment = client.get(live, headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in fragment
    assert "The worker stopped." in fragment
    assert fragment.count("hx-swap-oob") == 2
    # Nothing in the part that is swapped may hold the focus.
    assert not [
        tag
        for tag in ("<a ", "<button", "<input", "tabindex")
        if tag in fragment.partition('id="run-actions"')[0]
    ]


def test_the_learning_curve_comes_into_an_open_page_by_itself(client, label_set):
    run = make_run(label_set, RunStatus.SUCCEEDED)
    address, live = reverse("training-run", args=[run.pk]), reverse("training-run-live", args=[run.pk])
    asks = f'hx-get="{live}?part=outlook"'
    assert asks not in client.get(address).content.decode()
    request = GateRequest.objects.create(kind=GateRequest.Kind.CURVE, training_run=run)
    assert asks in client.get(address).content.decode()
    part = client.get(live, {"part": "outlook"}).content.decode()
    assert asks in part
    assert "run-live" not in part
    GateRequest.objects.filter(pk=request.pk).update(
        status=GateRequest.Status.FAILED, failure_reason="It broke.", finished_at=timezone.now()
    )
    failed = client.get(live, {"part": "outlook"}).content.decode()
    assert asks not in failed
    assert "The learning curve could not be drawn: It broke." in failed


def test_a_learning_curve_is_asked_for_on_the_page_of_a_finished_run(client, browse, label_set, people):
    run = make_run(label_set, RunStatus.SUCCEEDED)
    address, ask = (reverse(name, args=[run.pk]) for name in ("training-run", "training-run-curve"))
    assert ask in client.get(address).content.decode()
    approver = browse(people["approver"])
    assert ask not in approver.get(address).content.decode()
    assert approver.post(ask).status_code == 403
    page = client.post(ask, follow=True).content.decode()
    assert "The learning curve of Training run 1 is in line to be drawn." in page
    assert ask not in page
    api = reverse("api-training-run-learning-curve", args=[run.pk])
    assert [(row["kind"], row["status"]) for row in client.get(api).json()["results"]] == [
        ("curve", "queued")
    ]
    assert browse(people["both"]).get(api).json()["results"] == []
    assert browse(people["uploader"]).get(api).status_code == 403
    assert GateRequest.objects.get().training_run == run
    assert "is in line already" in client.post(ask, follow=True).content.decode()
    TrainingRun.objects.update(recipe={"kind": "fine_tune"})
    assert "run-outlook" not in client.get(address).content.decode()
    assert "the whole network takes too long" in client.post(ask, follow=True).content.decode()


def test_the_trace_is_narrowed_and_taken_away(client, label_set):
    run = make_run(label_set, RunStatus.SUCCEEDED)
    address = reverse("training-run-trace", args=[run.pk])
    assert "4 lines" in client.get(address).content.decode()
    page = client.get(address, {"used_as": "excluded"}).content.decode()
    assert "1 line<" in page
    assert "not assessable" in page
    assert client.get(address, {"used_as": "taught"}).status_code == 400
    assert client.get(address, {"after": "x"}).status_code == 400
    files = {
        form: client.get(
            reverse("training-run-trace-download", kwargs={"run_id": run.pk, "form": form})
        ).getvalue()
        for form in ("csv", "json")
    }
    table = list(csv.DictReader(io.StringIO(files["csv"].decode())))
    document = json.loads(files["json"])
    assert [row["image"] for row in table] == [row["image"] for row in document["trace"]]
    assert document["run"]["manifest_sha256"] == label_set.manifest_sha256
    assert {row["reason"] for row in table if row["used_as"] == "excluded"} == {"not assessable"}
    assert AuditEvent.objects.filter(action="training.trace_downloaded").count() == 2


def test_a_long_trace_comes_in_pages_without_a_gap(client, label_set, monkeypatch):
    monkeypatch.setattr("reviews.views.training_runs.TRACED", 3)
    run = make_run(label_set, RunStatus.SUCCEEDED)
    address = reverse("training-run-trace", args=[run.pk])
    first, second = client.get(address), client.get(address, {"after": "3"})
    numbers = [row["line"].number for answer in (first, second) for row in answer.context["rows"]]
    assert numbers == [1, 2, 3, 4]
    assert 'href="?after=3"' in first.content.decode()


RUN = {
    "alice": 403,
    "erin": 200,
    "approver": 200,
    "auditor": 200,
    "uploader": 403,
    "elsewhere": 200,
    "both": 200,
}
TRACE = RUN | {"elsewhere": 403, "both": 403}
CANCEL = dict.fromkeys(RUN, 403) | {"erin": 200, "elsewhere": 404, "both": 200}
START = {
    "alice": 404,
    "erin": 200,
    "approver": 403,
    "auditor": 403,
    "uploader": 404,
    "elsewhere": 404,
    "both": 404,
}


@pytest.fixture
def people(alice, engineer, member):
    both = member("both", "ml_engineer")
    both.memberships.create(collection=both.memberships.get().collection, role="radiologist")
    return {
        "alice": alice,
        "erin": engineer,
        "approver": member("paul", "approver"),
        "auditor": member("otto", "auditor"),
        "uploader": member("uma", "uploader"),
        "elsewhere": make_user("eve", collection=make_collection(), role="ml_engineer"),
        "both": both,
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("training-run", RUN),
        ("training-run-live", RUN),
        ("training-run-trace", TRACE),
        ("training-run-cancel", CANCEL),
        ("label-set-retrain", START),
        ("api-training-run", RUN),
        ("api-training-run-trace", TRACE),
        ("api-label-set-retrain", START),
    ],
)
def test_who_reaches_what(browse, people, label_set, name, expected):
    run = make_run(label_set, RunStatus.SUCCEEDED)
    address = reverse(name, args=[label_set.pk if "label-set" in name else run.pk])
    assert {who: browse(person).get(address).status_code for who, person in people.items()} == expected


def test_who_reads_in_the_collection_learns_of_its_run_only_that_it_is(browse, people, label_set):
    run = make_run(
        label_set,
        RunStatus.FAILED,
        failure_reason="No meningioma among the labels.",
        report={"counts": {"train": 98765}},
    )
    for name in (
        "training-run",
        "training-run-live",
        "api-training-run",
        "training-runs",
        "api-training-runs",
    ):
        arguments = [] if name.endswith("runs") else [run.pk]
        told = {
            who: browse(people[who]).get(reverse(name, args=arguments)).content.decode()
            for who in ("both", "erin")
        }
        for secret in (
            "No meningioma",
            "embeddings gathered",
            "polyline",
            "98765",
            label_set.manifest_sha256,
        ):
            assert secret not in told["both"], (name, secret)
        assert "Failed" in told["both"] or "failed" in told["both"]
    assert (
        "No meningioma" in browse(people["erin"]).get(reverse("training-run", args=[run.pk])).content.decode()
    )
