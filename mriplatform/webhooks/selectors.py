"""Reads: a person's own webhooks, and what became of what was sent to them."""

from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of
from mriplatform.outbox.models import Delivery, Endpoint

# What its owner was found to be allowed to know. All else they must not see even in line: that it is there says that
# something happened. A test or a repetition is theirs from the start.
SHOWN = Q(cleared_at__isnull=False)


def endpoints_of(user: User) -> QuerySet[Endpoint]:
    """A person's own webhooks, newest first."""
    own = Endpoint.objects.filter(owner=user).exclude(state=Endpoint.State.DELETED)
    return own.select_related("collection").order_by("-id")


def deliveries_of(endpoint: Endpoint) -> QuerySet[Delivery]:
    """What was sent to a webhook, or is being tried, newest first."""
    return endpoint.deliveries.filter(SHOWN).select_related("event", "endpoint").order_by("-id")


def delivery_counts(endpoint: Endpoint) -> dict[str, Any]:
    """How many are in line, delivered and given up, of those that its owner may see; when the last was delivered."""
    state = Delivery.State
    return endpoint.deliveries.filter(SHOWN).aggregate(
        waiting=Count("pk", filter=Q(state__in=Delivery.OPEN)),
        delivered=Count("pk", filter=Q(state=state.DELIVERED)),
        given_up=Count("pk", filter=Q(state=state.GIVEN_UP)),
        last_delivered_at=Max("finished_at", filter=Q(state=state.DELIVERED)),
    )


def collections_to_hear_of(user: User) -> QuerySet[Collection]:
    """Of which a person may have a webhook."""
    return collections_of(user, Permission.VIEW_STUDIES).order_by("name")
