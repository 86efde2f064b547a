"""What is said beside the label: image quality, location, region, and how long it took."""

import math
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.utils import timezone

from classifier.exceptions import PlatformError
from reviews.models import Reading, ReviewEvent
from reviews.selectors import labels, reading_state
from reviews.services.findings import clean_region
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, claim_image, commit_first_read, give_verdict, reveal, save_draft

BOX = {"shape": "box", "x": 0.4, "y": 0.5, "width": 0.2, "height": 0.3}
POINT = {"shape": "point", "x": 1, "y": 0}
FOUND = {"image_quality": "limited", "location": "temporal", "region": BOX}


def found(event):
    event = ReviewEvent.objects.get(pk=event.pk)
    return {name: getattr(event, name) for name in FOUND}


@pytest.fixture
def reading(alice, image):
    return claim_image(reader=alice, image=image)


@pytest.fixture
def first_read(alice, reading):
    def _first_read(**more):
        return commit_first_read(reader=alice, reading=reading, label="glioma", confidence=2, **more)

    return _first_read


# --- Regions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["box", "ellipse"])
def test_a_region_is_kept_by_its_centre_and_size_in_shares_of_the_image(shape):
    given = {"shape": shape, "x": 0.412345, "y": 0.5, "width": 0.2, "height": 1}
    assert clean_region(given) == {"shape": shape, "x": 0.4123, "y": 0.5, "width": 0.2, "height": 1.0}


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0.0}])
def test_a_point_has_no_size(size):
    assert clean_region(POINT | size) == {"shape": "point", "x": 1.0, "y": 0.0, "width": 0.0, "height": 0.0}


def test_a_region_up_to_the_border_may_stick_out_by_the_rounding_of_its_numbers():
    third = 1 / 3
    assert clean_region(
        {"shape": "box", "x": round(1 - third / 2, 4), "y": 0.5, "width": 0.3334, "height": 1}
    )
    assert clean_region(None) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": "polygon"},
        {"shape": None},
        {"shape": ["box"]},
        {"x": None},
        {"x": "0.4"},
        {"x": True},
        {"x": math.nan},
        {"y": math.inf},
        {"y": -0.01},
        {"y": 10**400},
        {"width": 0},
        {"height": 0.0},
        {"height": 0.00001},
        {"width": 0.9},
        {"y": 0.9},
        {"shape": "point"},
        {"colour": "red"},
    ],
)
def test_a_region_that_is_none_is_refused(wrong):
    with pytest.raises(PlatformError) as refusal:
        clean_region(BOX | wrong)
    assert (refusal.value.code, refusal.value.status) == ("malformed_region", 400)


@pytest.mark.parametrize("wrong", [[], "box", 7, {}, {"shape": "box", "x": 0.5, "y": 0.5}])
def test_what_has_not_the_form_of_a_region_is_refused(wrong):
    with pytest.raises(PlatformError, match=r"region|box") as refusal:
        clean_region(wrong)
    assert refusal.value.code == "malformed_region"


# --- What goes with a statement -------------------------------------------------------------------------------


def test_a_first_read_keeps_what_was_found_and_the_labels_tell_it(alice, collection, reading, first_read):
    assert found(first_read(**FOUND)) == FOUND
    reveal(reader=alice, reading=reading)
    assert found(give_verdict(reader=alice, reading=reading, verdict="confirm")) == {
        "image_quality": "",
        "location": "",
        "region": None,
    }
    row = next(iter(labels(collection, None)))
    assert {name: getattr(row, name) for name in FOUND} == FOUND


def test_an_assisted_verdict_keeps_what_was_found_and_an_amendment_is_said_whole(alice, collection, image):
    set_protocol(actor=None, collection=collection, mode="assisted")
    reading = claim_image(reader=alice, image=image)
    said = give_verdict(reader=alice, reading=reading, verdict="confirm", **FOUND)
    assert found(said) == FOUND
    moved = FOUND | {"region": BOX | {"shape": "ellipse"}}
    assert found(amend(reader=alice, reading=reading, verdict="confirm", **moved)) == moved
    assert amend(reader=alice, reading=reading, verdict="confirm", **moved) == reading_state(reading).verdict
    bare = amend(reader=alice, reading=reading, verdict="confirm")
    assert found(bare) == {"image_quality": "", "location": "", "region": None}
    assert ReviewEvent.objects.filter(reading=reading).count() == 4


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"image_quality": "superb"}, "unknown_quality"),
        ({"location": "toe"}, "unknown_location"),
        ({"region": BOX | {"width": 2}}, "malformed_region"),
        ({"active_ms": -1}, "unknown_active_ms"),
        ({"active_ms": 1.5}, "unknown_active_ms"),
        ({"active_ms": True}, "unknown_active_ms"),
    ],
)
def test_what_is_malformed_is_refused_with_everything_said_beside_it(first_read, wrong, code):
    with pytest.raises(PlatformError) as refusal:
        first_read(**wrong)
    assert (refusal.value.code, refusal.value.status) == (code, 400)
    assert not ReviewEvent.objects.exists()


