"""Final labels, disagreements and who decides them, and when a study is final."""

from datetime import timedelta

import pytest

from classifier.exceptions import PlatformError
from classifier.services.removal import hide_image
from mriplatform.audit.models import AuditEvent
from reviews.models import Adjudication, ReadingProtocol
from reviews.selectors import final_label, open_disagreements, standings
from reviews.services.adjudication import adjudicate
from reviews.services.protocols import ensure_protocol, set_protocol
from reviews.services.reading import amend, undo
from tests.factories import analysed_image, make_prediction, make_study


@pytest.fixture
def dora(member):
    """An adjudicator."""
    return member("dora", "adjudicator")


@pytest.fixture
def two_readers(collection):
    return set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)


def outcome(image):
    return standings([image])[image.pk].outcome


def final(study):
    study.refresh_from_db()
    return study.finalised_at is not None


# --- One reader -----------------------------------------------------------------------------------------------


def test_with_one_reader_their_verdict_is_the_final_label(alice, image, read):
    assert (final_label(image), outcome(image)) == (None, "unread")
    read.revealed(alice, image)
    assert final_label(image) is None
    reading = read.finished(alice, analysed_image(image.collection), "pituitary")
    label = final_label(reading.image)
    assert (label.label, label.assessable, label.adjudication) == ("pituitary", True, None)
    assert label.events == (reading.events.get(kind="verdict"),)
    assert label.at == label.events[0].at


def test_an_amendment_changes_the_final_label_and_an_undo_takes_it(alice, image, read):
    reading = read.finished(alice, image, "pituitary")
    amend(reader=alice, reading=reading, verdict="correct", label="notumor", reason="location")
    assert final_label(image).label == "notumor"
    other = read.finished(alice, analysed_image(image.collection))
    undo(reader=alice, reading=other)
    assert final_label(other.image) is None


def test_not_assessable_is_final_too(alice, image, read):
    read.finished(alice, image, "not_assessable")
    assert (final_label(image).label, final_label(image).assessable) == ("", False)


# --- More readers ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two_readers")
def test_two_readers_must_agree(alice, bob, collection, image, read):
    read.finished(alice, image, "glioma")
    assert (outcome(image), final_label(image)) == ("waiting", None)
    reading = read.finished(bob, image, "meningioma")
    assert outcome(image) == "disagreement"
    assert list(open_disagreements(collection)) == [image]
    amend(reader=bob, reading=reading, verdict="confirm", reason="persuaded_by_model")
    assert (final_label(image).label, len(final_label(image).events)) == ("glioma", 2)
    assert not open_disagreements(collection)


@pytest.mark.usefixtures("two_readers")
def test_a_label_against_not_assessable_is_a_disagreement(alice, bob, image, read):
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "not_assessable")
    assert outcome(image) == "disagreement"


def test_who_was_read_by_one_reader_stays_final_when_two_are_asked_for(alice, bob, collection, image, read):
    read.finished(alice, image, "glioma")
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    assert (outcome(image), final(image.study)) == ("final", True)
    read.finished(bob, image, "pituitary")
    assert (outcome(image), final(image.study)) == ("disagreement", False)


@pytest.mark.usefixtures("two_readers")
def test_when_one_reader_is_enough_again_what_one_reader_read_becomes_final(alice, collection, image, read):
    read.finished(alice, image, "glioma")
    assert not final(image.study)
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=1)
    assert (outcome(image), final(image.study)) == ("final", True)


# --- Adjudication ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("two_readers")
def test_a_different_person_decides(alice, bob, dora, image, read):
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "meningioma")
    adjudication = adjudicate(adjudicator=dora, image=image, label="pituitary", rationale=" Sellar. ")
    label = final_label(image)
    assert (label.label, label.adjudication, len(label.events)) == ("pituitary", adjudication, 2)
    assert (label.at, adjudication.rationale, final(image.study)) == (adjudication.at, "Sellar.", True)
    assert AuditEvent.objects.filter(action="image.adjudicated", actor=dora).count() == 1
    with pytest.raises(PlatformError, match="nothing to decide"):
        adjudicate(adjudicator=dora, image=image, label="glioma", rationale="Again.")


