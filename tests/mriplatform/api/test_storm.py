"""The whole description as each role: what the API answers is what it says it answers."""

import pytest

pytestmark = pytest.mark.timeout(600)
PARTS = 2


@pytest.fixture
def house(db, settings):
    from tests.e2e.house import build

    settings.LOAD_CHECK_SECONDS = 0
    return build()


@pytest.mark.parametrize("part", range(PARTS))
def test_every_role_gets_from_every_call_what_is_described(house, part):
    from tests.mriplatform.api.storm import SEED, lines, storm, things_of, tokens_of

    tokens, things = tokens_of(house.people), things_of(house)
    report = storm(tokens, things, number=SEED, examples=2, roles=4, part=(part, PARTS))
    assert not report.faults, "\n".join(lines(report))
    assert len(house.people) == 8
    assert {200, 401, 403, 404} <= set(report.answers)
