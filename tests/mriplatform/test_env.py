"""Settings that are missing or malformed stop the start, all named at once."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from mriplatform.env import Environment


def test_every_fault_is_named_at_once():
    env = Environment(
        {"PORT": "eighty", "FLAG": "maybe", "MODE": "fast", "SHORT": "abc", "DB": "mysql://x/y"}
    )
    env.text("MISSING")
    env.text("SHORT", min_length=10)
    env.integer("PORT", 80)
    env.boolean("FLAG", default=False)
    env.choice("MODE", "slow", ("slow", "steady"))
    env.database("DB")
    with pytest.raises(ImproperlyConfigured) as complaint:
        env.check()
    for name in ("MISSING", "SHORT", "PORT", "FLAG", "MODE", "DB"):
        assert name in str(complaint.value)


def test_what_is_set_is_read_with_its_type():
    env = Environment({"N": "3", "YES": "on", "HOSTS": "a, b,,c", "NAME": "x"})
    assert env.integer("N", 1) == 3
    assert env.boolean("YES", default=False) is True
    assert env.listing("HOSTS") == ["a", "b", "c"]
    assert env.text("NAME") == "x"
    assert env.text("OTHER", "default") == "default"
    env.check()


def test_a_secret_in_a_complaint_would_end_in_a_log_so_a_bad_address_is_not_repeated():
    env = Environment({"DATABASE_URL": "mysql://user:hunter2@host/name"})
    env.database("DATABASE_URL")
    with pytest.raises(ImproperlyConfigured) as complaint:
        env.check()
    assert "hunter2" not in str(complaint.value)


def test_a_database_address_is_taken_apart():
    env = Environment({"DB": "postgres://us%40er:p%2Fw@db.example:5433/mri?sslmode=require"})
    assert env.database("DB") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "mri",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }
