"""What was sent to an archive stays there: what is said now is another instance, and newer than all of it."""

import pytest

from reviews.services.adjudication import adjudicate
from reviews.services.known_cases import set_known_case, take_back_known_case
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.reading import amend, give_verdict, withdraw
from reviews.services.rescoring import start_rescore, step_rescore
from reviews.services.sending_back import send_back
from tests.factories import analysed_image, make_collection, make_prediction, make_study, make_version
from tests.reviews.results.test_dicom_files import groups, out, report_of
from tests.reviews.results.test_dicom_files import read as parsed
from tests.reviews.test_rescoring import answers_of, counts, later, put_in_force


class Archive:
    """Files what it is sent, and says which of it is the newest, as archives do: by Content Date and Time."""

    def __init__(self):
        self._files = {}

    def sent(self, file):
        """Files an instance; whether it had none of this UID."""
        new = file.SOPInstanceUID not in self._files
        self._files.setdefault(file.SOPInstanceUID, file)
        return new

    @property
    def newest(self):
        """Its UID, and the flags of a report."""
        moments = [(file.ContentDate, file.ContentTime) for file in self._files.values()]
        (last,) = [
            file for file in self._files.values() if (file.ContentDate, file.ContentTime) == max(moments)
        ]
        return last


def state_of(archive):
    return archive.newest.PreliminaryFlag, archive.newest.VerificationFlag, len(groups(archive.newest))


FINAL, OPEN = ("FINAL", "VERIFIED", 2), ("PRELIMINARY", "UNVERIFIED", 1)


@pytest.fixture
def archive():
    return Archive()


@pytest.mark.parametrize("whole", [False, True])
def test_a_withdrawn_label_is_not_the_newest_report_any_more(archive, image, alice, read, whole):
    def send():
        new = archive.sent(report_of(image, whole=whole))
        assert not archive.sent(report_of(image, whole=whole))
        return new

    assert send()
    reading = read.finished(alice, image)
    assert (send(), state_of(archive)) == (True, FINAL)
    withdraw(reader=alice, reading=reading, reason="slip")
    assert (send(), state_of(archive)) == (True, OPEN)
    read_again(alice, reading)
    assert (send(), state_of(archive)) == (True, FINAL)


def read_again(reader, reading):
    reading.refresh_from_db()
    give_verdict(reader=reader, reading=reading, verdict="correct", label="meningioma", reason="morphology")


def test_nor_is_one_that_was_amended_into_a_disagreement(archive, image, alice, bob, read, member):
    set_protocol(actor=None, collection=image.collection, mode="blinded_first", readers_per_image=2)
    first = report_of(image)
    reading = read.finished(alice, image)
    read.finished(bob, image)
    archive.sent(first)
    assert archive.sent(report_of(image))
    amend(reader=alice, reading=reading, verdict="correct", label="notumor", reason="location")
    assert archive.sent(report_of(image))
    assert state_of(archive) == OPEN
    adjudicate(
        adjudicator=member("dora", "adjudicator"), image=image, label="notumor", rationale="None seen."
    )
    assert archive.sent(report_of(image))
    assert state_of(archive) == FINAL


def test_what_comes_before_a_label_is_final_and_after_a_decision_moves_no_report(
    image, alice, bob, read, member
):
    """Whoever may have a report learns nothing from it of what one reader has said so far, or thinks of it since."""
    set_protocol(actor=None, collection=image.collection, mode="blinded_first", readers_per_image=2)
    before = out(image).report()
    early = read.finished(alice, image)
    assert out(image).report() == before
    withdraw(reader=alice, reading=early, reason="slip")
    assert out(image).report() == before
    read_again(alice, early)
    amend(reader=alice, reading=early, verdict="correct", label="notumor", reason="location")
    assert out(image).report() == before
    read.finished(bob, image)
    assert out(image).report() == before
    adjudicate(
        adjudicator=member("dora", "adjudicator"), image=image, label="notumor", rationale="None seen."
    )
    decided = out(image).report()
    assert decided != before
    withdraw(reader=alice, reading=early, reason="no_longer_sure")
    assert out(image).report() == decided


def test_a_label_that_was_sent_back_is_open_again(archive, image, alice, bob, read, engineer):
    read.finished(alice, image)
    archive.sent(report_of(image))
    label_set = freeze_label_set(actor=engineer, collection=image.collection)
    send_back(actor=engineer, label_set=label_set, images=[image.pk])
    assert archive.sent(report_of(image))
    assert state_of(archive) == OPEN
    read.finished(bob, image)
    assert archive.sent(report_of(image))
    assert state_of(archive) == FINAL


def test_a_known_case_has_no_label_and_has_it_again_once_it_is_none(archive, image, alice, read, member):
    admin = member("ann", "admin")
    read.finished(alice, image)
    archive.sent(report_of(image))
    set_known_case(actor=admin, image=image, label="glioma", source="histology")
    assert archive.sent(report_of(image))
    assert state_of(archive) == OPEN
    take_back_known_case(actor=admin, image=image, reason="no histology after all")
    assert archive.sent(report_of(image))
    assert state_of(archive) == FINAL


def test_of_a_study_one_label_that_is_taken_back_is_enough(archive, collection, alice, read):
    study = make_study(collection, images=2)
    images = list(study.images.all())
    for image in images:
        make_prediction(image)
    readings = [read.finished(alice, image) for image in images]
    archive.sent(report_of(images[0], whole=True))
    withdraw(reader=alice, reading=readings[0], reason="slip")
    assert archive.sent(report_of(images[0], whole=True))
    assert state_of(archive) == ("PRELIMINARY", "UNVERIFIED", 3)


def test_an_answer_that_is_in_its_place_again_is_newer_than_the_one_it_replaced(
    collection, version, archive, engineer
):
    """The report of it, and the map: both of what counts now."""
    image = analysed_image(collection, label="glioma")
    other = analysed_image(make_collection("Elsewhere"), label="glioma")
    untouched = out(other).report()
    maps = Archive()
    for expected in (version, make_version(), version):
        if counts(image).model_version != expected:
            put_in_force(expected)
            rescore = start_rescore(
                actor=engineer, collection=collection, version=expected, per_minute=6000, reason="look again"
            )
            step_rescore(later(rescore).pk)
            answers_of(expected)
            step_rescore(later(rescore).pk)
        assert counts(image).model_version == expected
        for kept, file in ((archive, report_of(image)), (maps, parsed(out(image).map(image)))):
            assert kept.sent(file)
            assert kept.newest is file
            assert not kept.sent(file)
    assert out(other).report() == untouched
