"""Each event arrives, in order for each object, signed, whatever its receiver does meanwhile."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from mriplatform.launch.server import wait_until
from mriplatform.outbox import delivering
from mriplatform.outbox.claims import claim_endpoint
from mriplatform.outbox.delivering import drain, serve
from mriplatform.outbox.models import Delivery, DeliveryAttempt, Endpoint, OutboxEvent
from mriplatform.outbox.publishing import News, publish, publish_all
from mriplatform.outbox.sweeping import forget_old_deliveries
from mriplatform.webhooks.services import (
    delete_endpoint,
    pause_endpoint,
    redeliver,
    resume_endpoint,
    rotate_secret,
    send_test,
)
from tests.factories import make_collection, make_user
from tests.mriplatform.outbox.receiver import hang

pytestmark = pytest.mark.django_db


@pytest.fixture
def collection():
    return make_collection("Neuro")


@pytest.fixture
def uma(collection):
    return make_user("uma", collection=collection, role="uploader")


@pytest.fixture
def final(collection):
    """Publishes that a study is final, of the same one by default; returns the event."""
    study = uuid4()

    def _final(of=study):
        return publish(kind="study.final", object_id=of, collection_id=collection.pk, data={"study": str(of)})

    return _final


def answer(handler, status, **headers):
    handler.send_response(status)
    for name, value in {"Content-Length": "0", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()


def forward(seconds: float) -> None:
    """Lets time go by for everything that waits."""
    with connection.cursor() as cursor:
        for table, column in (("delivery", "next_attempt_at"), ("delivery", "give_up_at"), ("endpoint", "rest_until"),
                              ("endpoint", "failing_since"), ("endpoint", "lease_expires_at")):  # fmt: skip
            cursor.execute(f"UPDATE outbox_{table} SET {column} = {column} - interval '{seconds} seconds'")


def test_an_event_arrives_signed_and_is_written_down(listening, uma, collection, receiver, final):
    endpoint, secret = listening(uma, collection, "study.final")
    event = final()
    assert drain() == 1
    ((headers, body),) = receiver.got
    told = Webhook(secret).verify(body, headers)
    assert told["type"] == "study.final"
    assert told["data"] == {"study": str(event.object_id)}
    assert (told["object"], told["sequence"]) == (str(event.object_id), 1)
    assert headers["webhook-id"] == f"msg_{event.pk.hex}"
    delivery = endpoint.deliveries.get()
    assert (delivery.state, delivery.attempts) == ("delivered", 1)
    assert [(one.status, one.error) for one in delivery.tries.all()] == [(204, "")]
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"final", b"finer"), headers)
    assert drain() == 0


def test_an_event_is_of_the_transaction_that_it_tells_of(listening, uma, collection, receiver, final):
    listening(uma, collection, "study.final")
    with transaction.atomic():
        final()
        transaction.set_rollback(True)
    assert drain() == 0
    assert not OutboxEvent.objects.exists()


def test_where_nobody_listens_the_event_is_the_record_and_nothing_is_in_line(
    listening, uma, collection, final, django_assert_num_queries, django_capture_on_commit_callbacks
):
    listening(uma, collection, "prediction.failed")
    listening(make_user(collection=(other := make_collection()), role="uploader"), other, "study.final")
    with django_assert_num_queries(2):  # an INSERT and a SELECT
        with django_capture_on_commit_callbacks() as bells:
            publish_all([News("review.submitted", uuid4(), collection.pk) for _ in range(50)])
    assert OutboxEvent.objects.count() == 50
    final()
    assert not Delivery.objects.exists()
    assert bells == []


def test_a_receiver_that_fails_then_hangs_then_recovers_gets_each_event_once_more_and_in_order(
    listening, uma, collection, receiver, quick
):
    quick.WEBHOOK_FIRST_PAUSE_SECONDS = 10
    _, secret = listening(uma, collection, "study.final")
    studies = [uuid4() for _ in range(3)]
    for _ in range(3):
        publish_all([News("study.final", study, collection.pk, {"study": str(study)}) for study in studies])
    for answer in (500, hang, 503):
        receiver.answer = answer
        drain()
        forward(100)
    receiver.answer = 204
    while drain():
        forward(100)  # on a machine that is busy, an answer may come too late once more
    arrived = {}
    for headers, body in receiver.got:
        told = Webhook(secret).verify(body, headers)
        arrived.setdefault(told["object"], []).append((told["sequence"], headers["webhook-id"]))
    for tried in arrived.values():
        assert [sequence for sequence, _ in tried] == sorted(sequence for sequence, _ in tried)
        assert {sequence for sequence, _ in tried} == {1, 2, 3}
        assert len(set(tried)) == 3, "the same event has the same identifier each time"
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    assert DeliveryAttempt.objects.exclude(error="").count() >= 3


def test_one_event_that_is_refused_holds_up_its_own_object_alone(listening, uma, collection, receiver, quick):
    quick.WEBHOOK_FIRST_PAUSE_SECONDS = 1000
    listening(uma, collection, "study.final")
    bad, good = uuid4(), uuid4()
    for study in (bad, bad, good):
        publish(kind="study.final", object_id=study, collection_id=collection.pk, data={})
    receiver.answer = lambda handler: answer(
        handler, 400 if receiver.events[-1]["object"] == str(bad) else 204
    )
    assert drain() == 2
    assert [(row.object_id == bad, row.state) for row in Delivery.objects.order_by("id")] == [
        (True, "waiting"), (True, "waiting"), (False, "delivered"),
    ]  # fmt: skip


def test_after_days_a_delivery_is_given_up_and_what_follows_goes_on(
    listening, uma, collection, receiver, quick, final
):
    quick.WEBHOOK_FIRST_PAUSE_SECONDS, quick.WEBHOOK_PAUSE_SECONDS = 60, 3600
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    receiver.answer = 500
    tries = 0
    while endpoint.deliveries.get(sequence=1).state == "waiting":
        tries += drain()
        forward(3600)
        assert tries < 100
    assert 40 < tries < 90  # three days, about an hour between most
    delivery = endpoint.deliveries.get()
    assert (delivery.state, delivery.attempts) == ("given_up", tries)
    final()
    receiver.answer = 204
    assert drain() == 1
    assert endpoint.deliveries.get(sequence=2).state == "delivered"
    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.failures) == (None, 0)


def test_the_pauses_grow_and_never_coincide(listening, uma, collection, receiver, quick, final):
    quick.WEBHOOK_FIRST_PAUSE_SECONDS = 5
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    receiver.answer = 500
    pauses = []
    for _ in range(6):
        drain()
        delivery = endpoint.deliveries.get()
        pauses.append((delivery.next_attempt_at - timezone.now()).total_seconds())
        forward(10 * 3600)
        Delivery.objects.update(give_up_at=timezone.now() + timedelta(days=3))
    expected = [5 * 3**n for n in range(6)]
    assert all(0.75 * want < got < 1.25 * want for want, got in zip(expected, pauses, strict=True))
    assert [got / want for want, got in zip(expected, pauses, strict=True)] != [1] * 6


def test_a_receiver_that_asks_to_wait_is_left_alone_for_as_long(
    listening, uma, collection, receiver, quick, final
):
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    receiver.answer = lambda handler: answer(handler, 429, **{"Retry-After": "1800"})
    drain()
    pause = (endpoint.deliveries.get().next_attempt_at - timezone.now()).total_seconds()
    assert 1700 < pause < 1900
    many(collection, 5)
    assert drain() == 0, "what it said of one message holds for the others"
    forward(1700)
    assert drain() == 0
    forward(100)
    assert drain() == 1
    receiver.answer = 204
    forward(1800)
    assert drain() == 6


def test_a_receiver_that_asks_to_wait_for_ever_is_asked_again_after_the_longest_pause(
    listening, uma, collection, receiver, quick, final
):
    quick.WEBHOOK_PAUSE_SECONDS = 600
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    receiver.answer = lambda handler: answer(handler, 503, **{"Retry-After": "999999"})
    drain()
    endpoint.refresh_from_db()
    for until in (endpoint.rest_until, endpoint.deliveries.get().next_attempt_at):
        assert 590 < (until - timezone.now()).total_seconds() < 610


def test_after_failing_for_long_it_is_stopped_with_a_word_and_resumed_by_hand(
    listening, uma, collection, receiver, quick, final, monkeypatch
):
    # Without pauses it is tried again for as long as a drain lasts.
    monkeypatch.setattr(delivering, "DRAIN_SECONDS", 0.5)
    quick.WEBHOOK_DISABLE_SECONDS, quick.WEBHOOK_GIVE_UP_SECONDS = 3600, 10**6
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    receiver.answer = 500
    drain()
    forward(4000)
    drain()
    endpoint.refresh_from_db()
    assert endpoint.state == "disabled"
    assert endpoint.state_reason.startswith("Every try has failed since ")
    receiver.answer = 204
    final()
    assert drain() == 0
    assert Delivery.objects.count() == 1, "what happens while it is stopped is not put in line"
    resume_endpoint(actor=uma, endpoint=endpoint)
    assert drain() == 1
    assert endpoint.deliveries.get().state == "delivered"


def test_a_receiver_that_is_gone_is_told_nothing_more(listening, uma, collection, receiver, final):
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    receiver.answer = 410
    drain()
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.state_reason[:25]) == ("disabled", "The receiver answered 410")


def test_what_happens_while_it_is_paused_waits(listening, uma, collection, receiver, final):
    endpoint, _ = listening(uma, collection, "study.final")
    pause_endpoint(actor=uma, endpoint=endpoint)
    final()
    assert drain() == 0
    resume_endpoint(actor=uma, endpoint=endpoint)
    assert drain() == 1


def test_nothing_more_is_sent_to_what_was_deleted_and_its_secret_is_gone(
    listening, uma, collection, receiver, final
):
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    delete_endpoint(actor=uma, endpoint=endpoint)
    final()
    assert drain() == 0
    endpoint.refresh_from_db()
    assert (bytes(endpoint.secret), endpoint.state) == (b"", "deleted")
    assert [row.state for row in endpoint.deliveries.all()] == ["dropped"]


def test_for_a_day_after_a_rotation_both_secrets_sign(listening, uma, collection, receiver, final):
    endpoint, before = listening(uma, collection, "study.final")
    _, after = rotate_secret(actor=uma, endpoint=endpoint)
    final()
    drain()
    headers, body = receiver.got[-1]
    for secret in (before, after):
        Webhook(secret).verify(body, headers)
    Endpoint.objects.update(previous_expires_at=timezone.now())
    final()
    drain()
    headers, body = receiver.got[-1]
    Webhook(after).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(before).verify(body, headers)


def test_a_secret_is_not_in_the_database_and_opens_only_under_the_platforms_key(
    listening, uma, collection, receiver, final, settings
):
    endpoint, secret = listening(uma, collection, "study.final")
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret, outbox_endpoint::text FROM outbox_endpoint")
        sealed, row = cursor.fetchone()
    assert base64.b64decode(secret.removeprefix("whsec_")) not in bytes(sealed)
    assert secret.encode() not in bytes(sealed)
    assert secret not in row
    key, settings.SECRET_KEY = settings.SECRET_KEY, "another key of fifty characters or more, as settings ask"
    final()
    drain()
    endpoint.refresh_from_db()
    assert (endpoint.state, receiver.got) == ("disabled", [])
    assert "give it a new one" in endpoint.state_reason
    settings.SECRET_KEY_FALLBACKS = [key]
    resume_endpoint(actor=uma, endpoint=endpoint)
    assert drain() == 1
    Webhook(secret).verify(receiver.got[0][1], receiver.got[0][0])


def test_a_new_secret_works_at_once_where_the_one_before_cannot_be_read_any_more(
    listening, uma, collection, receiver, final, settings
):
    endpoint, _ = listening(uma, collection, "study.final")
    settings.SECRET_KEY = "another key of fifty characters or more, as settings ask"
    final()
    drain()
    endpoint.refresh_from_db()
    assert (endpoint.state, receiver.got) == ("disabled", [])
    _, secret = rotate_secret(actor=uma, endpoint=endpoint)
    resume_endpoint(actor=uma, endpoint=endpoint)
    assert drain() == 1
    ((headers, body),) = receiver.got
    Webhook(secret).verify(body, headers)


def test_what_became_of_a_delivery_is_forgotten_in_time_and_its_event_is_not(
    listening, uma, collection, receiver, final, settings
):
    settings.WEBHOOK_FIRST_PAUSE_SECONDS = 1000
    endpoint, _ = listening(uma, collection, "study.final")
    final()
    drain()
    receiver.answer = 500
    waiting = final(uuid4())
    drain()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_delivery SET finished_at = finished_at - interval '91 days'")
    settings.WEBHOOK_LOG_DAYS = 0
    assert forget_old_deliveries() == 0
    settings.WEBHOOK_LOG_DAYS = 92
    assert forget_old_deliveries() == 0
    settings.WEBHOOK_LOG_DAYS = 90
    assert forget_old_deliveries() == 1
    assert forget_old_deliveries() == 0
    assert [one.event_id for one in endpoint.deliveries.all()] == [waiting.pk]
    assert (DeliveryAttempt.objects.count(), OutboxEvent.objects.count()) == (1, 2)
    final()
    assert sorted(OutboxEvent.objects.values_list("sequence", flat=True)) == [1, 1, 2]


def test_a_test_and_a_repetition_stand_outside_the_order(listening, uma, collection, receiver, quick, final):
    quick.WEBHOOK_FIRST_PAUSE_SECONDS = 1000
    endpoint, secret = listening(uma, collection, "study.final")
    final()
    drain()
    first = endpoint.deliveries.get()
    receiver.answer = 500
    final()
    drain()
    receiver.answer = 204
    send_test(actor=uma, endpoint=endpoint)
    redeliver(actor=uma, delivery=first)
    assert drain() == 2
    assert receiver.kinds[-2:] == ["webhook.test", "study.final"]
    again, once = receiver.got[-1], receiver.got[0]
    assert again[1] == once[1]
    assert again[0]["webhook-id"] == once[0]["webhook-id"]
    Webhook(secret).verify(again[1], again[0])
    assert endpoint.deliveries.filter(by_hand=True, state="delivered").count() == 2
    assert endpoint.deliveries.get(sequence=2, by_hand=False).state == "waiting"


def test_one_endpoint_is_one_workers_and_a_lost_one_is_taken_over(
    listening, uma, collection, receiver, final
):
    listening(uma, collection, "study.final")
    final()
    lost = claim_endpoint()
    assert claim_endpoint() is None
    forward(3600)
    assert drain() == 1
    assert serve(lost) == 0
    assert len(receiver.got) == 1


def test_a_receiver_that_hangs_holds_up_nobody_else(listening, uma, collection, receiver, quick):
    """It has one try, then rests; whoever is served longest ago is next."""
    from tests.mriplatform.outbox.receiver import Receiver

    quick.WEBHOOK_FIRST_PAUSE_SECONDS = quick.WEBHOOK_REST_SECONDS = 1000
    other = Receiver()
    listening(uma, collection, "study.final")
    listening(uma, collection, "study.final", url=other.url)
    receiver.answer = hang
    for _ in range(5):
        publish(kind="study.final", object_id=uuid4(), collection_id=collection.pk, data={})
    assert drain() == 6
    assert (len(receiver.got), len(other.got)) == (1, 5)
    other.stop()


@pytest.fixture
def clock(monkeypatch):
    """The time by which turns and drains are counted: it stands still but for what a receiver takes."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(delivering, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def slowly(clock, seconds):
    """Answers 204, so many seconds later."""

    def _answer(handler):
        clock.seconds += seconds
        answer(handler, 204)

    return _answer


