"""How often one may ask: a counter per person and minute in Redis, which all web processes share.

Redis is no part of any answer. Where it is away or slow, everybody is let through, a log line says so, and it is left
alone for a few seconds, so that no more than one request in that time waits for it.
"""

import logging
import time
from typing import Final, NamedTuple

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest

from classifier.exceptions import PlatformError
from mriplatform.accounts.client_address import client_address

logger = logging.getLogger(__name__)

WINDOW_SECONDS: Final = 60
LEFT_ALONE_SECONDS: Final = 10


class Room(NamedTuple):
    """What is left of the minute.

    Attributes:
        limit: requests in a minute.
        remaining: those that may follow this one.
        reset: seconds until the next minute.
    """

    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
        }


class TooManyRequests(PlatformError):
    code = "too_many_requests"
    status = 429

    def __init__(self, room: Room) -> None:
        super().__init__(
            f"More than {room.limit} requests in a minute. Come back in {room.reset} seconds, and ask less often."
        )
        self.retry_after = room.reset
        self.room = room


class Counter:
    """Counts in the shared cache, as long as that answers."""

    def __init__(self) -> None:
        self._alone_until = 0.0

    def count(self, name: str) -> int | None:
        """How often `name` was counted in this minute, this time included; None where nobody knows."""
        if time.monotonic() < self._alone_until:
            return None
        cache = caches["shared"]
        try:
            if cache.add(name, 1, timeout=2 * WINDOW_SECONDS):
                return 1
            return int(cache.incr(name))
        except ValueError:
            # It ran out between the two.
            return 1
        except Exception:
            # Whatever is the matter with it, a limit is no reason to turn anybody away.
            logger.exception("The rate of requests is not limited for %s seconds", LEFT_ALONE_SECONDS)
            self._alone_until = time.monotonic() + LEFT_ALONE_SECONDS
            return None


counter = Counter()


def take_place(request: HttpRequest, person: object | None) -> Room | None:
    """Count a request of a person, or of an address where nobody is signed in.

    Returns:
        What is left; None where it could not be counted.

    Raises:
        TooManyRequests: there were too many in this minute.
    """
    limit = settings.API_REQUESTS_PER_MINUTE if person else settings.API_ANONYMOUS_REQUESTS_PER_MINUTE
    now = time.time()
    who = f"user:{person}" if person else f"address:{client_address(request)}"
    count = counter.count(f"api-rate:{int(now // WINDOW_SECONDS)}:{who}")
    if count is None:
        return None
    room = Room(limit, max(0, limit - count), WINDOW_SECONDS - int(now % WINDOW_SECONDS))
    if count > limit:
        raise TooManyRequests(room)
    return room
