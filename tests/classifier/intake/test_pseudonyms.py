"""Keyed hashes: the same subject, one hash; without the key, nothing."""

import re

import pytest

from classifier.intake import IntakeRefused, refused_bytes_key, subject_key

KEY = b"k" * 32


@pytest.mark.parametrize(
    "spelling",
    ["sub-007", " SUB-007\t", "Sub-007", "ｓｕｂ-007", "sub\u200b-007", "\u202asub-007\u202c", "sub-007\0"],
)
def test_spellings_of_one_pseudonym(spelling: str) -> None:
    assert subject_key(spelling, KEY) == subject_key("sub-007", KEY)


def test_blanks_within_and_sharp_s() -> None:
    assert subject_key("Müller  Straße", KEY) == subject_key("mu\u0308ller strasse", KEY)
    assert subject_key("a b", KEY) != subject_key("ab", KEY)


def test_it_is_a_keyed_hash() -> None:
    value = subject_key("sub-007", KEY)
    assert re.fullmatch("[0-9a-f]{64}", value)
    assert value != subject_key("sub-008", KEY)
    assert value != subject_key("sub-007", b"x" * 32)
    assert value != refused_bytes_key(b"sub-007", KEY)


@pytest.mark.parametrize("blank", ["", "  ", "\u200b", "\0\t"])
def test_nothing_visible_is_no_subject(blank: str) -> None:
    assert subject_key(blank, KEY) is None


def test_length() -> None:
    assert subject_key("x" * 64, KEY)
    with pytest.raises(IntakeRefused, match="longer than 64 characters") as refused:
        subject_key("x" * 65, KEY)
    assert (refused.value.code, refused.value.status) == ("pseudonym_too_long", 400)


def test_a_lone_surrogate_is_no_error() -> None:
    assert subject_key("a\ud800", KEY)


@pytest.mark.parametrize(
    "make", [lambda key: subject_key("a", key), lambda key: refused_bytes_key(b"a", key)]
)
def test_a_short_key_is_an_error_of_ours(make) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        make(b"short")


def test_refused_bytes() -> None:
    assert refused_bytes_key(b"a", KEY) == refused_bytes_key(b"a", KEY) != refused_bytes_key(b"b", KEY)