@pytest.mark.parametrize("wrong", [{"region": BOX | {"width": 2}}, {"region": "box"}, {"active_ms": -1}])
def test_a_draft_holds_no_region_and_no_time_that_is_none(alice, reading, wrong):
    with pytest.raises(PlatformError) as refusal:
        save_draft(reader=alice, reading=reading, draft=wrong)
    assert refusal.value.status == 400


def test_the_same_key_with_another_region_is_another_statement(alice, reading, first_read):
    key = uuid4()
    said = first_read(idempotency_key=key, active_ms=10, **FOUND)
    assert first_read(idempotency_key=key, active_ms=99, **FOUND) == said
    with pytest.raises(PlatformError) as refusal:
        first_read(idempotency_key=key, **FOUND | {"region": BOX | {"x": 0.41}})
    assert refusal.value.code == "idempotency_key_reused"


# --- How long it took -----------------------------------------------------------------------------------------


def test_no_more_time_is_kept_than_went_by_since_the_claim_and_then_since_the_last_event(
    alice, reading, first_read
):
    Reading.objects.filter(pk=reading.pk).update(claimed_at=timezone.now() - timedelta(minutes=1))
    said = first_read(active_ms=10**30)
    assert 60_000 <= said.active_ms < 90_000
    shown = reveal(reader=alice, reading=reading, active_ms=10**9)
    went_by = (shown.at - said.at).total_seconds() * 1000
    assert 0 <= shown.active_ms <= went_by + 1
    verdict = give_verdict(reader=alice, reading=reading, verdict="confirm", active_ms=0)
    assert verdict.active_ms == 0


def test_time_within_what_went_by_is_kept_as_it_was_measured(reading, first_read):
    Reading.objects.filter(pk=reading.pk).update(claimed_at=timezone.now() - timedelta(minutes=1))
    assert first_read(active_ms=7_250).active_ms == 7_250


def test_time_that_nobody_measured_stays_unknown(alice, reading, first_read):
    assert first_read().active_ms is None
    assert reveal(reader=alice, reading=reading).active_ms is None


def test_a_draft_holds_findings_and_the_time_of_its_step_alone(alice, reading, first_read):
    save_draft(reader=alice, reading=reading, draft={**FOUND, "label": "glioma", "active_ms": 4000})
    reading.refresh_from_db()
    assert reading.draft == {**FOUND, "label": "glioma", "active_ms": 4000}
    first_read()
    save_draft(reader=alice, reading=reading, draft={"note": "so far", "active_ms": 900})
    reveal(reader=alice, reading=reading)
    reading.refresh_from_db()
    assert reading.draft == {"note": "so far"}


# --- Where nothing is found, nothing lies anywhere ------------------------------------------------------------


@pytest.mark.parametrize("label", ["notumor", "not_assessable"])
@pytest.mark.parametrize("place", [{"location": "temporal"}, {"region": BOX}])
def test_what_is_not_there_has_no_place(alice, reading, label, place):
    for step in (_first_read, _verdict, _amendment):
        say = partial(step, alice, reading)
        with pytest.raises(PlatformError, match="has neither a location nor a region") as refusal:
            say(label=label, **place)
        assert (refusal.value.code, refusal.value.status) == ("finding_not_expected", 422)
        # The quality of the image has to do with no finding.
        said = say(label=label, image_quality="limited")
        assert (said.image_quality, said.location, said.region) == ("limited", "", None)
        if reading_state(reading).step == "reveal":
            reveal(reader=alice, reading=reading)


def _first_read(reader, reading, *, label, **found):
    return commit_first_read(reader=reader, reading=reading, label=label, confidence=2, **found)


def _verdict(reader, reading, *, label, **found):
    return give_verdict(reader=reader, reading=reading, **_words(label), **found)


def _amendment(reader, reading, *, label, image_quality="limited", **found):
    words = _words(label) | {"note": "again"}
    return amend(reader=reader, reading=reading, image_quality=image_quality, **words, **found)


def _words(label):
    if label == "not_assessable":
        return {"verdict": label}
    return {"verdict": "correct", "label": label, "reason": "morphology"}