def many(collection, count):
    publish_all([News("study.final", uuid4(), collection.pk, {}) for _ in range(count)])


def test_a_receiver_that_takes_long_and_succeeds_gives_way_after_its_turn(
    listening, uma, collection, receiver, clock
):
    """Fifty messages at fourteen seconds each would hold a thread for twelve minutes."""
    listening(uma, collection, "study.final")
    many(collection, 50)
    receiver.answer = slowly(clock, 14)
    assert serve(claim_endpoint()) == 1
    receiver.answer = slowly(clock, 2)
    assert serve(claim_endpoint()) == 3
    receiver.answer = 204
    assert serve(claim_endpoint()) == 46


def test_a_drain_that_gave_its_thread_back_is_rung_for_again(
    listening, uma, collection, receiver, clock, monkeypatch
):
    rung = []
    monkeypatch.setattr(delivering, "ring_later", lambda task, queue: rung.append((task, queue)))
    listening(uma, collection, "study.final")
    many(collection, 9)
    receiver.answer = slowly(clock, 14)
    assert drain() == 2
    assert clock.seconds < delivering.DRAIN_SECONDS + 15
    assert rung == [("outbox.deliver", "outbox")]
    receiver.answer = 204
    assert drain() == 7
    assert len(rung) == 1


def test_twenty_slow_receivers_of_one_person_stand_before_nobody_elses(
    listening, uma, collection, receiver, clock
):
    from tests.mriplatform.outbox.receiver import Receiver

    other = Receiver()
    for _ in range(20):
        listening(uma, collection, "study.final")
    listening(
        make_user("bob", collection=collection, role="uploader"), collection, "study.final", url=other.url
    )
    many(collection, 2)
    receiver.answer = slowly(clock, 14)
    drain()
    assert (len(receiver.got), len(other.got)) == (2, 2)
    drain()
    served = Delivery.objects.filter(endpoint__owner=uma, state="delivered").values_list(
        "endpoint", flat=True
    )
    assert len(served) == len(set(served)) == 4, (
        "of one person's, the one that was served longest ago is next"
    )
    many(collection, 2)
    drain()
    assert len(other.got) == 4
    other.stop()


@pytest.mark.django_db(transaction=True)
def test_however_slow_all_receivers_are_two_of_a_workers_threads_are_left_for_archives(receiver, quick):
    from mriplatform.webhooks.services import make_endpoint

    collection = make_collection("Neuro")
    uma = make_user("uma", collection=collection, role="uploader")
    for _ in range(4):
        make_endpoint(owner=uma, collection=collection, url=receiver.url, kinds=["study.final"])
    many(collection, 1)
    quick.WEBHOOK_SECONDS = 60
    go_on = threading.Event()
    receiver.answer = lambda handler: (go_on.wait(50), answer(handler, 204))

    def one() -> int:
        try:
            return drain()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        drains = [pool.submit(one) for _ in range(4)]
        try:
            assert wait_until(lambda: (len(receiver.got), sum(each.done() for each in drains)) == (2, 2), 30)
            free, delivering_ = wait(drains, timeout=0)
        finally:
            go_on.set()
        assert (len(free), len(delivering_)) == (2, 2)
        assert [each.result() for each in free] == [0, 0]
        assert sum(each.result() for each in delivering_) == 4, (
            "those that deliver go on until nothing is due"
        )
    assert drain() == 0
