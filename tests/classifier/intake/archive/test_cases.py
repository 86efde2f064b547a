"""Every ZIP of the list of bad input gets what it must get, and every good one is read."""

import pytest

from classifier.intake.archive import ArchiveLimits, ArchiveRefused, EntryDamaged, read_directory, read_entry
from tests.classifier.intake.archive.forged import InMemory
from tests.classifier.intake.archive_cases import ACCEPTED, REFUSED, SUM_BOMB, archive, ten_and_one

LIMITS = ArchiveLimits()
# Found by whoever decodes the entry, not by whoever takes it out.
BY_THE_DECODER = {"zip-bad-image", "zip-empty-entry"}


def taken(data: bytes, limits: ArchiveLimits = LIMITS) -> list[bytes]:
    entries = read_directory(InMemory(data), limits)
    return [read_entry(InMemory(data), entry, limits) for entry in entries if not entry.ignored]


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused(case):
    if case.id in BY_THE_DECODER:
        assert len(taken(case.make())) == 3
        return
    with pytest.raises((ArchiveRefused, EntryDamaged)) as caught:
        taken(case.make())
    assert caught.value.status == case.status
    if case.code:
        assert caught.value.code == case.code
    if case.sentence:
        assert str(caught.value) == case.sentence


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepted(case):
    assert taken(case.make())


def test_a_sum_that_is_over_the_limit():
    limits = ArchiveLimits(max_unpacked=100 * 2**20, max_ratio=2000)
    with pytest.raises(ArchiveRefused) as caught:
        read_directory(InMemory(archive(SUM_BOMB)), limits)
    assert caught.value.code == "zip_unpacks_too_large"


def test_numbers_are_those_of_the_directory():
    mixed = ten_and_one()
    entries = read_directory(InMemory(mixed.data), LIMITS)
    assert tuple(entry.number for entry in entries if entry.ignored) == mixed.ignored
    assert tuple(entry.number for entry in entries if not entry.ignored) == tuple(
        sorted(mixed.good + mixed.bad)
    )
