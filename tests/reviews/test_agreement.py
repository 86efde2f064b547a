"""Final labels, disagreements and who decides them, and when a study is final."""

from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from classifier.exceptions import PlatformError
from classifier.services.removal import hide_image
from mriplatform.audit.models import AuditEvent
from reviews.models import (
    Adjudication,
    ImageStanding,
    KnownCase,
    Outcome,
    Reading,
    ReadingProtocol,
    WorklistEntry,
)
from reviews.selectors import (
    active_known_cases,
    anonymous_reads,
    decisions_on,
    final_label,
    governing_protocol,
    labels,
    labels_said,
    open_disagreements,
    standings,
)
from reviews.selectors.labels import findings
from reviews.services.adjudication import adjudicate
from reviews.services.finality import refresh_finality
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
    assert (label.path, label.changed_since) == ("one reader", False)
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
    assert [row.image for row in open_disagreements(collection)] == [image]
    amend(reader=bob, reading=reading, verdict="confirm", reason="persuaded_by_model")
    assert (final_label(image).label, len(final_label(image).events)) == ("glioma", 2)
    assert not open_disagreements(collection)


@pytest.mark.usefixtures("two_readers")
def test_a_label_against_not_assessable_is_a_disagreement(alice, bob, image, read):
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "not_assessable")
    assert outcome(image) == "disagreement"


def test_what_was_read_under_a_protocol_stays_under_it(alice, bob, collection, image, read):
    """Neither more readers nor fewer, nor another rule, reopen or close what was read before."""
    read.finished(alice, image, "glioma")
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    assert (outcome(image), final(image.study)) == ("final", True)
    half = read.finished(alice, analysed_image(collection), "glioma").image
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=1)
    assert (outcome(half), final(half.study)) == ("waiting", False)
    assert outcome(image) == "final"


def under(collection, rule, readers=3):
    """The rule in force for three readers: a row of its own, whatever the service offers by now."""
    newest = ReadingProtocol.objects.filter(collection=collection).order_by("-version").first()
    return ReadingProtocol.objects.create(
        collection=collection,
        version=newest.version + 1 if newest else 1,
        readers_per_image=readers,
        adjudication_rule=rule,
    )


def test_a_majority_settles_what_it_can(member, collection, read):
    under(collection, "majority")
    readers = [member(name, "radiologist") for name in ("alice", "bob", "carla")]
    settled, open_still = analysed_image(collection), analysed_image(collection)
    for reader, one, other in zip(
        readers, ("glioma", "glioma", "pituitary"), ("glioma", "notumor", "pituitary"), strict=True
    ):
        read.finished(reader, settled, one)
        read.finished(reader, open_still, other)
    assert (final_label(settled).label, final_label(settled).path) == ("glioma", "majority 2 of 3")
    assert (final(settled.study), outcome(open_still)) == (True, "disagreement")
    assert [row.image for row in open_disagreements(collection)] == [open_still]


def test_the_most_senior_reader_decides_by_the_seniority_of_that_day(alice, bob, collection, read):
    under(collection, "seniority", readers=2)
    bob.memberships.update(seniority=3)
    image, equals = analysed_image(collection), analysed_image(collection)
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "meningioma")
    assert (final_label(image).label, final_label(image).path) == ("meningioma", "senior reader")
    alice.memberships.update(seniority=9)
    assert final_label(image).label == "meningioma"
    bob.memberships.update(seniority=9)
    read.finished(alice, equals, "glioma")
    read.finished(bob, equals, "meningioma")
    assert outcome(equals) == "disagreement"


def test_hidden_repeats_count_for_nothing(alice, bob, collection, image, read):
    first = read.finished(alice, image, "glioma")
    again = read.finished(bob, image_like(image), "pituitary")
    Reading.objects.filter(pk=again.pk).update(image=image, purpose="repeat", repeats=first, reader=alice)
    refresh_finality(image.study_id)
    assert (final_label(image).label, final_label(image).events) == (
        "glioma",
        (first.events.get(kind="verdict"),),
    )
    assert [row.label for row in labels(collection, None)] == ["glioma"]


def image_like(image):
    return analysed_image(image.collection)


