"""Writes: webhooks made, paused, given a new secret, deleted; deliveries sent again by hand."""

from collections.abc import Collection as Several
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from classifier.exceptions import PlatformError, StateConflict
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from mriplatform.bell import ring_later
from mriplatform.identifiers import uuid7
from mriplatform.outbox.destinations import DestinationRefused, find
from mriplatform.outbox.kinds import OF_A_COLLECTION, OF_THE_PLATFORM, TEST, Kind
from mriplatform.outbox.models import Delivery, Endpoint, OutboxEvent
from mriplatform.outbox.publishing import DELIVER, QUEUE, give_up_time, publish
from mriplatform.outbox.sealing import new_secret, seal
from mriplatform.webhooks.audience import kinds_for

State = Endpoint.State

# After a rotation the secret before signs as well, for as long.
ROTATION: Final = timedelta(days=1)
# Tests and repetitions of one endpoint that may be in line at once.
BY_HAND: Final = 100


class WebhookRefused(PlatformError):
    """A webhook that cannot be."""

    code = "webhook_refused"


def make_endpoint(
    *, owner: User, collection: Collection | None, url: str, kinds: Several[str], name: str = ""
) -> tuple[Endpoint, str]:
    """Make a webhook.

    Args:
        collection: what it is told of; None for runs and versions, wherever they are.

    Returns:
        The row, and its secret, which is kept encrypted and cannot be shown again.

    Raises:
        WebhookRefused: 422, an address that nothing is sent to, kinds that the owner may not be told of there, or
            more webhooks than one person may have.
    """
    wanted = sorted(set(kinds))
    allowed = {kind.value for kind in kinds_for(owner, collection.pk if collection else None)}
    if not wanted:
        raise WebhookRefused("Choose at least one kind of event.", code="no_kinds")
    if not_allowed := [kind for kind in wanted if kind not in allowed]:
        raise WebhookRefused(_why_not(Kind(not_allowed[0]), collection), code="kind_not_allowed")
    # Looked up outside of any transaction: a name may take seconds.
    try:
        find(url)
    except DestinationRefused as refusal:
        raise WebhookRefused(refusal.sentence, code="address_refused") from refusal
    with transaction.atomic():
        # Of two that are made at once the second sees the first.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if _own(owner) >= settings.WEBHOOKS_PER_USER:
            raise WebhookRefused(
                f"You have {settings.WEBHOOKS_PER_USER} webhooks, which is as many as one person may have. "
                "Delete one first.",
                code="too_many_webhooks",
            )
        secret, identifier = new_secret(), uuid7()
        endpoint = Endpoint.objects.create(
            id=identifier, owner=owner, collection=collection, name=name.strip(), url=url, kinds=wanted,
            secret=seal(secret, identifier),
        )  # fmt: skip
        _note("made", owner, endpoint, kinds=wanted)
    return endpoint, secret


@transaction.atomic
def pause_endpoint(*, actor: User, endpoint: Endpoint) -> Endpoint:
    """Send nothing for now; what happens meanwhile is put in line. Pausing twice changes nothing.

    Raises:
        StateConflict: it was stopped.
    """
    locked = _locked(endpoint)
    if locked.state == State.DISABLED:
        raise StateConflict(
            "This webhook was stopped already; resume it or delete it.", code="webhook_stopped"
        )
    if locked.state != State.PAUSED:
        Endpoint.objects.filter(pk=locked.pk).update(state=State.PAUSED)
        _note("paused", actor, locked)
    locked.refresh_from_db()
    return locked


@transaction.atomic
def resume_endpoint(*, actor: User, endpoint: Endpoint) -> Endpoint:
    """Send again, at once, also after it was stopped; what is in line has its whole time again."""
    locked = _locked(endpoint)
    if locked.state != State.ACTIVE:
        Endpoint.objects.filter(pk=locked.pk).update(
            state=State.ACTIVE, state_reason="", failing_since=None, failures=0, rest_until=Now()
        )
        waiting = Delivery.objects.filter(endpoint=locked, state=Delivery.State.WAITING)
        waiting.update(next_attempt_at=Now(), give_up_at=give_up_time())
        _note("resumed", actor, locked)
        ring_later(DELIVER, QUEUE)
    locked.refresh_from_db()
    return locked


