"""Grants the runtime role exactly what it needs, after every migration run by the owner."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from mriplatform.audit.ledger import LedgerModel


def ledger_tables() -> list[str]:
    """The tables of all ledgers, sorted."""
    return sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, LedgerModel))


def grant_runtime_role(*, using: str = "default", **_: Any) -> None:
    """Give the runtime role row access to all tables, and only INSERT and SELECT on ledgers.

    Does nothing where the role does not exist (one role for everything; the triggers still hold) or where the
    connected role *is* the runtime role, which may grant nothing.
    """
    connection = connections[using]
    quote = connection.ops.quote_name
    role = settings.DATABASE_RUNTIME_ROLE
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if not _owner_of_runtime_role(cursor, role):
            return
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {quote(role)}")
        cursor.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {quote(role)}"
        )
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {quote(role)}")
        existing = set(connection.introspection.table_names(cursor))
        for table in ledger_tables():
            if table in existing:
                cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {quote(table)} FROM {quote(role)}")


def _owner_of_runtime_role(cursor: CursorWrapper, role: str) -> bool:
    cursor.execute(
        "SELECT current_user <> %s AND EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role, role]
    )
    row = cursor.fetchone()
    return bool(row and row[0])
