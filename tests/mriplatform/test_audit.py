"""Ledgers refuse change by every way in; requests and their audit rows share an identifier."""

import psycopg2
import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from mriplatform.accounts.models import User
from mriplatform.audit.grants import ledger_tables
from mriplatform.audit.ledger import LedgerModel
from mriplatform.audit.models import AuditEvent
from mriplatform.audit.recording import record


def test_a_row_can_be_added_and_never_changed(db):
    event = record(action="thing.done", note="x")
    event.action = "thing.undone"
    with pytest.raises(TypeError, match="ledger"):
        event.save()
    with pytest.raises(TypeError, match="never deleted"):
        event.delete()
    for change in (
        lambda: AuditEvent.objects.update(action="y"),
        lambda: AuditEvent.objects.filter(pk=event.pk)._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
            change()
    assert AuditEvent.objects.get().action == "thing.done"


def test_every_ledger_has_its_trigger(db):
    with connection.cursor() as cursor:
        for table in ledger_tables():
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND tgname LIKE %s",
                [table, "pgtrigger_append_only%"],
            )
            assert cursor.fetchone() == (1,), table


def ledger_keys() -> dict[str, str]:
    models = [model for model in apps.get_models() if issubclass(model, LedgerModel)]
    return {model._meta.db_table: model._meta.pk.column for model in models}


@pytest.mark.django_db(transaction=True)
def test_the_runtime_role_is_refused_update_delete_and_truncate_on_every_ledger(runtime_database_url):
    own = psycopg2.connect(runtime_database_url)
    try:
        for table, key in ledger_keys().items():
            for statement in (
                f"UPDATE {table} SET {key} = NULL",
                f"DELETE FROM {table}",
                f"TRUNCATE {table}",
            ):
                with pytest.raises(psycopg2.Error) as refusal, own, own.cursor() as cursor:
                    cursor.execute(statement)
                assert refusal.value.pgcode in {"42501"}, (table, statement)
    finally:
        own.close()


def test_an_answer_names_the_request_and_a_callers_identifier_is_not_taken_over(client, db):
    response = client.get("/healthz", headers={"X-Request-ID": "Jane Doe"})
    assert response["X-Request-ID"] != "Jane Doe"
    assert len(response["X-Request-ID"]) == 36


def test_a_reader_is_never_staff(db):
    from django.core.exceptions import ValidationError

    from mriplatform.accounts.models import Collection
    from mriplatform.accounts.roles import Role
    from mriplatform.accounts.services import grant_role

    collection = Collection.objects.create(name="Neuro")
    staff = User.objects.create(username="sam", is_staff=True)
    with pytest.raises(ValidationError, match="Staff cannot be readers"):
        grant_role(actor=None, user=staff, collection=collection, role=Role.RADIOLOGIST)
    reader = User.objects.create(username="rhea")
    grant_role(actor=None, user=reader, collection=collection, role=Role.RADIOLOGIST)
    reader.is_staff = True
    with pytest.raises(ValidationError, match="never staff"):
        reader.save()
