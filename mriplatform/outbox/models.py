"""Endpoints, events, and what became of each event on its way to each endpoint."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from mriplatform.audit.ledger import LedgerModel
from mriplatform.identifiers import uuid7
from mriplatform.outbox.kinds import Kind

URL_LENGTH = 500


class Endpoint(models.Model):
    """An address of somebody's program, and which kinds of events are sent to it, as its owner may know of them.

    With a collection it is told of that collection; without one of runs and versions. `secret` and `previous_secret`
    are encrypted; the previous one signs as well until `previous_expires_at`. `failing_since` is when the first of
    the attempts failed after which none succeeded; `rest_until` is when the next may be made. `lease_expires_at` and
    `claim` fence the worker that sends to it: one at a time, so that a receiver that hangs holds up nobody else.

    States: `active ⇄ paused`; `active → disabled` after failing for long, and back by hand; any `→ deleted`, for ever.
    """

    class State(models.TextChoices):
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        DISABLED = "disabled", "Stopped"
        DELETED = "deleted", "Deleted"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="webhook_endpoints"
    )
    collection = models.ForeignKey(
        "accounts.Collection", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=80, blank=True)
    url = models.CharField(max_length=URL_LENGTH)
    kinds = ArrayField(models.CharField(max_length=40, choices=Kind.choices))
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_expires_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    state_reason = models.CharField(max_length=200, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    rest_until = models.DateTimeField(db_default=Now())
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    claim = models.PositiveBigIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["collection"],
                condition=models.Q(state__in=["active", "paused"]),
                name="endpoint_listening",
            )
        ]

    def __str__(self) -> str:
        return self.name or f"Webhook {self.id.hex[-8:]}"


class OutboxEvent(LedgerModel):
    """One thing that happened, as integrators are told of it. `data` holds identifiers, states and addresses, never
    what the machine or a reader said.

    `sequence` counts the events of one object: they reach each endpoint in this order. `actor_id` is who did it; it
    decides who may hear of it, and is not sent.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)
    kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    sequence = models.PositiveIntegerField()
    collection_id = models.UUIDField(null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)
    data = models.JSONField(default=dict)

    class Meta(LedgerModel.Meta):
        abstract = False
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["object_id", "sequence"], name="event_order_of_an_object")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id.hex[-8:]}"


class Delivery(models.Model):
    """One event on its way to one endpoint.

    States: `waiting ⇄ held`; `waiting → delivered | given_up | dropped`. Held is what its owner may not know yet: it
    is looked at again when something is published about `held_for`, and now and then. Dropped is what they may not
    know at all. `cleared_at` is when it was first found that they may know; before that nothing shows it to them.

    `by_hand` are tests and repetitions: they stand outside the order. `object_id` and `sequence` are the event's.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "In line"
        HELD = "held", "Held"
        DELIVERED = "delivered", "Delivered"
        GIVEN_UP = "given_up", "Given up"
        DROPPED = "dropped", "Dropped"

    OPEN = (State.WAITING, State.HELD)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries")
    event = models.ForeignKey(OutboxEvent, on_delete=models.PROTECT, related_name="deliveries")
    object_id = models.UUIDField()
    sequence = models.PositiveIntegerField()
    by_hand = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    held_for = models.UUIDField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    next_attempt_at = models.DateTimeField(db_default=Now())
    give_up_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "event"], condition=models.Q(by_hand=False), name="delivery_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "next_attempt_at"],
                condition=models.Q(state__in=["waiting", "held"]),
                name="delivery_due",
            ),
            models.Index(
                fields=["endpoint", "object_id", "sequence"],
                condition=models.Q(state__in=["waiting", "held"], by_hand=False),
                name="delivery_order",
            ),
            models.Index(fields=["held_for"], condition=models.Q(state="held"), name="delivery_held"),
            models.Index(
                fields=["endpoint", "-id"], condition=models.Q(cleared_at__isnull=False), name="delivery_log"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id.hex[-8:]} ({self.state})"


class DeliveryAttempt(models.Model):
    """One try: what the receiver answered (0 for nothing), how long it took, and in a few words what went wrong."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField(db_default=Now(), editable=False)
    status = models.PositiveSmallIntegerField(default=0)
    milliseconds = models.PositiveIntegerField()
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["delivery", "-id"], name="attempt_of_delivery")]

    def __str__(self) -> str:
        return f"{self.number}: {self.status or self.error}"
