"""What is taken away: a row for each thing said that counts, safe in a spreadsheet."""

import csv
import io
import json
from uuid import uuid4

import pytest

from reviews.selectors import labels, labels_as_csv, labels_as_json
from reviews.services.adjudication import adjudicate
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, claim_image, commit_first_read, give_verdict, undo
from tests.factories import analysed_image, make_collection
from tests.reviews.acts import found


def table(collection):
    return list(csv.DictReader(io.StringIO("".join(labels_as_csv(labels(collection, None))), newline="")))


def document(collection):
    return json.loads("".join(labels_as_json(collection, labels(collection, None))))


def test_a_row_says_who_what_when_and_what_they_had_seen(alice, collection, read):
    image = analysed_image(collection, label="glioma", subject="anna")
    reading = read.finished(alice, image, "meningioma")
    (row,) = labels(collection, None)
    verdict = reading.events.get(kind="verdict")
    assert (row.image, row.study, row.pixel_sha256) == (image.pk, image.study_id, image.pixel_sha256)
    assert (row.subject_key, row.source, row.event) == (image.study.subject_key, "reading", verdict.pk)
    assert (row.label, row.verdict, row.final_label, row.reason) == (
        "meningioma",
        "correct",
        "meningioma",
        "morphology",
    )
    assert (row.said_by, row.said_at, row.saw_prediction) == ("alice", verdict.at, True)
    assert (row.model_version, row.machine_label) == (1, "glioma")
    assert (row.first_read_label, row.first_read_confidence) == ("meningioma", 2)
    assert (row.protocol_mode, row.protocol_version) == ("blinded_first", 1)


def test_a_row_carries_what_was_found_and_how_its_label_became_final(alice, collection, image, read):
    box = {"shape": "box", "x": 0.5, "y": 0.4, "width": 0.2, "height": 0.1}
    found(read.finished(alice, image, "pituitary"), location="sellar", image_quality="limited", region=box)
    (row,) = labels(collection, None)
    assert (row.location, row.image_quality, row.region) == ("sellar", "limited", box)
    assert (row.final_path, row.changed_since) == ("one reader", False)
    assert json.loads(table(collection)[0]["region"]) == box
    assert document(collection)["labels"][0]["region"] == box


def test_only_what_is_in_force_is_there(alice, collection, read):
    first, second, third = (analysed_image(collection) for _ in range(3))
    reading = read.finished(alice, first, "pituitary")
    amend(reader=alice, reading=reading, verdict="not_assessable", note="on second thought")
    undo(reader=alice, reading=read.finished(alice, second))
    read.revealed(alice, third)
    read.finished(alice, analysed_image(make_collection()))
    (row,) = labels(collection, None)
    assert (row.label, row.final_label, row.verdict) == ("not_assessable", "not_assessable", "not_assessable")
    assert row.note == "on second thought"


def test_a_decision_stands_beside_what_it_decided_between(alice, bob, member, collection, image, read):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image, "glioma")
    (waiting,) = labels(collection, None)
    assert waiting.final_label == ""
    read.finished(bob, image, "meningioma")
    adjudicate(adjudicator=member("dora", "adjudicator"), image=image, label="pituitary", rationale="Sellar.")
    rows = list(labels(collection, None))
    assert [(row.said_by, row.source, row.label, row.final_label) for row in rows] == [
        ("alice", "reading", "glioma", "pituitary"),
        ("bob", "reading", "meningioma", "pituitary"),
        ("dora", "adjudication", "pituitary", "pituitary"),
    ]
    assert rows[2].note == "Sellar."


def test_an_unaided_row_names_no_version(alice, collection, image):
    set_protocol(actor=None, collection=collection, mode="unaided")
    reading = claim_image(reader=alice, image=image)
    commit_first_read(reader=alice, reading=reading, label="pituitary", confidence=3, idempotency_key=uuid4())
    give_verdict(reader=alice, reading=reading, verdict="confirm", idempotency_key=uuid4())
    (row,) = labels(collection, None)
    assert (row.model_version, row.machine_label, row.saw_prediction) == (None, "", False)
    assert table(collection)[0]["model_version"] == ""


@pytest.mark.parametrize(
    "note",
    [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1)",
        "＝1+1",
        "<script>alert(1)</script>",
        'quotes " and, commas\nand lines',
        "{{7*7}}",
        "ünïcödé 脑",
    ],
)
def test_what_people_type_is_text_in_every_form(alice, collection, image, read, note):
    reading = read.finished(alice, image)
    amend(reader=alice, reading=reading, verdict="not_assessable", note=note)
    cell = table(collection)[0]["note"]
    assert cell == (f"'{note}" if note[0] in "=+-@＝" else note)
    assert document(collection)["labels"][0]["note"] == note


def test_a_user_name_cannot_be_a_formula_either(member, collection, image, read):
    read.finished(member("@SUM(1+1)", "radiologist"), image)
    assert table(collection)[0]["said_by"] == "'@SUM(1+1)"


def test_csv_and_json_say_the_same(alice, collection, read):
    for label in ("glioma", "notumor"):
        read.finished(alice, analysed_image(collection), label)
    told = document(collection)
    assert told["collection"] == {"id": str(collection.pk), "name": "Neuro"}
    as_text = [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in told["labels"]
    ]
    assert as_text == table(collection)
    assert len(as_text) == 2


def test_the_number_of_queries_does_not_grow_with_the_rows(
    alice, collection, read, django_assert_max_num_queries
):
    for _ in range(5):
        read.finished(alice, analysed_image(collection))
    with django_assert_max_num_queries(10):
        assert len(list(labels(collection, None))) == 5
