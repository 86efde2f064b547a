"""Images that the machine gave no class: a list of their own where the answer may be known, verdicts that name none."""

from uuid import uuid4

import pytest

from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Split
from reviews.selectors import labels, machine_answer, reading_state, set_aside, worklist, worklist_counts
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, claim_image, claim_next, give_verdict
from tests.factories import analysed_image, make_prediction, make_version

NOT_ASSESSABLE = "not_assessable"


@pytest.fixture
def ordinary(collection):
    return analysed_image(collection, label="glioma")


@pytest.fixture
def strange(collection, ordinary):
    """An image that the machine gave no class, younger than an ordinary one."""
    return analysed_image(collection, label=NOT_ASSESSABLE)


@pytest.fixture
def assisted(collection):
    set_protocol(actor=None, collection=collection, mode="assisted")


def said(reader, reading, **more):
    return give_verdict(reader=reader, reading=reading, **{"idempotency_key": uuid4()} | more)


def test_an_assisted_reader_has_them_in_a_list_of_their_own(alice, collection, ordinary, strange, assisted):
    assert list(worklist(alice, collection)) == [ordinary]
    assert list(set_aside(alice, collection)) == [strange]
    counts = worklist_counts(alice, collection)
    assert (counts["waiting"], counts["set_aside"], counts["total"]) == (1, 1, 2)
    assert claim_next(reader=alice, collection=collection).image == ordinary
    assert claim_next(reader=alice, collection=collection, aside=True).image == strange
    assert claim_image(reader=alice, image=strange).image == strange


def test_the_list_goes_by_the_answer_and_not_by_what_other_versions_say(alice, collection, strange, assisted):
    make_prediction(strange, version=make_version(promoted=False), label="glioma", for_comparison=True)
    assert list(set_aside(alice, collection)) == [strange]


@pytest.mark.parametrize("mode", ["blinded_first", "unaided"])
def test_a_blind_reader_has_them_among_the_others(alice, collection, ordinary, strange, mode):
    set_protocol(actor=None, collection=collection, mode=mode)
    assert list(worklist(alice, collection)) == [ordinary, strange]
    assert not set_aside(alice, collection).exists()
    assert worklist_counts(alice, collection)["set_aside"] == 0
    with pytest.raises(ReadingConflict) as refusal:
        claim_next(reader=alice, collection=collection, aside=True)
    assert refusal.value.code == "no_list_aside"


def test_a_reading_begun_blind_stays_blind_when_the_protocol_changes(alice, bob, collection, strange):
    claim_image(reader=alice, image=strange)
    set_protocol(actor=None, collection=collection, mode="assisted", readers_per_image=2)
    assert strange in worklist(alice, collection)
    assert strange not in set_aside(alice, collection)
    assert strange in set_aside(bob, collection)


def test_to_confirm_no_class_is_to_say_not_assessable(alice, collection, strange, read):
    reading = read.revealed(alice, strange, NOT_ASSESSABLE)
    key = uuid4()
    event = said(alice, reading, verdict="confirm", idempotency_key=key)
    assert (event.verdict, event.label, event.saw_prediction) == (NOT_ASSESSABLE, "", True)
    assert said(alice, reading, verdict="confirm", idempotency_key=key) == event
    (row,) = labels(collection, None)
    assert (row.label, row.machine_label, row.final_label) == (NOT_ASSESSABLE,) * 3


def test_no_class_cannot_be_confirmed_with_one(alice, strange, read):
    reading = read.revealed(alice, strange, NOT_ASSESSABLE)
    with pytest.raises(ReviewRefused) as refusal:
        said(alice, reading, verdict="confirm", label="glioma")
    assert refusal.value.code == "nothing_to_confirm"


def test_to_follow_the_machine_away_from_a_class_needs_a_reason_as_any_change_does(alice, strange, read):
    reading = read.revealed(alice, strange, "glioma")
    with pytest.raises(ReviewRefused) as refusal:
        said(alice, reading, verdict=NOT_ASSESSABLE)
    assert refusal.value.code == "reason_missing"
    said(alice, reading, verdict=NOT_ASSESSABLE, reason="persuaded_by_model")
    assert reading_state(reading).verdict.label == ""
    amended = amend(reader=alice, reading=reading, verdict="correct", label="glioma", reason="location")
    assert amended.label == "glioma"


def test_what_a_person_gave_a_class_trains_and_what_stays_without_does_not(
    alice, collection, ordinary, strange, read
):
    other = analysed_image(collection, label=NOT_ASSESSABLE)
    said(alice, read.revealed(alice, strange, NOT_ASSESSABLE), verdict="confirm")
    said(
        alice, read.revealed(alice, other, "pituitary"), verdict="correct", label="pituitary",
        reason="morphology",
    )  # fmt: skip
    entries = {
        entry.image: entry for entry in freeze_label_set(actor=None, collection=collection).entries.all()
    }
    assert (entries[strange].split, entries[strange].reason) == (Split.EXCLUDED, "not assessable")
    assert entries[other].label == "pituitary"
    assert entries[other].split != Split.EXCLUDED


def test_the_reveal_shows_no_class(alice, strange, read):
    answer = machine_answer(read.revealed(alice, strange))
    assert (answer.label, answer.probabilities, answer.map_array()) == (NOT_ASSESSABLE, None, None)
