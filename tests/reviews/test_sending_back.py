"""A label that is likely wrong goes back to the worklist: one more reader, who is not told; nothing said is lost."""

import pytest
from django.db import connection

from classifier.models import Study
from classifier.services.removal import hide_image
from mriplatform.audit.models import AuditEvent
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import ImageStanding, ImportedLabel, KnownCase, LabelErrorSearch, SentBack, WorklistEntry
from reviews.selectors import final_label, readable, worklist, worklist_counts
from reviews.selectors.planned import planned_label_set
from reviews.services.adjudication import adjudicate
from reviews.services.eligibility import proposed_policy
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, claim_image, claim_next, withdraw
from reviews.services.sending_back import ALREADY, DISPUTED, FAILED, GONE, KNOWN, NOBODY, WAITS, send_back
from tests.factories import analysed_image, make_image, make_prediction, make_study


@pytest.fixture
def frozen(alice, collection, image, read, engineer):
    """A label set of one image, which alice has labelled."""
    read.finished(alice, image)
    return freeze_label_set(actor=engineer, collection=collection)


def entry_of(image):
    return WorklistEntry.objects.get(image=image)


def outcome_of(image):
    return ImageStanding.objects.get(image=image).outcome


def as_derived_anew():
    kept = list(WorklistEntry.objects.order_by("image").values())
    WorklistEntry.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_keep_worklist_entry(id) FROM classifier_image")
    again = list(WorklistEntry.objects.order_by("image").values())
    assert [row | {"draw": 0} for row in again] == [row | {"draw": 0} for row in kept]


def test_it_has_one_more_place_and_no_final_label_until_another_has_read_it(
    alice, bob, image, frozen, read, engineer
):
    assert not readable(bob, image.collection).exists()
    sending = send_back(actor=engineer, label_set=frozen, images=[image.pk])
    assert [row.image for row in sending.sent] == [image]
    assert (entry_of(image).readers, entry_of(image).places, entry_of(image).open) == (2, 1, True)
    assert (outcome_of(image), final_label(image)) == ("waiting", None)
    assert Study.objects.get(pk=image.study_id).finalised_at is None
    assert list(worklist(bob, image.collection)) == [image]
    assert not worklist(alice, image.collection).exists()
    assert worklist_counts(bob, image.collection)["waiting"] == 1
    read.finished(bob, image)
    assert (outcome_of(image), final_label(image).path) == ("final", "agreed")
    assert not entry_of(image).open
    as_derived_anew()


@pytest.mark.parametrize("rule", ["single", "agreeing"])
def test_who_had_read_it_before_cannot_bring_it_back_by_an_amendment(
    alice, bob, image, collection, read, member, engineer, rule
):
    carl = member("carl", "radiologist")
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    reading = read.finished(alice, image)
    read.finished(bob, image)
    send_back(
        actor=engineer, label_set=freeze_label_set(actor=engineer, collection=collection), images=[image.pk]
    )
    policy = proposed_policy(collection, rule=rule)
    amend(reader=alice, reading=reading, verdict="correct", label="meningioma", reason="location")
    (line,) = planned_label_set(collection, policy).lines
    assert (line.split, line.reason) == ("excluded", "sent back: waits for another reader")
    read.finished(carl, image)
    (line,) = planned_label_set(collection, policy).lines
    assert line.reason == ""


def test_a_reader_who_says_otherwise_makes_it_a_disagreement(bob, image, frozen, read, member, engineer):
    send_back(actor=engineer, label_set=frozen, images=[image.pk])
    read.finished(bob, image, "pituitary")
    assert outcome_of(image) == "disagreement"
    dora = member("dora", "adjudicator")
    adjudicate(adjudicator=dora, image=image, label="pituitary", rationale="Sellar.")
    assert final_label(image).label == "pituitary"


def test_a_decision_stands_while_it_is_read_again_and_after(
    alice, bob, collection, image, read, member, engineer
):
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    read.finished(alice, image)
    read.finished(bob, image, "pituitary")
    dora, carl = member("dora", "adjudicator"), member("carl", "radiologist")
    adjudicate(adjudicator=dora, image=image, label="pituitary", rationale="Sellar.")
    frozen = freeze_label_set(actor=engineer, collection=collection)
    assert not readable(carl, collection).exists()
    send_back(actor=engineer, label_set=frozen, images=[image.pk])
    assert list(readable(carl, collection)) == [image]
    assert final_label(image).label == "pituitary"
    read.finished(carl, image, "glioma")
    final = final_label(image)
    assert (final.label, final.changed_since) == ("pituitary", True)
    assert (entry_of(image).places, entry_of(image).open) == (0, False)
    as_derived_anew()


def test_what_was_decided_is_not_offered_when_a_reader_takes_back_what_they_said(
    alice, bob, collection, image, read, member
):
    """Its label stays, so nobody is asked to read it; who took it back may still say it anew."""
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    first = read.finished(alice, image)
    read.finished(bob, image, "pituitary")
    carl = member("carl", "radiologist")
    adjudicate(adjudicator=member("dora", "adjudicator"), image=image, label="pituitary", rationale="Sellar.")
    withdraw(reader=alice, reading=first, reason="slip")
    assert (entry_of(image).open, entry_of(image).closed_to.count(alice.pk)) == (False, 0)
    assert not readable(carl, collection).exists()
    assert claim_next(reader=carl, collection=collection) is None
    with pytest.raises(ReadingConflict):
        claim_image(reader=carl, image=image)
    as_derived_anew()


