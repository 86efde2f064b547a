"""Nothing that a reader can get depends on a machine's answer that they must not know yet, or never.

Two worlds differ in nothing but what the machine answered; even the identifiers of new rows are the same. Whatever
the reader asks in them, at every address that there is, in every way that it takes, must be answered with the same
bytes and the same headers. Clocks, nonces and tokens are left out; how long an answer took is not looked at.
"""

from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from classifier.models import Image, Shadow
from mriplatform.identifiers import uuid7
from mriplatform.outbox.models import Delivery, OutboxEvent
from reviews.models import Rescore
from reviews.services.figures import compute_figures
from reviews.services.known_cases import set_known_case
from reviews.services.label_sets import freeze_label_set
from reviews.services.protocols import set_protocol
from reviews.services.reading import claim_image
from reviews.services.sending_back import send_back
from tests.factories import make_collection, make_prediction, make_study, make_user, make_version
from tests.reviews.blind_room import FIXED, MOMENT, NANOSECONDS, READERS, Room
from tests.reviews.walk import ASKED, NOBODYS, NUMBERS, Walk, routes, said_apart

ALL_OTHERS = ["uploader", "adjudicator", "ml_engineer", "approver"]
WAITING = {"status": "queued", "probabilities": None, "maps": None, "embedding": None, "finished_at": None}


def test_every_address_is_walked():
    """A new address fails this until it is written down what it is asked; one that is gone is taken out."""
    names = {name for _, name in routes()}
    assert names - ASKED.keys() == set()
    assert ASKED.keys() - names == set()


@pytest.fixture
def room(collection, alice, member, version):
    others = [member(name, "radiologist") for name in ("bob", "carl", "dora")]
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=READERS)
    return Room(collection, alice, others, version)


@pytest.fixture
def world(monkeypatch):
    """A world, taken back afterwards; chance, clocks and identifiers are the same in each."""
    monkeypatch.setattr("reviews.services.figures.time", SimpleNamespace(monotonic=lambda: 0.0))
    # A verdict can be undone for as long as the world stands, however long the walk takes.
    monkeypatch.setattr("reviews.services.taking_back.UNDO_WINDOW", timedelta(hours=1))
    for module in ("state", "recent"):
        monkeypatch.setattr(f"reviews.selectors.{module}.UNDO_SECONDS", 3600)
    # A chart of what was in force ends now: a day later, by a clock that stands still.
    clock = {"now": lambda: MOMENT + timedelta(days=1), "get_current_timezone_name": lambda: "UTC"}
    for module in ("in_force", "versions"):
        monkeypatch.setattr(f"classifier.views.{module}.timezone", SimpleNamespace(**clock))

    @contextmanager
    def _world():
        NUMBERS.start(1)
        for told in (OutboxEvent, Delivery):
            monkeypatch.setattr(told._meta.get_field("id"), "_get_default", NUMBERS.apart)
        monkeypatch.setattr("mriplatform.identifiers.os", NUMBERS)
        monkeypatch.setattr("mriplatform.identifiers.time", SimpleNamespace(time_ns=lambda: NANOSECONDS))
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT setseed(0.5)")
            yield
            transaction.set_rollback(True)

    return _world


@pytest.fixture
def walk(room):
    """Walks all addresses as somebody, with what exists in the room."""

    def _walk(user):
        client = Client()
        client.force_login(user)
        pks = {name: [] for name in ("collection_id", "study_id", "image_id", "reading_id")}
        pks["collection_id"] = [room.collection.pk, *{twin.collection_id for twin in room.twins}]
        pks["study_id"] = [room.second.study_id, room.earlier.study_id]
        pks["image_id"] = [image.pk for image in (room.second, room.first, room.disputed, *room.twins)]
        pks["reading_id"] = [room.reading.pk if room.reading else NOBODYS]
        pks["prediction_id"] = FIXED[:2]
        pks["version_id"] = [room.version.pk]
        pks["label_set_id"] = [room.label_set.pk if room.label_set else NOBODYS]
        pks["quarantined_id"] = [NOBODYS]
        pks["archive_id"] = [NOBODYS]
        pks["shadow_id"] = pks["rescore_id"] = [NOBODYS]
        pks["proposal_id"] = pks["rule_id"] = pks["decision_id"] = [NOBODYS]
        pks["run_id"] = [room.run.pk]
        pks["endpoint_id"] = [room.endpoint.pk]
        pks["delivery_id"] = [room.delivery.pk if room.delivery else NOBODYS]
        with room.second.pixels.open("rb") as file:
            pixels = file.read()
        return Walk(client.cookies[settings.SESSION_COOKIE_NAME].value, pks, pixels).everything()

    return _walk


