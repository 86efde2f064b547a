"""Which databases the demo may fill."""

import secrets
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from mriplatform.launch.database import MARKER, DatabaseRefused, claim_database
from mriplatform.local_servers import LocalPostgres


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalPostgres]:
    server = LocalPostgres(
        tmp_path_factory.mktemp("claim") / "postgres", secret=secrets.token_hex(), durable=False
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def url(postgres: LocalPostgres) -> str:
    """A new, empty database."""
    name = f"claim_{secrets.token_hex(4)}"
    run(postgres.url("mri_owner"), f"CREATE DATABASE {name}")
    return postgres.url("mri_owner", name)


def run(url: str, statement: str) -> list[tuple]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def test_an_empty_database_is_marked_and_known_again(url: str) -> None:
    claim_database(url)
    run(url, "CREATE TABLE anything (n int)")
    claim_database(url)
    assert run(url, f"SELECT count(*) FROM {MARKER}") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE patients (n int)",
        "CREATE TABLE django_migrations (n int)",
        "CREATE SCHEMA other CREATE TABLE patients (n int)",
        "CREATE VIEW one AS SELECT 1",
    ],
)
def test_somebody_s_database_is_refused_and_left_alone(url: str, statement: str) -> None:
    run(url, statement)
    with pytest.raises(DatabaseRefused, match="is not empty and was not made by"):
        claim_database(url)
    assert run(url, f"SELECT to_regclass('{MARKER}')") == [(None,)]


def test_a_database_that_cannot_be_reached_is_named_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseRefused, match="cannot be reached") as refused:
        claim_database(url.replace("mri_owner:", "mri_owner:wrong"))
    assert "wrong" not in str(refused.value)
