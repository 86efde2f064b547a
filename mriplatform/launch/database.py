"""Whether a database that somebody names may be used for a demo."""

from contextlib import closing
from urllib.parse import urlsplit

import psycopg2

MARKER = "demo_marker"


class DatabaseRefused(Exception):
    """A database that is not the demo's to fill; the message says why and what to do."""


def claim_database(owner_url: str) -> None:
    """Mark an empty database as the demo's, or find it marked already.

    A database with tables and without the mark holds somebody's data, even where the tables are this platform's own.

    Raises:
        DatabaseRefused: it holds something else, or cannot be reached.
    """
    name = urlsplit(owner_url).path.strip("/")
    try:
        with closing(psycopg2.connect(owner_url, connect_timeout=10)) as connection:
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
                    "WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname <> 'information_schema' "
                    "AND nspname NOT LIKE 'pg\\_%' ORDER BY relname"
                )
                tables = [row[0] for row in cursor]
                if not tables:
                    cursor.execute(f"CREATE TABLE {MARKER} (made_at timestamptz NOT NULL DEFAULT now())")
                    tables = [MARKER]
    except psycopg2.OperationalError as error:
        raise DatabaseRefused(f"The database {name!r} cannot be reached: {str(error).strip()}") from error
    if MARKER not in tables:
        raise DatabaseRefused(
            f"The database {name!r} is not empty and was not made by ./dev demo (it has {len(tables)} tables, "
            f"{tables[0]!r} among them). Nothing was changed. Name an empty one in DATABASE_URL, or unset it."
        )