@pytest.fixture
def differences(room, world, walk):
    """What is answered differently in two worlds that are prepared in the same way but for the machine's answers.

    Args:
        varied: the images that are answered differently in each world.
        prepare: what happens in each world after that.
        alike: images that are answered the same in each.
        worlds: how many.

    Returns:
        By way of asking and address, the statuses and what each world says that another does not.
    """

    def _differences(varied, prepare, *, alike=(), worlds=2):
        answers = []
        for number in range(worlds):
            with world():
                room.reading = None
                room.answered(alike, beginning=len(varied))
                room.answered(varied, world=number)
                prepare()
                room.trained(number)
                room.heard(number)
                answers.append(walk(room.alice))
        one, *others = answers
        assert all(other.keys() == one.keys() for other in others)
        assert len([key for key, (status, _) in one.items() if status < 400]) > 80
        return {
            key: said_apart(one[key], other[key]) for key in one for other in others if one[key] != other[key]
        }

    return _differences


@pytest.mark.parametrize(
    ("roles", "step"),
    [
        ([], "unclaimed"),
        ([], "claimed"),
        ([], "first_read"),
        (["uploader", "adjudicator"], "claimed"),
        (["ml_engineer", "approver"], "claimed"),
        (ALL_OTHERS, "first_read"),
    ],
)
def test_before_the_reveal_nothing_depends_on_any_answer(room, differences, roles, step):
    room.hold(*roles)

    def _prepare():
        room.read_by_others(room.disputed, "glioma", "pituitary", "notumor")
        room.begin(step)

    found = differences(room.unread, _prepare, worlds=3 if (roles, step) == ([], "claimed") else 2)
    if step == "first_read":
        # A reveal is the one request that is allowed to show it now.
        revealing = {key for key in found if key[0].startswith("POST") and key[1].endswith("/reveal")}
        assert revealing
        found = found.keys() - revealing
    assert not found


@pytest.mark.parametrize(
    ("roles", "step"), [([], "reveal"), (ALL_OTHERS, "verdict"), (ALL_OTHERS, "amended"), ([], "withdrawn")]
)
def test_after_the_reveal_nothing_depends_on_the_answer_for_another_image(room, differences, roles, step):
    """Neither for the other image of its study, nor for the one that is next, nor for one that others dispute."""
    room.hold(*roles)

    def _prepare():
        room.read_by_others(room.disputed, "glioma", "pituitary", "notumor")
        room.finish()
        compute_figures(collection=room.collection)
        room.begin("reveal" if step == "reveal" else "verdict")
        room.take_back(step)

    assert not differences(room.unread[1:], _prepare, alike=[room.first, *room.finished])


@pytest.mark.parametrize(
    ("roles", "step"), [([], "claimed"), (ALL_OTHERS, "verdict"), ([], "verdict"), (ALL_OTHERS, "withdrawn")]
)
def test_an_unaided_reader_gets_nothing_of_any_answer_to_the_end(room, differences, roles, step):
    """Not even pooled with others, or in figures of their own: all that the machine said differs."""
    room.rules(mode="unaided")
    room.hold(*roles)

    def _prepare():
        room.read_by_others(room.disputed, "glioma", "pituitary", "notumor")
        room.finish()
        compute_figures(collection=room.collection)
        room.begin("verdict" if step == "withdrawn" else step)
        room.take_back(step)

    assert not differences([*room.unread, *room.finished], _prepare)


def test_after_the_reveal_the_walk_sees_the_answer_and_only_in_that_reading(room, differences):
    """Without this the tests above could pass because they look at nothing."""
    found = differences([room.first], lambda: room.begin("reveal"), alike=room.unread[1:])
    mine = str(room.reading.pk)
    for address in (f"/api/v1/readings/{mine}", f"/readings/{mine}"):
        assert ("GET", address) in found
    # Asking for what is next gives the open reading.
    assert {address for _, address in found if mine not in address} <= {"/api/v1/readings"}


