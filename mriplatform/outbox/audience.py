"""Who may hear of an event. The answer needs roles and studies, which are above: an app there registers it."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from mriplatform.outbox.models import Endpoint, OutboxEvent


@dataclass(frozen=True)
class May:
    """Whether an endpoint's owner may know of an event now.

    Attributes:
        hear: they may.
        wait_for: they may not yet; the object after whose next event it is looked at again.
    """

    hear: bool
    wait_for: UUID | None = None


type Audience = Callable[[Endpoint, OutboxEvent], May]

NOBODY = May(hear=False)

_registered: list[Audience] = []


def register_audience(audience: Audience) -> None:
    """Have `audience` decide from now on."""
    _registered[:] = [audience]


def may_hear(endpoint: Endpoint, event: OutboxEvent) -> May:
    """Whether an endpoint's owner may know of an event now; nobody may where nobody decides."""
    return _registered[0](endpoint, event) if _registered else NOBODY
