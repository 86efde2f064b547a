"""Labels: looked at and taken away by those who may, with who, when, which version and what they had seen."""

import csv
import io
import json
import re

import pytest
from django.urls import reverse

from mriplatform.audit.models import AuditEvent


@pytest.fixture
def labelled(read, alice, bob, collection):
    from tests.factories import analysed_image

    read.finished(alice, analysed_image(collection, label="glioma"), label="meningioma")
    read.finished(bob, analysed_image(collection, label="notumor"), label="notumor")
    return collection


@pytest.fixture
def client(browse, engineer):
    return browse(engineer)


def test_the_table_says_who_said_what_having_seen_what(client, labelled):
    page = client.get(reverse("labels", args=[labelled.pk])).content.decode()
    for words in (
        "alice",
        "bob",
        "Correct",
        "Confirm",
        "Shape or texture",
        "version 1",
        "One reader",
        "2 images have their final labels",
    ):
        assert words in page
    assert page.index("bob") < page.index("alice")


def test_no_labels_yet(client, collection):
    page = client.get(reverse("labels", args=[collection.pk])).content.decode()
    assert "No labels yet" in page
    assert "Download" not in page


def test_csv_and_json_carry_the_same_rows(client, labelled):
    answers = {
        form: client.get(reverse("labels-download", kwargs={"collection_id": labelled.pk, "form": form}))
        for form in ("csv", "json")
    }
    content = {form: answer.getvalue().decode() for form, answer in answers.items()}
    table = list(csv.DictReader(io.StringIO(content["csv"])))
    rows = json.loads(content["json"])["labels"]
    assert [row["image"] for row in table] == [row["image"] for row in rows]
    assert {row["said_by"]: row["label"] for row in table} == {"alice": "meningioma", "bob": "notumor"}
    assert {(row["model_version"], row["saw_prediction"]) for row in rows} == {(1, True)}
    assert answers["csv"]["Content-Type"] == "text/csv; charset=utf-8"
    for form, answer in answers.items():
        assert answer["Content-Disposition"].startswith("attachment;")
        assert answer["Content-Disposition"].endswith(f'.{form}"')
        assert "no-store" in answer["Cache-Control"]


def test_taking_labels_away_leaves_a_trace(client, labelled, engineer):
    client.get(reverse("labels-download", kwargs={"collection_id": labelled.pk, "form": "csv"}))
    event = AuditEvent.objects.get(action="labels.downloaded")
    assert (event.actor, event.collection_id) == (engineer, labelled.pk)
    assert event.data == {"rows": 2, "form": "csv"}


def test_pages_of_labels(client, labelled, monkeypatch):
    monkeypatch.setattr("reviews.views.labels.PAGE_SIZE", 1)
    first = client.get(reverse("labels", args=[labelled.pk])).content.decode()
    older = re.search(r'href="(\?before=[^"]+)"', first)[1]
    second = client.get(reverse("labels", args=[labelled.pk]) + older).content.decode()
    assert "?before=" not in second
    assert f'href="{reverse("labels", args=[labelled.pk])}"' in second
    assert client.get(reverse("labels", args=[labelled.pk]) + "?before=x").status_code == 400
    assert ("bob" in first, "alice" in first) == (True, False)
    assert ("bob" in second, "alice" in second) == (False, True)