@pytest.mark.usefixtures("two_readers")
def test_an_adjudicator_may_find_the_image_not_assessable(alice, bob, dora, image, read):
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "meningioma")
    adjudicate(adjudicator=dora, image=image, label="not_assessable", rationale="Motion.")
    assert not final_label(image).assessable


@pytest.mark.usefixtures("two_readers")
@pytest.mark.parametrize(
    ("who", "label", "rationale", "code", "status"),
    [
        ("dora", "cyst", "Why.", "unknown_label", 400),
        ("dora", "glioma", "  ", "rationale_missing", 422),
        ("dora", "glioma", "\0", "note_not_text", 400),
        ("bob", "glioma", "Why.", "adjudicator_is_reader", 422),
    ],
)
def test_a_decision_that_does_not_hold_is_refused(
    alice, bob, dora, image, read, who, label, rationale, code, status
):
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "meningioma")
    with pytest.raises(PlatformError) as refusal:
        adjudicate(adjudicator={"dora": dora, "bob": bob}[who], image=image, label=label, rationale=rationale)
    assert (refusal.value.code, refusal.value.status) == (code, status)
    assert not Adjudication.objects.exists()


@pytest.mark.usefixtures("two_readers")
def test_with_one_read_there_is_nothing_to_decide(alice, dora, image, read):
    read.finished(alice, image, "glioma")
    with pytest.raises(PlatformError) as refusal:
        adjudicate(adjudicator=dora, image=image, label="glioma", rationale="Why.")
    assert (refusal.value.code, refusal.value.status) == ("no_disagreement", 409)


# --- Finality -------------------------------------------------------------------------------------------------


def test_a_study_is_final_with_the_last_of_its_images(alice, collection, read):
    study = make_study(collection, images=2)
    first, second = study.images.all()
    for image in (first, second):
        make_prediction(image)
    read.finished(alice, first)
    assert not final(study)
    reading = read.finished(alice, second)
    assert final(study)
    undo(reader=alice, reading=reading)
    assert not final(study)
    actions = AuditEvent.objects.filter(object_id=str(study.pk)).values_list("action", flat=True)
    assert sorted(actions) == ["study.finalised", "study.reopened"]


def test_a_hidden_image_does_not_hold_its_study_up(alice, collection, read):
    study = make_study(collection, images=2)
    first, second = study.images.all()
    for image in (first, second):
        make_prediction(image)
    hide_image(actor=alice, image=second)
    read.finished(alice, first)
    assert final(study)


# --- Protocols ------------------------------------------------------------------------------------------------


def test_a_protocol_is_versioned_and_setting_it_again_changes_nothing(collection, engineer):
    first = ensure_protocol(collection)
    assert (first.version, first.mode, first.readers_per_image) == (1, "blinded_first", 1)
    assert ensure_protocol(collection) == first
    second = set_protocol(actor=engineer, collection=collection, mode="assisted", readers_per_image=3)
    assert (second.version, second.set_by) == (2, engineer)
    assert set_protocol(actor=engineer, collection=collection, mode="assisted", readers_per_image=3) == second
    assert ReadingProtocol.objects.count() == 2
    assert second.created_at - first.created_at > timedelta(0)


@pytest.mark.parametrize(
    ("mode", "readers", "code"),
    [
        ("blind", 1, "unknown_mode"),
        ("assisted", 0, "readers_out_of_range"),
        ("assisted", 6, "readers_out_of_range"),
    ],
)
def test_a_protocol_that_does_not_exist_is_refused(collection, mode, readers, code):
    with pytest.raises(PlatformError) as refusal:
        set_protocol(actor=None, collection=collection, mode=mode, readers_per_image=readers)
    assert refusal.value.code == code


def test_hiding_the_last_image_that_nobody_read_makes_the_study_final(alice, collection, read):
    study = make_study(collection, images=2)
    first, second = study.images.all()
    for image in (first, second):
        make_prediction(image)
    read.finished(alice, first)
    assert not final(study)
    hide_image(actor=alice, image=second)
    assert final(study)
