"""Every ending that a reading offers is one that the service accepts, with a reason exactly where it asks for one."""

from itertools import product
from uuid import uuid4

import pytest

from ml.labels import CLASSES
from reviews.exceptions import ReviewRefused
from reviews.views.choices import verdict_choices, verdict_on

NOT_ASSESSABLE = "not_assessable"


@pytest.mark.parametrize("own", [*CLASSES, NOT_ASSESSABLE])
@pytest.mark.parametrize(
    ("mode", "machine"),
    [("blinded_first", "glioma"), ("blinded_first", NOT_ASSESSABLE), ("unaided", NOT_ASSESSABLE)],
)
def test_every_choice_is_accepted_and_asks_as_the_service_does(alice, collection, read, mode, machine, own):
    from reviews.services.protocols import set_protocol
    from tests.factories import analysed_image

    set_protocol(actor=None, collection=collection, mode=mode)
    for choice_number in range(len(CLASSES) + 1):
        image = analysed_image(collection, label=machine)
        bring = read.first if mode == "unaided" else read.revealed
        hold(alice, bring(alice, image, own), choice_number, machine="" if mode == "unaided" else machine)


@pytest.mark.parametrize("machine", ["glioma", NOT_ASSESSABLE])
def test_every_choice_of_an_assisted_reading(alice, collection, read, machine):
    from reviews.services.protocols import set_protocol
    from tests.factories import analysed_image

    set_protocol(actor=None, collection=collection, mode="assisted")
    for choice_number in range(len(CLASSES) + 1):
        image = analysed_image(collection, label=machine)
        hold(alice, read.claimed(alice, image), choice_number, machine=machine)


def hold(reader, reading, choice_number, machine):
    """Take one of the offered choices: without a reason it passes exactly where none was asked for."""
    from reviews.selectors import reading_state
    from reviews.services.reading import give_verdict

    state = reading_state(reading)
    offered = every(verdict_choices(state, machine, {}))
    assert sorted(choice.value for choice in offered) == sorted([*CLASSES, NOT_ASSESSABLE])
    choice = offered[choice_number]
    said = verdict_on(state, machine, choice.value)
    give = {"reader": reader, "reading": reading, "idempotency_key": uuid4()} | said
    if choice.reason:
        with pytest.raises(ReviewRefused) as refusal:
            give_verdict(**give)
        assert refusal.value.code == "reason_missing"
        give_verdict(**give | {"reason": "location", "idempotency_key": uuid4()})
    else:
        give_verdict(**give)


def every(choices):
    found = [choices.keep, choices.change, *choices.others, choices.not_assessable]
    return [choice for choice in found if choice is not None]


def test_no_key_means_two_things():
    """Over all first reads and answers, with the viewer's keys and the page's own beside them."""
    from types import SimpleNamespace

    viewer, page = set("wpfihr+=-[]"), {"n", "u", "x", "d", "Enter", "?"}
    for own, machine in product([*CLASSES, NOT_ASSESSABLE, ""], [*CLASSES, NOT_ASSESSABLE, ""]):
        if not own and not machine:
            continue
        said = SimpleNamespace(label="" if own == NOT_ASSESSABLE else own, verdict=own) if own else None
        choices = verdict_choices(SimpleNamespace(first_read=said), machine, {})
        keys = [key for choice in every(choices) for key in choice.keys.split()]
        keys += [choice.keys for choice in choices.reasons] + ([] if choices.change else ["c"])
        assert len(keys) == len(set(keys)), (own, machine)
        assert not set(keys) & (viewer | page)