@transaction.atomic
def rotate_secret(*, actor: User, endpoint: Endpoint) -> tuple[Endpoint, str]:
    """Give a webhook a new secret; for a day, events are signed by the one before as well.

    Returns:
        The row, and the new secret, which cannot be shown again.
    """
    locked = _locked(endpoint)
    secret = new_secret()
    Endpoint.objects.filter(pk=locked.pk).update(
        secret=seal(secret, locked.pk), previous_secret=locked.secret, previous_expires_at=Now() + ROTATION
    )
    _note("secret_rotated", actor, locked)
    locked.refresh_from_db()
    return locked, secret


@transaction.atomic
def delete_endpoint(*, actor: User, endpoint: Endpoint) -> None:
    """Delete a webhook for ever: its secrets are erased, and nothing is sent to it any more."""
    locked = _locked(endpoint)
    Endpoint.objects.filter(pk=locked.pk).update(
        state=State.DELETED, secret=b"", previous_secret=None, previous_expires_at=None, lease_expires_at=None
    )
    left = Delivery.objects.filter(endpoint=locked, state__in=Delivery.OPEN)
    left.update(state=Delivery.State.DROPPED, finished_at=Now(), held_for=None)
    _note("deleted", actor, locked)


@transaction.atomic
def send_test(*, actor: User, endpoint: Endpoint) -> Delivery:
    """Put a test event in line, to this webhook alone.

    Raises:
        StateConflict: nothing is sent to it now, or too much is in line.
    """
    locked = _sending(endpoint)
    event = publish(
        kind=TEST, object_id=locked.pk, collection_id=locked.collection_id, actor_id=actor.pk,
        data={"webhook": str(locked.pk), "status": "test", "address": f"/api/v1/webhooks/{locked.pk}"},
    )  # fmt: skip
    _note("tested", actor, locked)
    return _by_hand(locked, event)


@transaction.atomic
def redeliver(*, actor: User, delivery: Delivery) -> Delivery:
    """Send an event again, under the same identifier, whatever became of it before; outside the order.

    Raises:
        StateConflict: it is still on its way, nothing is sent to the webhook now, or too much is in line.
    """
    locked = _sending(delivery.endpoint)
    if Delivery.objects.filter(endpoint=locked, event=delivery.event, state__in=Delivery.OPEN).exists():
        raise StateConflict("This event is on its way already.", code="on_its_way")
    _note("redelivered", actor, locked, event=str(delivery.event_id))
    return _by_hand(locked, delivery.event)


def _by_hand(endpoint: Endpoint, event: OutboxEvent) -> Delivery:
    event.refresh_from_db(fields=["sequence"])
    made = Delivery.objects.create(
        endpoint=endpoint, event=event, object_id=event.object_id, sequence=event.sequence, by_hand=True,
        give_up_at=give_up_time(), cleared_at=Now(),
    )  # fmt: skip
    # Whoever asks by hand waits for no rest after a failure.
    Endpoint.objects.filter(pk=endpoint.pk).update(rest_until=Now())
    ring_later(DELIVER, QUEUE)
    made.refresh_from_db()
    return made


def _sending(endpoint: Endpoint) -> Endpoint:
    locked = _locked(endpoint)
    if locked.state != State.ACTIVE:
        raise StateConflict("This webhook is not active: resume it first.", code="webhook_not_active")
    if Delivery.objects.filter(endpoint=locked, by_hand=True, state__in=Delivery.OPEN).count() >= BY_HAND:
        raise StateConflict(
            "Too much is in line for this webhook; wait until it was sent.", code="webhook_busy"
        )
    return locked


def _locked(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.select_for_update(no_key=True, of=("self",)).get(pk=endpoint.pk)


def _why_not(kind: Kind, collection: Collection | None) -> str:
    """Whether it is the place that is wrong, which can be chosen otherwise, or the roles."""
    said = f"“{kind.label}” ({kind.value})"
    if collection is not None and kind not in OF_A_COLLECTION:
        return f"{said} is told of the whole platform: make a webhook without a collection for it."
    if collection is None and kind not in OF_THE_PLATFORM:
        return f"{said} is told of one collection: make a webhook of a collection for it."
    return f"Your roles there do not let you be told of {said}."


def _own(owner: User) -> int:
    return Endpoint.objects.filter(owner=owner).exclude(state=State.DELETED).count()


def _note(what: str, actor: User, endpoint: Endpoint, **data: Any) -> None:
    # Not the address: what stands after its host may be a secret of the receiver's.
    record(
        action=f"webhook.{what}", actor=actor, target=endpoint, collection_id=endpoint.collection_id, **data
    )
