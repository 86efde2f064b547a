"""Predictions, labels and label sets as tables: who gets which rows, with which identifiers, in which order."""

import csv
import io
import json

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from classifier.models import DicomFacts
from classifier.selectors import predictions_of
from classifier.selectors.prediction_table import PREDICTION_COLUMNS, prediction_rows
from mriplatform.audit.models import AuditEvent
from mriplatform.tables import plain_cell
from reviews.selectors.entry_table import ENTRY_COLUMNS
from reviews.selectors.label_files import COLUMNS as LABEL_COLUMNS
from reviews.services.label_sets import freeze_label_set
from tests.factories import analysed_image, make_collection, make_prediction, make_study

UIDS = {"study_uid": "2.25.11", "series_uid": "2.25.22", "instance_uid": "2.25.33"}
PREDICTIONS = "/api/v1/predictions"


def as_dicom(image, *, frame=1):
    """The image as one that came as DICOM."""
    image.study.study_uid = UIDS["study_uid"]
    image.study.save()
    DicomFacts.objects.create(
        image=image, series_uid=UIDS["series_uid"], instance_uid=UIDS["instance_uid"], frame=frame,
        modality="MR", bits_stored=8,
    )  # fmt: skip
    return image


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


def browser(user):
    client = Client()
    client.force_login(user)
    return client


def rows_of(response):
    text = response.getvalue().decode()
    if response["Content-Type"].startswith("text/csv"):
        return list(csv.DictReader(io.StringIO(text, newline="")))
    return [json.loads(line) for line in text.splitlines()]


def page(collection, form, query=""):
    address = reverse("predictions-download", kwargs={"collection_id": collection.pk, "form": form})
    return f"{address}{query}"


@pytest.fixture
def final(collection, alice, read):
    """An image of a study that its reader has finished, come as DICOM."""
    image = as_dicom(analysed_image(collection, label="glioma", subject="anna"), frame=3)
    read.finished(alice, image, "meningioma")
    image.study.refresh_from_db()
    return image


