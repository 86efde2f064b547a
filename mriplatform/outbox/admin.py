"""Webhooks for administrators to look at: whose they are and how they do. Addresses are shown by their host only."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.http import HttpRequest

from mriplatform.audit.admin import ReadOnlyAdmin
from mriplatform.outbox.models import Delivery, DeliveryAttempt, Endpoint, OutboxEvent


class SuperusersAdmin[M: Any](ReadOnlyAdmin[M]):
    """For superusers: rows are of every collection and of every person."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@admin.register(Endpoint)
class EndpointAdmin(SuperusersAdmin[Endpoint]):
    list_display = ("__str__", "owner", "collection", "host", "state", "failing_since", "created_at")
    list_filter = ("state",)
    list_select_related = ("owner", "collection")
    # What stands after the host may be a secret of the receiver's.
    exclude = ("url", "secret", "previous_secret")
    readonly_fields = ("host",)

    @admin.display(description="host")
    def host(self, endpoint: Endpoint) -> str:
        return urlsplit(endpoint.url).netloc


@admin.register(OutboxEvent)
class OutboxEventAdmin(SuperusersAdmin[OutboxEvent]):
    list_display = ("at", "kind", "object_id", "sequence", "collection_id")
    list_filter = ("kind",)
    search_fields = ("object_id",)


@admin.register(Delivery)
class DeliveryAdmin(SuperusersAdmin[Delivery]):
    list_display = ("__str__", "event", "endpoint", "state", "attempts", "next_attempt_at", "finished_at")
    list_filter = ("state", "by_hand")
    list_select_related = ("event", "endpoint")


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(SuperusersAdmin[DeliveryAttempt]):
    list_display = ("at", "delivery", "number", "status", "milliseconds", "error")
    list_select_related = ("delivery",)