@pytest.mark.parametrize("taken_back", [True, False])
def test_of_two_rows_of_one_transaction_the_later_identifier_says_whether_a_case_is_known(image, taken_back):
    """They have one time. Whoever asks the rows themselves must come to what the worklist's triggers came to."""
    now = timezone.now()
    for active, key in ((True, UUID(int=1 + 2 * (not taken_back))), (False, UUID(int=2))):
        KnownCase.objects.create(
            pk=key, image=image, label="glioma", source="Histology", active=active, at=now
        )
    assert active_known_cases().filter(image=image).exists() is not taken_back
    assert WorklistEntry.objects.get(image=image).known is not taken_back
    assert (standings([image])[image.pk].outcome is Outcome.KNOWN) is not taken_back


def test_a_known_case_has_no_label_and_is_not_waited_for(alice, collection, read):
    study = make_study(collection, images=2)
    known, other = study.images.all()
    for one in (known, other):
        make_prediction(one)
    read.finished(alice, known, "glioma")
    KnownCase.objects.create(image=known, label="pituitary", source="Histology")
    refresh_finality(study.pk, image_id=known.pk)
    assert (outcome(known), final_label(known), final(study)) == ("known", None, False)
    assert list(labels(collection, None)) == []
    read.finished(alice, other, "glioma")
    assert final(study)
    KnownCase.objects.create(image=known, source="Histology", active=False)
    refresh_finality(study.pk, image_id=known.pk)
    assert (outcome(known), len(list(labels(collection, None)))) == ("final", 2)


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
    assert label.path == "adjudicated"
    with pytest.raises(PlatformError, match="decided already") as refusal:
        adjudicate(adjudicator=dora, image=image, label="glioma", rationale="Again.")
    assert (refusal.value.code, refusal.value.status) == ("decided_already", 409)
    assert adjudicate(adjudicator=dora, image=image, label="pituitary", rationale="Sellar.") == adjudication
    assert Adjudication.objects.count() == 1


@pytest.fixture
def disputed(two_readers, alice, bob, image, read):
    read.finished(alice, image, "glioma")
    read.finished(bob, image, "meningioma")
    return image


def refused(code, **said):
    with pytest.raises(PlatformError) as refusal:
        adjudicate(**said)
    assert (refusal.value.code, refusal.value.status) == (code, 409)


def test_a_decision_takes_the_place_of_the_one_before_it_and_of_no_other(dora, member, disputed):
    first = adjudicate(adjudicator=dora, image=disputed, label="glioma", rationale="Ring.")
    other = {"adjudicator": member("emil", "adjudicator"), "image": disputed, "label": "notumor"}
    second = adjudicate(**other, rationale="Artefact.", supersedes=first.pk)
    assert (second.supersedes, final_label(disputed).adjudication) == (first, second)
    assert final(disputed.study)
    refused("decided_meanwhile", **other, rationale="Once more.", supersedes=first.pk)
    assert adjudicate(**other, rationale="Artefact.", supersedes=first.pk) == second
    assert list(decisions_on(disputed)) == [second, first]


def test_there_must_be_a_decision_to_take_the_place_of(dora, disputed):
    said = {"adjudicator": dora, "image": disputed, "label": "glioma", "rationale": "Why."}
    refused("nothing_to_supersede", **said, supersedes=disputed.pk)


def test_pixels_that_nobody_may_see_are_not_decided_on(dora, collection, disputed):
    hide_image(actor=dora, image=disputed)
    assert not open_disagreements(collection).exists()
    refused("image_hidden", adjudicator=dora, image=disputed, label="glioma", rationale="Why.")


def test_a_decision_stands_when_a_reader_says_something_else_after_it(alice, dora, collection, disputed):
    adjudicate(adjudicator=dora, image=disputed, label="pituitary", rationale="Sellar.")
    assert not final_label(disputed).changed_since
    reading = alice.readings.get()
    amend(reader=alice, reading=reading, verdict="correct", label="meningioma", reason="location")
    label = final_label(disputed)
    assert (label.label, label.changed_since, final(disputed.study)) == ("pituitary", True, True)
    assert {event.label for event in label.events} == {"meningioma"}
    row = ImageStanding.objects.get()
    assert (row.label, row.path, row.changed_since) == ("pituitary", "adjudicated", True)
    assert not open_disagreements(collection).exists()


