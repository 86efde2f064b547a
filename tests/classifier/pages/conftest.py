"""A house to knock at, made anew for each test."""

import pytest


@pytest.fixture
def house(db):
    from tests.classifier.doors import build_house

    return build_house()
