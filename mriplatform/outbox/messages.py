"""An event as it is sent: the body, and the headers of Standard Webhooks that sign it."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook

from mriplatform.outbox.models import Endpoint, OutboxEvent
from mriplatform.outbox.sealing import SecretLost, unseal

USER_AGENT = "MRI-review-platform-webhooks/1"


def message_id(event: OutboxEvent) -> str:
    """The same at every try and repetition: a receiver that has seen it has seen the event."""
    return f"msg_{event.pk.hex}"


def body_of(event: OutboxEvent) -> bytes:
    """The body: the same bytes each time."""
    told: dict[str, Any] = {
        "type": event.kind,
        "timestamp": event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "object": str(event.object_id),
        "sequence": event.sequence,
        "data": event.data,
    }
    return json.dumps(told, separators=(",", ":"), sort_keys=False).encode()


def signed_headers(endpoint: Endpoint, event: OutboxEvent, body: bytes, now: datetime) -> dict[str, str]:
    """The headers for a body: signed by each secret that is valid now.

    Raises:
        SecretLost: the present secret cannot be read any more.
    """
    secrets = [unseal(bytes(endpoint.secret), endpoint.pk)]
    if endpoint.previous_secret and endpoint.previous_expires_at and endpoint.previous_expires_at > now:
        # One that cannot be read any more is the reason why there is a new one.
        with suppress(SecretLost):
            secrets.append(unseal(bytes(endpoint.previous_secret), endpoint.pk))
    known = message_id(event)
    utc = now.astimezone(UTC)
    signatures = [Webhook(secret).sign(known, utc, body.decode()) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": known,
        "webhook-timestamp": str(int(utc.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
