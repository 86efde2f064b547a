"""A small sample of the spoilt files of `tests.benchmarks.mutated_files`: taken in or refused, nothing else."""

import time

import pytest

from classifier.intake import Decoder
from tests.mutants import KINDS, mutant, take

SAMPLE = 160
"""Of each kind a quarter; the benchmark takes 50,000."""


@pytest.mark.timeout(120)
def test_a_sample_is_taken_in_or_refused() -> None:
    became: dict[str, set[str]] = {kind: set() for kind in KINDS}
    with Decoder(workers=2) as decoder:
        for number in range(SAMPLE):
            one, started = mutant(number), time.monotonic()
            became[one.kind].add(take(one, decoder))
            assert time.monotonic() - started < 10, (number, one.how)
    assert all("taken" in said and len(said) > 2 for said in became.values()), became
    assert not set().union(*became.values()) & {
        "decoder_failed",
        "decoder_busy",
        "decoder_down",
        "too_slow",
        "too_much_memory",
    }


def test_a_number_is_a_file() -> None:
    for number in (5, 6, 7, 8):
        assert mutant(number) == mutant(number)
        assert mutant(number).data != mutant(number + len(KINDS)).data