def test_a_prediction_has_its_images_uids_its_version_and_the_final_label(engineer, final):
    (row,) = rows_of(client_of(engineer).get(f"{PREDICTIONS}?format=jsonl"))
    assert list(row) == list(PREDICTION_COLUMNS)
    prediction = final.predictions.get()
    expected = UIDS | {
        "prediction": str(prediction.pk), "image": str(final.pk), "study": str(final.study_id), "frame": 3,
        "subject_key": final.study.subject_key, "status": "succeeded", "label": "glioma",
        "p_glioma": 0.85, "not_assessable": False, "novelty": 0.4, "novelty_threshold": 1.0, "model_version": 1,
        "checkpoint_sha256": prediction.model_version.checkpoint_sha256, "final_label": "meningioma",
        "final_path": "one reader", "pixel_sha256": final.pixel_sha256,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert sum(
        row[f"p_{name}"] for name in ("glioma", "meningioma", "notumor", "pituitary")
    ) == pytest.approx(1)


def test_csv_and_json_lines_say_the_same_by_both_doors(engineer, collection, final):
    make_prediction(make_study(collection).images.get(), label="not_assessable")
    answers = [
        client_of(engineer).get(f"{PREDICTIONS}?format=csv"),
        client_of(engineer).get(PREDICTIONS, headers={"Accept": "text/csv"}),
        browser(engineer).get(page(collection, "csv")),
        client_of(engineer).get(PREDICTIONS, headers={"Accept": "application/x-ndjson"}),
        browser(engineer).get(page(collection, "jsonl")),
    ]
    types = ["text/csv; charset=utf-8"] * 3 + ["application/x-ndjson"] * 2
    assert [response["Content-Type"] for response in answers] == types
    assert all("no-store" in response["Cache-Control"] for response in answers)
    tables = [
        [
            {k: plain_cell(v) if isinstance(v, str) else "" if v is None else str(v) for k, v in row.items()}
            for row in rows_of(response)
        ]
        for response in answers
    ]
    assert len(tables[0]) == 2
    assert all(told == tables[0] for told in tables)
    assert [row["label"] for row in tables[0]] == ["not_assessable", "glioma"]  # newest first
    assert tables[0][0]["p_glioma"] == ""


def test_a_name_that_is_a_formula_is_text(engineer, image):
    named = make_prediction(make_study(image.collection).images.get(), version=_version("=cmd|x"))
    (row,) = rows_of(
        client_of(engineer).get(f"{PREDICTIONS}?format=csv&model_version={named.model_version_id}")
    )
    assert row["model_name"] == "'=cmd|x"


def _version(name):
    from classifier.models import ModelVersion

    return ModelVersion.objects.create(
        number=7, name=name, checkpoint="x", checkpoint_sha256="7" * 64, metadata={}
    )


def test_filters_are_those_of_the_list(engineer, collection, image):
    other = make_prediction(make_study(collection).images.get(), label="not_assessable")
    ask = client_of(engineer).get
    for query, wanted in (
        ("not_assessable=true", [other.pk]),
        (f"study={image.study_id}", [image.predictions.get().pk]),
        ("status=failed", []),
    ):
        rows = rows_of(ask(f"{PREDICTIONS}?format=jsonl&{query}"))
        assert [row["prediction"] for row in rows] == [str(pk) for pk in wanted]
    (only,) = rows_of(browser(engineer).get(page(collection, "csv", "?not_assessable=true")))
    assert only["image"] == str(other.image_id)
    for bad in (
        "format=xlsx",
        "format=csv&page_size=1",
        "format=csv&cursor=x",
        "format=csv&ordering=oldest",
        "format=csv&colour=red",
    ):
        assert ask(f"{PREDICTIONS}?{bad}").status_code in (400, 406)
    assert browser(engineer).get(page(collection, "csv", "?status=x")).status_code == 400


def test_an_uploader_gets_what_is_final_alone(collection, image, final):
    uma = image.study.uploaded_by
    assert final.study.finalised_at is not None
    for response in (
        browser(uma).get(page(collection, "csv")),
        client_of(uma).get(f"{PREDICTIONS}?format=csv"),
    ):
        assert [row["image"] for row in rows_of(response)] == [str(final.pk)]


def test_a_reader_gets_no_answer_in_any_form_whatever_else_they_are(alice, collection, final, image):
    alice.memberships.create(collection=collection, role="admin")
    alice = type(alice).objects.get(pk=alice.pk)
    assert browser(alice).get(page(collection, "csv")).status_code == 403
    for form in ("csv", "jsonl"):
        assert rows_of(client_of(alice).get(f"{PREDICTIONS}?format={form}")) == []
        assert (
            client_of(alice).get(f"/api/v1/collections/{collection.pk}/labels?format={form}").status_code
            == 403
        )


def test_whoever_reads_the_same_pixels_elsewhere_gets_no_row_of_them(member, image):
    nora = member("nora", "ml_engineer")
    elsewhere = make_collection("Elsewhere")
    nora.memberships.create(collection=elsewhere, role="radiologist")
    twin = make_study(elsewhere).images.get()
    type(twin).objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    assert rows_of(client_of(nora).get(f"{PREDICTIONS}?format=csv")) == []


def test_somebody_elses_collection_is_not_there(charlie, collection, image):
    assert browser(charlie).get(page(collection, "csv")).status_code == 404
    assert rows_of(client_of(charlie).get(f"{PREDICTIONS}?format=csv")) == []


def test_labels_have_the_uids_too(engineer, collection, final):
    for door in (
        client_of(engineer).get(f"/api/v1/collections/{collection.pk}/labels?format=jsonl"),
        browser(engineer).get(
            reverse("labels-download", kwargs={"collection_id": collection.pk, "form": "jsonl"})
        ),
    ):
        (row,) = rows_of(door)
        assert list(row) == list(LABEL_COLUMNS)
        assert (row["said_by"], row["label"], row["frame"]) == ("alice", "meningioma", 3)
        assert {name: row[name] for name in UIDS} == UIDS


def test_a_label_set_as_a_table_in_the_order_of_its_manifest(engineer, alice, collection, final, read):
    other = analysed_image(collection)
    read.finished(alice, other, "glioma")
    frozen = freeze_label_set(actor=engineer, collection=collection)
    door = f"/api/v1/label-sets/{frozen.pk}/entries"
    rows = rows_of(client_of(engineer).get(f"{door}?format=jsonl"))
    assert [row["image"] for row in rows] == [str(final.pk), str(other.pk)]
    assert list(rows[0]) == list(ENTRY_COLUMNS)
    assert {name: rows[0][name] for name in UIDS} == UIDS
    assert (rows[1]["study_uid"], rows[1]["frame"], rows[0]["label_set"]) == ("", None, 1)
    assert rows[0]["provenance"]["source"]
    (only,) = rows_of(client_of(engineer).get(f"{door}?format=csv&label=meningioma"))
    assert only["image"] == str(final.pk)
    by_page = reverse("label-set-entries-download", kwargs={"label_set_id": frozen.pk, "form": "csv"})
    assert len(rows_of(browser(engineer).get(by_page))) == 2
    assert client_of(alice).get(f"{door}?format=csv").status_code == 404
    assert browser(alice).get(by_page).status_code == 404


def test_what_is_taken_away_leaves_a_trace(engineer, collection, final):
    client_of(engineer).get(f"{PREDICTIONS}?format=csv&collection={collection.pk}")
    event = AuditEvent.objects.get(action="predictions.downloaded")
    assert (event.actor, event.collection_id, event.data["rows"]) == (engineer, collection.pk, 1)


def test_the_number_of_queries_does_not_grow_with_the_rows(
    engineer, collection, django_assert_max_num_queries
):
    for number in range(5):
        analysed_image(collection)
        assert number >= 0
    with django_assert_max_num_queries(12):
        assert len(list(prediction_rows(engineer, predictions_of(engineer)))) == 5


def test_a_failed_one_says_so(engineer, collection):
    image = make_study(collection).images.get()
    image.predictions.create(status="failed", failure_code="x", finished_at=timezone.now())
    (row,) = rows_of(client_of(engineer).get(f"{PREDICTIONS}?format=jsonl"))
    assert (row["status"], row["failure_code"], row["label"], row["p_glioma"]) == ("failed", "x", "", None)