def test_an_import_waits_for_nobody_until_it_is_sent_back(alice, bob, collection, read, engineer):
    study = make_study(collection)
    Study.objects.filter(pk=study.pk).update(origin="import", dataset="figshare")
    image = study.images.get()
    ImportedLabel.objects.create(image=image, label="glioma", dataset="figshare", imported_by=engineer)
    make_prediction(image)
    assert (entry_of(image).readers, entry_of(image).places, entry_of(image).open) == (0, 0, False)
    frozen = freeze_label_set(actor=engineer, collection=collection)
    send_back(actor=engineer, label_set=frozen, images=[image.pk])
    assert entry_of(image).open
    reading = claim_next(reader=alice, collection=collection)
    assert reading.image == image
    assert claim_next(reader=bob, collection=collection) is None
    read.finished(alice, image, "meningioma")
    assert (final_label(image).label, final_label(image).path) == ("meningioma", "one reader")
    assert not entry_of(image).open
    as_derived_anew()


def test_what_cannot_be_read_again_is_kept_with_the_reason(alice, bob, collection, read, member, engineer):
    images = {
        name: analysed_image(collection) for name in ("again", "hidden", "known", "open", "disputed", "all")
    }
    for image in images.values():
        read.finished(alice, image)
    frozen = freeze_label_set(actor=engineer, collection=collection)
    send_back(actor=engineer, label_set=frozen, images=[images["again"].pk])
    hide_image(actor=alice, image=images["hidden"])
    KnownCase.objects.create(image=images["known"], label="glioma", source="Histology")
    withdraw(reader=alice, reading=alice.readings.get(image=images["open"]), reason="slip")
    send_back(actor=engineer, label_set=frozen, images=[images["disputed"].pk])
    read.finished(bob, images["disputed"], "pituitary")
    second = freeze_label_set(actor=engineer, collection=collection)
    asked = [image.pk for name, image in images.items() if name not in ("disputed", "all")]
    kept = send_back(actor=engineer, label_set=frozen, images=asked).kept
    assert kept == {
        images["again"].pk: ALREADY, images["hidden"].pk: GONE, images["known"].pk: KNOWN, images["open"].pk: WAITS,
    }  # fmt: skip
    assert second != frozen
    bob.memberships.all().delete()
    alone = send_back(actor=engineer, label_set=frozen, images=[images["all"].pk])
    assert (alone.sent, alone.kept) == ([], {images["all"].pk: NOBODY})
    assert entry_of(images["all"]).places == 0


def test_what_could_not_be_analysed_keeps_its_label(collection, engineer):
    image = make_image(make_study(collection, images=0, origin="import"))
    make_prediction(
        image, status="failed", failure_reason="Unreadable.", probabilities=None, maps=None, embedding=None
    )
    ImportedLabel.objects.create(image=image, label="glioma", dataset="x")
    frozen = freeze_label_set(actor=engineer, collection=collection)
    sending = send_back(actor=engineer, label_set=frozen, images=[image.pk])
    assert (sending.sent, sending.kept) == ([], {image.pk: FAILED})


def test_a_disagreement_goes_to_an_adjudicator_and_not_to_another_reader(
    alice, bob, collection, image, read, engineer
):
    read.finished(alice, image)
    first = freeze_label_set(actor=engineer, collection=collection)
    send_back(actor=engineer, label_set=first, images=[image.pk])
    read.finished(bob, image)
    second = freeze_label_set(actor=engineer, collection=collection)
    amend(reader=bob, reading=bob.readings.get(image=image), verdict="not_assessable")
    assert send_back(actor=engineer, label_set=second, images=[image.pk]).kept == {image.pk: DISPUTED}


def test_the_likeliest_errors_are_sent_by_their_rank(alice, bob, collection, read, engineer):
    images = [analysed_image(collection) for _ in range(4)]
    for image in images:
        read.finished(alice, image)
    frozen = freeze_label_set(actor=engineer, collection=collection)
    with pytest.raises(ReviewRefused, match="Look for likely errors first"):
        send_back(actor=engineer, label_set=frozen, top=2)
    rows = [[str(image.pk), "meningioma", "glioma", 0.1, 0.8, 0.9 - number / 10, True] for number, image in
            enumerate(reversed(images))]  # fmt: skip
    LabelErrorSearch.objects.create(label_set=frozen, status="succeeded", result={"rows": rows})
    sent = send_back(actor=engineer, label_set=frozen, top=2, reason="Second look").sent
    assert [(row.image, row.score, row.reason, row.sent_by) for row in sent] == [
        (images[3], 0.9, "Second look", engineer), (images[2], 0.8, "Second look", engineer),
    ]  # fmt: skip
    assert AuditEvent.objects.get(action="labels.sent_back").data["kept"] == 0


@pytest.mark.parametrize("asked", [{}, {"top": 0}, {"top": 1001}, {"images": []}, {"images": [], "top": 1}])
def test_what_is_asked_for_must_make_sense(frozen, engineer, asked):
    with pytest.raises(ReviewRefused) as refused:
        send_back(actor=engineer, label_set=frozen, **asked)
    assert refused.value.status == 400


def test_only_what_the_set_takes_is_sent_back(collection, frozen, engineer):
    other = make_image(make_study(collection, images=0))
    with pytest.raises(ReviewRefused, match="no part of this label set"):
        send_back(actor=engineer, label_set=frozen, images=[other.pk])
    assert not SentBack.objects.exists()
