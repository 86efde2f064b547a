"""Protocols: what may be set, and that setting one changes nothing that was read before."""

import pytest

from mriplatform.audit.models import AuditEvent
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import ReadingProtocol
from reviews.selectors import Outcome, final_label, governing_protocol, protocol_of, standings
from reviews.services.protocols import ensure_protocol, set_protocol
from reviews.services.reading import claim_image, claim_next
from tests.factories import analysed_image, make_user


def setting(collection, **rules):
    return set_protocol(actor=None, collection=collection, **{"mode": "blinded_first"} | rules)


def test_each_change_is_a_version_and_the_same_again_is_none(admin, collection):
    first = ensure_protocol(collection)
    assert setting(collection) == first
    rules = {
        "mode": "assisted", "readers_per_image": 3, "adjudication_rule": "majority", "order": "entropy",
        "random_share": 0.25, "repeat_rate": 0.1, "known_rate": 0.05,
    }  # fmt: skip
    second = set_protocol(actor=admin, collection=collection, **rules)
    assert (first.version, second.version, protocol_of(collection)) == (1, 2, second)
    assert {name: getattr(second, name) for name in rules} == rules
    assert setting(collection, **rules) == second
    assert AuditEvent.objects.filter(action="protocol.set").count() == 2
    assert AuditEvent.objects.latest("id").data["order"] == "entropy"


@pytest.fixture
def admin(member):
    return member("ada", "admin", is_staff=True)


@pytest.mark.parametrize(
    ("rules", "code", "status"),
    [
        ({"mode": "guessing"}, "unknown_mode", 400),
        ({"readers_per_image": 0}, "readers_out_of_range", 400),
        ({"readers_per_image": 6}, "readers_out_of_range", 400),
        ({"adjudication_rule": "dice"}, "unknown_adjudication_rule", 400),
        ({"order": "size"}, "unknown_order", 400),
        ({"random_share": 0.0}, "random_share_out_of_range", 400),
        ({"repeat_rate": 0.31}, "share_of_hidden_repeats_out_of_range", 400),
        ({"known_rate": float("nan")}, "share_of_known_cases_out_of_range", 400),
        ({"order": "margin"}, "order_tells_answer", 422),
        ({"order": "likely_tumour", "mode": "unaided"}, "order_tells_answer", 422),
    ],
)
def test_what_may_not_be_set_is_refused_with_a_sentence(collection, rules, code, status):
    with pytest.raises(ReviewRefused) as refusal:
        setting(collection, **rules)
    assert (refusal.value.code, refusal.value.status) == (code, status)
    assert not ReadingProtocol.objects.exists()


def test_a_change_based_on_another_version_is_refused(collection):
    setting(collection, if_version=0)
    with pytest.raises(ReadingConflict) as refusal:
        setting(collection, mode="unaided", if_version=0)
    assert (refusal.value.code, refusal.value.status) == ("changed_meanwhile", 412)
    assert setting(collection, mode="unaided", if_version=1).version == 2


def test_what_is_final_stays_so_and_what_waits_stays_waiting(alice, bob, collection, read):
    setting(collection, readers_per_image=1)
    final = analysed_image(collection)
    read.finished(alice, final)
    setting(collection, readers_per_image=2)
    waiting = analysed_image(collection)
    read.finished(alice, waiting)
    setting(collection, readers_per_image=3)
    final.study.refresh_from_db()
    assert final.study.finalised_at is not None
    assert final_label(final) is not None
    assert standings([waiting])[waiting.pk].outcome is Outcome.WAITING
    read.finished(bob, waiting)
    setting(collection, readers_per_image=5)
    assert final_label(waiting) is not None
    assert (
        claim_next(reader=make_user(collection=collection, role="radiologist"), collection=collection) is None
    )


def test_who_comes_second_reads_under_the_protocol_of_the_first(alice, bob, collection, image, read):
    first = setting(collection, readers_per_image=2)
    read.finished(alice, image)
    setting(collection, mode="assisted", readers_per_image=2)
    second = claim_next(reader=bob, collection=collection)
    assert (second.image, second.protocol) == (image, first)
    assert second.events.count() == 0
    other = claim_image(reader=bob, image=analysed_image(collection))
    assert other.protocol == protocol_of(collection) != governing_protocol(image)
