"""`record()`: the one way to write to the audit."""

from contextvars import ContextVar
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import models

from mriplatform.audit.models import AuditEvent

request_id: ContextVar[str] = ContextVar("request_id", default="")


def record(
    *,
    action: str,
    actor: AbstractUser | None = None,
    target: models.Model | None = None,
    collection_id: UUID | None = None,
    **data: Any,
) -> AuditEvent:
    """Add one audit row, in the caller's transaction, so that a change and its trace stand or fall together.

    Args:
        action: a dotted verb such as `study.uploaded`.
        actor: who did it; None for a worker.
        target: the row it was done to.
        collection_id: the collection it belongs to, for the auditors of that collection.
        **data: facts as JSON values; nothing that could name a patient.
    """
    return AuditEvent.objects.create(
        action=action,
        actor_id=actor.pk if actor is not None else None,
        object_type=target._meta.label_lower if target is not None else "",
        object_id=str(target.pk) if target is not None else "",
        collection_id=collection_id,
        request_id=request_id.get(),
        data=data,
    )
