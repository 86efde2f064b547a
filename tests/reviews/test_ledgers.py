"""What was said stays: by trigger for everybody, by rights for the role that the platform runs as."""

from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest
from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from mriplatform.audit.grants import ledger_tables
from reviews.models import Adjudication, LabelSet, LabelSetEntry, ReviewEvent
from reviews.selectors import labels
from reviews.services.adjudication import adjudicate
from reviews.services.label_sets import freeze_label_set, retrain
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, claim_next, commit_first_read, give_verdict, reveal, undo
from tests.factories import analysed_image

LEDGERS = {
    "reviews_adjudication",
    "reviews_eligibilitypolicy",
    "reviews_figurerequest",
    "reviews_figuresnapshot",
    "reviews_importedlabel",
    "reviews_knowncase",
    "reviews_labelset",
    "reviews_labelsetentry",
    "reviews_readingprotocol",
    "reviews_retrainingplan",
    "reviews_reviewevent",
    "reviews_sentback",
    "reviews_splitassignment",
}


# Bookkeeping: derived from ledgers, or of claims, drafts, searches and passes over the backlog.
CHANGEABLE = {
    "reviews_imagestanding",
    "reviews_labelerrorsearch",
    "reviews_reading",
    "reviews_rescore",
    "reviews_worklistentry",
}


def test_every_table_of_the_human_reader_is_a_ledger_or_said_to_be_none(db):
    assert {table for table in ledger_tables() if table.startswith("reviews_")} == LEDGERS
    tables = {model._meta.db_table for model in apps.get_app_config("reviews").get_models()}
    assert tables - LEDGERS == CHANGEABLE


@pytest.fixture
def runtime(runtime_database_url):
    with psycopg2.connect(runtime_database_url) as session:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
            yield cursor


@pytest.mark.parametrize("table", sorted(LEDGERS))
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE", "DROP TABLE {}"]
)
def test_the_runtime_role_cannot_change_a_ledger(runtime, table, statement):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        runtime.execute(statement.format(table).replace("SET id = id", "SET " + _column(table)))


def _column(table):
    column = "key" if table == "reviews_splitassignment" else "id"
    return f"{column} = {column}"


@pytest.mark.parametrize("table", sorted(LEDGERS))
def test_the_runtime_role_can_read_a_ledger(runtime, table):
    runtime.execute(f"SELECT count(*) FROM {table}")
    assert runtime.fetchone() == (0,)


def test_even_the_owner_cannot_change_what_was_said(alice, image, read):
    reading = read.finished(alice, image)
    event = reading.events.first()
    for change in (
        lambda: ReviewEvent.objects.filter(pk=event.pk).update(label="notumor"),
        lambda: ReviewEvent.objects.filter(pk=event.pk)._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            change()
    for change in (event.save, event.delete):
        with pytest.raises(TypeError, match="ledger"):
            change()


@pytest.mark.parametrize(
    ("said", "constraint"),
    [
        ({"kind": "verdict", "verdict": "confirm"}, "review_event_verdict_has_label"),
        (
            {"kind": "verdict", "verdict": "not_assessable", "label": "glioma"},
            "review_event_verdict_has_label",
        ),
        ({"kind": "reveal"}, "review_event_reveal_names_prediction"),
        ({"kind": "first_read"}, "review_event_first_read_says_something"),
        ({"kind": "withdrawal"}, "review_event_names_what_it_supersedes"),
    ],
)
def test_the_database_itself_refuses_half_a_statement(alice, image, read, said, constraint):
    reading = read.claimed(alice, image)
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        ReviewEvent.objects.create(reading=reading, sequence=1, **said)


@pytest.fixture
def as_runtime_role(transactional_db, runtime_database_url):
    """Runs the test's queries as the running platform's role; the test's tables are emptied by the owner again."""
    role = urlsplit(runtime_database_url)
    owner = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    connection.close()
    connection.settings_dict |= {"USER": role.username, "PASSWORD": role.password}
    yield
    connection.close()
    connection.settings_dict |= owner


@pytest.mark.usefixtures("as_runtime_role")
def test_the_runtime_role_may_do_all_that_a_round_needs(alice, bob, member, collection, engineer):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (settings.DATABASE_RUNTIME_ROLE,)
    set_protocol(actor=engineer, collection=collection, mode="blinded_first", readers_per_image=2)
    image = analysed_image(collection, label="glioma")
    for reader, label in ((alice, "glioma"), (bob, "pituitary")):
        said = {"reader": reader, "reading": claim_next(reader=reader, collection=collection)}
        commit_first_read(**said, label=label, confidence=3, idempotency_key=uuid4())
        undo(**said)
        commit_first_read(**said, label=label, confidence=2, idempotency_key=uuid4())
        reveal(**said)
        give_verdict(**said, verdict="not_assessable", idempotency_key=uuid4())
        amend(**said, verdict="correct" if reader == bob else "confirm", label=label, reason="location")
    adjudicate(
        adjudicator=member("dora", "adjudicator"), image=image, label="meningioma", rationale="Dural tail."
    )
    label_set = freeze_label_set(actor=engineer, collection=collection)
    assert retrain(actor=engineer, label_set=label_set).manifest_sha256 == label_set.manifest_sha256
    assert len(list(labels(collection, None))) == 3
    assert (Adjudication.objects.count(), LabelSet.objects.count(), LabelSetEntry.objects.count()) == (
        1,
        1,
        1,
    )