def test_who_has_begun_to_read_decides_nothing(dora, collection, disputed, read):
    dora.memberships.create(collection=collection, role="radiologist")
    Reading.objects.create(
        image=disputed, reader=dora, protocol=governing_protocol(disputed), lease_expires_at=timezone.now()
    )
    with pytest.raises(PlatformError) as refusal:
        adjudicate(adjudicator=dora, image=disputed, label="glioma", rationale="Why.")
    assert refusal.value.code == "adjudicator_is_reader"
    assert not open_disagreements(collection, dora).exists()
    assert open_disagreements(collection).exists()


# --- What readers said, without who they are ------------------------------------------------------------------


def test_reads_come_in_an_order_that_stays_and_follows_neither_time_nor_name(member, collection, read):
    under(collection, "unanimity")
    readers = [member(name, "radiologist") for name in ("alice", "bob", "carla")]
    orders = set()
    for _ in range(12):
        image = analysed_image(collection, label="notumor")
        for reader, label in zip(readers, ("glioma", "meningioma", "pituitary"), strict=True):
            read.finished(reader, image, label)
        said = [one.label for one in anonymous_reads(image)]
        assert said == [one.label for one in anonymous_reads(image)]
        assert labels_said([image]) == {image.pk: said}
        orders.add(tuple(said))
    assert len(orders) > 1
    before = anonymous_reads(image)
    amend(
        reader=readers[0],
        reading=readers[0].readings.get(image=image),
        verdict="not_assessable",
        note="Blur.",
    )
    after = anonymous_reads(image)
    changed = next(one for one in before if one.label == "glioma")
    assert after[changed.number - 1] == replace(changed, label="not_assessable", note="Blur.")


def test_what_a_first_read_of_another_label_found_stays_out(alice, image, read):
    reading = read.finished(alice, image, "meningioma")
    assert reading.events.filter(location="").count() == 3
    found = replace_found(reading, label="meningioma", location="dural", image_quality="limited")
    assert findings(reading.events.get(kind="verdict"), found)["location"] == "dural"
    other = replace_found(reading, label="glioma", location="frontal", image_quality="limited")
    assert findings(reading.events.get(kind="verdict"), other) == {
        "image_quality": "limited", "location": "", "region": None
    }  # fmt: skip


def replace_found(reading, **more):
    """The first read as it would be with other findings; the ledger is not touched."""
    event = reading.events.get(kind="first_read")
    for name, value in more.items():
        setattr(event, name, value)
    return event


# --- The row that is kept -------------------------------------------------------------------------------------


def rows():
    kept = ("image", "collection", "outcome", "label", "path", "adjudication", "changed_since")
    return sorted(ImageStanding.objects.values_list(*kept), key=str)


def test_the_row_follows_every_step_and_its_moment_stays_where_nothing_changed(
    alice, bob, two_readers, image, read
):
    assert rows() == []
    read.finished(alice, image, "glioma")
    (row,) = ImageStanding.objects.all()
    assert (row.outcome, row.path) == ("waiting", "")
    refresh_finality(image.study_id)
    assert ImageStanding.objects.get().since == row.since
    reading = read.finished(bob, image, "glioma")
    (row,) = ImageStanding.objects.all()
    assert (row.outcome, row.label, row.path) == ("final", "glioma", "agreed")
    undo(reader=bob, reading=reading)
    assert ImageStanding.objects.get().outcome == "waiting"


def test_what_was_read_before_the_row_was_kept_gets_the_same_row(
    alice, bob, dora, collection, two_readers, read
):
    """The migration's own statement derives what the services write."""
    images = [analysed_image(collection) for _ in range(4)]
    for image, said in zip(images, ("glioma", "glioma", "meningioma", "not_assessable"), strict=True):
        read.finished(alice, image, said)
    read.finished(bob, images[1], "glioma")
    for image in images[2:]:
        read.finished(bob, image, "pituitary")
    adjudicate(adjudicator=dora, image=images[3], label="notumor", rationale="Normal.")
    amend(reader=bob, reading=bob.readings.get(image=images[3]), verdict="not_assessable")
    written = rows()
    assert [row[2] for row in written].count("final") == 2
    ImageStanding.objects.all().delete()
    migration = import_module("reviews.migrations.0007_image_standing")
    with connection.cursor() as cursor:
        cursor.execute(migration.STAND)
    assert rows() == written


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