def test_an_assisted_reader_gets_the_answer_by_lists_and_readings_alone(room, differences):
    """The order and the list of what has no class are the answer; no other door opens, figures least of all."""
    room.rules(mode="assisted", order="likely_tumour", random_share=0.05)

    def _prepare():
        room.finish()
        compute_figures(collection=room.collection)

    found = differences(room.unread, _prepare, alike=room.finished)
    collection = str(room.collection.pk)
    lists = {f"/collections/{collection}/worklist", f"/api/v1/collections/{collection}/worklist", "/"}
    claims = {f"/collections/{collection}/read-next", "/api/v1/readings"}
    chosen = {f"/images/{image.pk}/read" for image in room.unread}
    assert {address for _, address in found} <= lists | claims | chosen
    assert {address for _, address in found} >= {
        f"/api/v1/collections/{collection}/worklist",
        "/api/v1/readings",
    }


def test_what_assisted_reading_left_tells_nothing_once_the_protocol_is_blinded(room, differences):
    """Images that others began with the machine's answer stay assisted; their places in lists do not follow it."""
    room.rules(mode="assisted", order="likely_tumour", random_share=0.05)

    def _prepare():
        claim_image(reader=room.others[0], image=room.earlier)
        room.begin("claimed")
        room.rules(mode="blinded_first")

    # What alice has begun shows its answer to her; and what is read with the answer shows it from its claim on.
    found = differences([room.second, room.disputed], _prepare, alike=[room.first, room.earlier])
    assert not found


def test_what_others_began_assisted_is_seen_with_its_answer_only_once_it_is_claimed(room, differences):
    room.rules(mode="assisted", order="likely_tumour", random_share=0.05)

    def _prepare():
        claim_image(reader=room.others[0], image=room.earlier)
        claim_image(reader=room.others[0], image=room.first)
        room.rules(mode="blinded_first")

    found = differences([room.earlier, room.first], _prepare, alike=[room.second, room.disputed])
    claims = {f"/collections/{room.collection.pk}/read-next", "/api/v1/readings"}
    assert {(way.split()[0], address) for way, address in found} <= {("POST", address) for address in claims}


def test_what_was_begun_blind_stays_blind_once_the_protocol_is_assisted(room, differences):
    """Her own claim, and what another said something about: neither order nor list aside says what they are."""

    def _prepare():
        room.begin("claimed")
        room.say(claim_image(reader=room.others[0], image=room.earlier), "notumor", until="first_read")
        room.rules(mode="assisted", order="likely_tumour", random_share=0.05)

    assert not differences([room.first, room.earlier], _prepare, alike=[room.second, room.disputed])


def test_the_same_pixels_tell_nothing_in_an_assisted_collection(room, differences):
    """Neither there nor here, by either collection's lists, order, counts and claims, before they were read blind."""
    other = make_collection("Assisted")
    set_protocol(actor=None, collection=other, mode="assisted", order="likely_tumour", random_share=0.05)
    room.alice.memberships.create(collection=other, role="radiologist")
    room.twins = [make_study(other).images.get() for _ in (room.first, room.second)]
    for image, twin in zip((room.first, room.second), room.twins, strict=True):
        Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    # The same pixels have the same answer: the places of the twins are those of the first two, a round later.
    varied = [*room.unread, room.finished[0], *room.twins]
    assert not differences(varied, lambda: room.begin("claimed"))


@pytest.mark.parametrize(
    "roles", [["ml_engineer"], ["approver", "auditor", "admin"]], ids=["engineer", "others"]
)
def test_the_same_pixels_tell_nothing_where_she_is_not_a_reader(room, differences, roles):
    """Neither by what was said of them there, nor by its label sets, known cases, figures, or a run on its labels."""
    other = make_collection("Labels")
    for role in roles:
        room.alice.memberships.create(collection=other, role=role)
    reader = make_user("olga", collection=other, role="radiologist")
    set_protocol(actor=None, collection=other, mode="blinded_first", readers_per_image=1)
    room.twins = [make_study(other).images.get() for _ in range(3)]
    for image, twin in zip((room.first, room.second, room.earlier), room.twins, strict=True):
        Image.objects.filter(pk=twin.pk).update(pixel_sha256=image.pixel_sha256)
    room.trains_on = other
    said = iter([("glioma", "notumor"), ("notumor", "pituitary")])

    def _prepare():
        first, second = next(said)
        for twin, label in zip(room.twins, (first, second), strict=False):
            room.say(claim_image(reader=reader, image=twin), label)
        set_known_case(actor=None, image=room.twins[2], label=first, source="histology")
        room.label_set = freeze_label_set(actor=None, collection=other)
        compute_figures(collection=other)
        # How many rows that made is another number in each world, where a verdict corrects or confirms.
        NUMBERS.start(700)
        room.begin("claimed")

    # The same pixels have the same answer: the places of the twins are those of the first three, a round later.
    assert not differences([*room.unread, room.finished[0], *room.twins], _prepare)


