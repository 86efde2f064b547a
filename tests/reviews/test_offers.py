"""What comes next: declared orders with their random share, hidden repeats, known cases; and that nothing tells."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from reviews.models import KnownCase, Reading, ReviewEvent, WorklistEntry
from reviews.selectors import Outcome, final_label, standings, worklist_counts
from reviews.selectors import offers as offering
from reviews.selectors.offers import draws, next_images
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image, claim_next, give_verdict, save_draft
from tests.factories import analysed_image, make_image, make_prediction, make_study, make_user


def setting(collection, **rules):
    return set_protocol(actor=None, collection=collection, **{"mode": "blinded_first"} | rules)


def image_of(collection, probabilities):
    image = make_image(make_study(collection, images=0))
    make_prediction(image, probabilities=probabilities)
    return image


def placed(image, draw):
    WorklistEntry.objects.filter(image=image).update(draw=draw)


@pytest.fixture
def forced(monkeypatch):
    """Makes the draws what a test says: `forced(hidden=0.0)`; what is not named is 0.99."""

    def _forced(**numbers):
        monkeypatch.setattr(offering, "draws", lambda user, collection: lambda what: numbers.get(what, 0.99))

    return _forced


def finish(reader, reading):
    return give_verdict(reader=reader, reading=reading, verdict="not_assessable", idempotency_key=uuid4())


# --- Order ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "expected"),
    [("entropy", [1, 2, 0]), ("margin", [2, 1, 0]), ("likely_tumour", [0, 1, 2])],
)
def test_an_assisted_order_is_that_of_its_measure(alice, collection, forced, order, expected):
    """glioma, meningioma, no tumour, pituitary: sure of a tumour; undecided among all; torn between two."""
    setting(collection, mode="assisted", order=order, random_share=0.05)
    answers = ([0.97, 0.01, 0.01, 0.01], [0.4, 0.2, 0.2, 0.2], [0.5, 0.0, 0.5, 0.0])
    images = [image_of(collection, answer) for answer in answers]
    for image in images:
        placed(image, 0.5)
    forced()
    got = []
    for _ in images:
        reading = claim_next(reader=alice, collection=collection)
        got.append(images.index(reading.image))
        assert reading.drawn == "order"
        finish(alice, reading)
    assert got == expected


def test_the_random_share_is_drawn_whatever_the_answer(alice, collection, forced):
    setting(collection, mode="assisted", order="entropy", random_share=0.3)
    sure, torn = image_of(collection, [0.97, 0.01, 0.01, 0.01]), image_of(collection, [0.5, 0.0, 0.5, 0.0])
    third = image_of(collection, [0.25, 0.25, 0.25, 0.25])
    for image, draw in ((torn, 0.2), (sure, 0.1), (third, 0.3)):
        placed(image, draw)
    forced(random=0.29)
    first = claim_next(reader=alice, collection=collection)
    assert (first.image, first.drawn) == (sure, "random")
    finish(alice, first)
    forced(random=0.3)
    second = claim_next(reader=alice, collection=collection)
    assert (second.image, second.drawn) == (third, "order")
    finish(alice, second)
    # Nothing is left of the rest: the random part is what there is.
    third_reading = claim_next(reader=alice, collection=collection)
    assert (third_reading.image, third_reading.drawn) == (torn, "random")


def test_elsewhere_and_by_hand_the_reading_says_how_it_was_chosen(alice, collection):
    first, second = analysed_image(collection), analysed_image(collection)
    assert claim_image(reader=alice, image=second).drawn == "chosen"
    finish_all = Reading.objects.get(image=second)
    Reading.objects.filter(pk=finish_all.pk).update(finished_at=timezone.now())
    assert claim_next(reader=alice, collection=collection).drawn == "arrival"
    assert Reading.objects.get(image=first).purpose == "label"


def test_what_is_read_blind_comes_in_order_of_arrival_even_where_the_order_is_by_the_answer(
    alice, bob, collection, read, forced
):
    setting(collection, readers_per_image=2)
    begun = [image_of(collection, [0.97, 0.01, 0.01, 0.01]), image_of(collection, [0.25] * 4)]
    for image in begun:
        read.first(alice, image)
    setting(collection, mode="assisted", order="entropy", readers_per_image=2)
    for image in (*begun, image_of(collection, [0.25] * 4)):
        placed(image, 0.9)
    forced()
    first = claim_next(reader=bob, collection=collection)
    assert (first.image, first.drawn, first.protocol.mode) == (begun[0], "arrival", "blinded_first")
    assert first.events.count() == 0


def test_draws_are_the_same_until_the_next_reading_and_spread_evenly(alice, bob, collection):
    image = analysed_image(collection)
    draw = draws(alice, collection)
    assert draw("random") == draws(alice, collection)("random") != draw("hidden")
    assert draw("random") != draws(bob, collection)("random")
    claim_image(reader=alice, image=image)
    assert draws(alice, collection)("random") != draw("random")
    many = [draw(f"{number}") for number in range(2000)]
    counts = Counter(int(number * 10) for number in many)
    assert min(counts.values()) > 130
    assert max(counts.values()) < 270


# --- Hidden repeats ---------------------------------------------------------------------------------------------


@pytest.fixture
def six_read(alice, collection, read):
    """Six images that alice has read, oldest first, and one that waits."""
    setting(collection, repeat_rate=0.3)
    readings = [read.finished(alice, analysed_image(collection)) for _ in range(6)]
    now = timezone.now()
    for number, reading in enumerate(readings):
        Reading.objects.filter(pk=reading.pk).update(finished_at=now - timedelta(minutes=10 - number))
    analysed_image(collection)
    return readings


def test_a_repeat_shows_what_was_read_five_readings_ago(alice, bob, collection, six_read, forced):
    forced(hidden=0.29)
    again = claim_next(reader=alice, collection=collection)
    assert (again.purpose, again.repeats, again.image) == ("repeat", six_read[0], six_read[0].image)
    assert claim_next(reader=alice, collection=collection) == again
    finish_blind(alice, again)
    # Each reading is repeated once, and none of the others is old enough.
    nxt = claim_next(reader=alice, collection=collection)
    assert nxt.purpose in ("repeat", "label")
    assert nxt.image != again.image
    assert nxt.repeats_id != six_read[0].pk


def finish_blind(reader, reading):
    from reviews.services.reading import commit_first_read, reveal

    commit_first_read(
        reader=reader, reading=reading, label="pituitary", confidence=3, idempotency_key=uuid4()
    )
    reveal(reader=reader, reading=reading)
    return give_verdict(
        reader=reader, reading=reading, verdict="correct", label="pituitary", reason="location",
        idempotency_key=uuid4(),
    )  # fmt: skip


def test_a_repeat_counts_for_no_label_and_takes_no_place(alice, bob, collection, six_read, forced):
    image = six_read[0].image
    before = final_label(image)
    forced(hidden=0.0)
    again = claim_next(reader=alice, collection=collection)
    finish_blind(alice, again)
    after = final_label(image)
    assert (after.label, [event.pk for event in after.events]) == (
        before.label,
        [e.pk for e in before.events],
    )
    assert WorklistEntry.objects.get(image=image).places == 0


def test_a_repeat_whose_claim_ran_out_goes_on_whoever_reads(alice, collection, six_read, forced):
    forced(hidden=0.0)
    again = claim_next(reader=alice, collection=collection)
    Reading.objects.filter(pk=again.pk).update(lease_expires_at=timezone.now() - timedelta(hours=1))
    save_draft(reader=alice, reading=again, draft={"note": "mine still"})
    again.refresh_from_db()
    assert again.lease_expires_at > timezone.now()


def test_readings_of_a_day_ago_are_repeated_before_those_of_this_hour(
    alice, collection, read, six_read, forced
):
    old = read.finished(alice, analysed_image(collection))
    Reading.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=2))
    forced(hidden=0.0)
    assert claim_next(reader=alice, collection=collection).repeats == old


@pytest.mark.parametrize("why", ["hidden", "known", "withdrawn", "other_mode", "too_few"])
def test_what_cannot_be_repeated_is_not(alice, collection, six_read, forced, why):
    from classifier.services.removal import hide_image

    reading = six_read[0]
    if why == "hidden":
        hide_image(actor=alice, image=reading.image)
    elif why == "known":
        KnownCase.objects.create(image=reading.image, label="glioma", source="Histology")
    elif why == "withdrawn":
        verdict = reading.events.get(kind="verdict")
        ReviewEvent.objects.create(
            reading=reading, sequence=9, kind="withdrawal", supersedes=verdict, reason="slip"
        )
    elif why == "other_mode":
        setting(collection, mode="unaided", repeat_rate=0.3)
    else:
        Reading.objects.filter(pk=six_read[5].pk).update(finished_at=None)
    forced(hidden=0.0)
    assert claim_next(reader=alice, collection=collection).purpose == "label"


# --- Known cases ------------------------------------------------------------------------------------------------


def test_a_known_case_is_met_as_such_alone(alice, bob, collection, forced):
    setting(collection, known_rate=0.2)
    known, ordinary = analysed_image(collection), analysed_image(collection)
    KnownCase.objects.create(image=known, label="glioma", source="Histology")
    forced(hidden=0.2)
    assert claim_next(reader=bob, collection=collection).image == ordinary
    forced(hidden=0.19)
    reading = claim_next(reader=alice, collection=collection)
    assert (reading.image, reading.purpose) == (known, "known")
    finish_blind(alice, reading)
    assert standings([known])[known.pk].outcome is Outcome.KNOWN
    # Once each, and every reader for themselves.
    assert claim_next(reader=alice, collection=collection) is None
    third = make_user(collection=collection, role="radiologist")
    assert claim_next(reader=third, collection=collection).image == known


def test_a_known_case_that_one_has_read_otherwise_is_not_met_again(alice, collection, read, forced):
    setting(collection, known_rate=0.3)
    image = analysed_image(collection)
    read.finished(alice, image)
    KnownCase.objects.create(image=image, label="glioma", source="Histology")
    forced(hidden=0.0)
    assert claim_next(reader=alice, collection=collection) is None


# --- Nothing tells ----------------------------------------------------------------------------------------------


def test_the_counts_fall_by_one_whatever_a_claim_was_for(alice, collection, six_read, forced):
    for _ in range(9):
        analysed_image(collection)
    seen = []
    for hidden in (0.99, 0.0, 0.99):
        forced(hidden=hidden)
        before = worklist_counts(alice, collection)
        reading = claim_next(reader=alice, collection=collection)
        begun = worklist_counts(alice, collection)
        assert before["waiting"] - begun["waiting"] == 1, reading.purpose
        assert (begun["mine_open"], begun["total"]) == (1, before["total"])
        finish_blind(alice, reading)
        after = worklist_counts(alice, collection)
        assert (after["done"], after["total"]) == (before["done"] + 1, before["total"])
        seen.append(reading.purpose)
    assert seen == ["label", "repeat", "label"]


def test_what_comes_next_is_known_before_it_is_claimed(alice, collection, six_read, forced):
    forced()
    current = claim_next(reader=alice, collection=collection)
    following = analysed_image(collection)
    assert next_images(alice, collection, after=current) == [following]
    finish_blind(alice, current)
    assert claim_next(reader=alice, collection=collection).image == following


def test_the_next_few_are_told_in_the_order_they_will_come(alice, collection, forced):
    forced()
    images = [analysed_image(collection) for _ in range(5)]
    current = claim_next(reader=alice, collection=collection)
    assert next_images(alice, collection, after=current, count=3) == images[1:4]
    assert Reading.objects.filter(reader=alice).count() == 1
    for following in images[1:4]:
        finish_blind(alice, current)
        current = claim_next(reader=alice, collection=collection)
        assert current.image == following
    assert next_images(alice, collection, after=current, count=3) == [images[4]]


def test_what_was_begun_comes_before_what_was_not(alice, collection, forced):
    forced()
    images = [analysed_image(collection) for _ in range(4)]
    begun = claim_image(reader=alice, image=images[3])
    current = claim_image(reader=alice, image=images[1])
    assert next_images(alice, collection, after=current, count=3) == [begun.image, images[0], images[2]]


def test_of_what_is_drawn_by_chance_one_is_told_and_then_the_list(alice, collection, forced):
    """Which one it will be is settled for the next claim alone."""
    setting(collection, known_rate=0.2)
    waiting = [analysed_image(collection) for _ in range(3)]
    known = [analysed_image(collection) for _ in range(2)]
    for image in known:
        KnownCase.objects.create(image=image, label="glioma", source="Histology")
    forced(hidden=0.0)
    current = claim_image(reader=alice, image=waiting[0])
    told = next_images(alice, collection, after=current, count=3)
    assert told[0] in known
    assert told[1:] == waiting[1:]
