"""One decoder for the intake's tests, as one web process has."""

from collections.abc import Iterator

import pytest

from classifier.intake import Decoder, Limits


@pytest.fixture(scope="session")
def limits() -> Limits:
    return Limits()


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    with Decoder(workers=2) as decoder:
        yield decoder