@pytest.mark.parametrize("purpose", ["known", "repeat"])
def test_hidden_readings_are_as_blind_as_any(room, differences, monkeypatch, purpose):
    monkeypatch.setattr("reviews.selectors.offers.draws", lambda *_: lambda what: 0.0)
    rates = {"known_rate": 0.3} if purpose == "known" else {"repeat_rate": 0.3}

    def _prepare():
        room.finish()
        if purpose == "known":
            set_known_case(actor=None, image=room.first, label="glioma", source="histology")
        room.rules(mode="blinded_first", **rates)
        room.reading = room.claim_hidden(purpose)

    varied = [room.first, room.second, room.earlier, room.disputed]
    assert not differences(varied, _prepare, alike=room.finished)


@pytest.mark.parametrize(("roles", "step"), [(["ml_engineer", "approver"], "first_read"), ([], "reveal")])
def test_nothing_depends_on_what_other_versions_were_asked_or_said(room, world, walk, roles, step):
    """Before and after the reveal: beside the same answer, a world in which nobody asked, one in which another
    version said something else, and one in which it is still in line. In both it is in the shadow, too, and a pass
    over the backlog is under way."""
    room.hold(*roles)
    other, answers = make_version(promoted=False), []
    for asked_of_other in (None, {"label": "pituitary"}, WAITING):
        with world():
            room.answered(room.unread)
            if asked_of_other:
                named = {"pk": uuid7(), "for_comparison": True, "queued_at": MOMENT, "finished_at": MOMENT}
                make_prediction(room.first, version=other, **named | asked_of_other)
                here = {"pk": uuid7(), "collection": room.collection, "model_version": other, "reason": "r"}
                Shadow.objects.create(**here)
                Rescore.objects.create(**here)
            NUMBERS.start(500)
            room.begin(step)
            room.trained(0)
            room.heard(0)
            answers.append(walk(room.alice))
    plain, said, waits = answers
    assert {key for key in plain if not plain[key] == said[key] == waits[key]} == set()


@pytest.mark.parametrize(
    ("roles", "step"), [([], "unclaimed"), (ALL_OTHERS, "claimed"), (["uploader"], "verdict")]
)
def test_what_was_sent_back_is_offered_like_any_image(room, world, walk, roles, step):
    """Read by two and waiting for a third, or read by three, labelled, and sent back as likely wrong: to somebody
    who has not read it these are the same, whatever it was labelled, and stay the same when they read it."""
    room.hold(*roles)
    answers = []
    for labels in (("glioma", "glioma"), ("glioma",) * 3, ("pituitary",) * 3):
        with world():
            room.reading = None
            room.answered(room.unread)
            for reader, label in zip(room.others, labels, strict=False):
                room.say(claim_image(reader=reader, image=room.disputed), label)
            if len(labels) == READERS:
                frozen = freeze_label_set(actor=None, collection=room.collection)
                assert send_back(actor=None, label_set=frozen, images=[room.disputed.pk]).sent
            NUMBERS.start(500)
            if step != "unclaimed":
                room.reading = claim_image(reader=room.alice, image=room.disputed)
            if step == "verdict":
                room.say(room.reading, "notumor")
            room.trained(0)
            room.heard(0)
            answers.append(walk(room.alice))
    waits, sent, otherwise = answers
    apart = {key: said_apart(waits[key], sent[key]) for key in waits if waits[key] != sent[key]}
    apart |= {key: said_apart(sent[key], otherwise[key]) for key in sent if sent[key] != otherwise[key]}
    assert not apart
    address = f"/images/{room.disputed.pk}/read"
    assert {key: waits[key][0] for key in waits if key[1] == address} != {}
