"""Requests that are sent again when something was in the way, and act once however often they arrive."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

import httpx

# A service is away, there were too many requests, or the same request is still being answered.
AGAIN: Final = frozenset({429, 502, 503, 504})
IN_USE: Final = "idempotency_key_in_use"
LONGEST_PAUSE: Final = 30.0


class ApiError(Exception):
    """What the platform refused.

    Attributes:
        status: the HTTP status.
        code: stable, for programs.
        detail: one sentence, for people.
        errors: by field, where fields are at fault.
        request_id: to name in a report to the platform's operators.
    """

    def __init__(self, response: httpx.Response) -> None:
        document = _document(response)
        self.status = response.status_code
        self.code = str(document.get("code", ""))
        self.detail = str(document.get("detail", "")) or f"The platform answered {response.status_code}."
        errors = document.get("errors")
        self.errors: dict[str, Any] = errors if isinstance(errors, dict) else {}
        self.request_id = str(document.get("request_id", response.headers.get("X-Request-ID", "")))
        super().__init__(f"{self.detail} ({self.status} {self.code})".replace(" )", ")"))


class Requests:
    """Sends requests with a token; safe to be called from one thread at a time.

    Args:
        address: of the platform, such as `https://portal.example.org`.
        token: from the account's page of the platform.
        tries: how often a request is sent at most.
        transport: another way to the platform, for tests.
        pause: waits for so many seconds.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        timeout: float = 60.0,
        tries: int = 6,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tries, self._pause = tries, pause
        self._client = httpx.Client(
            base_url=address.rstrip("/"),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=timeout,
            transport=transport,
        )

    def close(self) -> None:
        self._client.close()

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """The answer to a request.

        A POST carries a key of its own, the same each time that it is sent: it is done once.

        Raises:
            ApiError: it was refused, or every try met something in the way.
            httpx.TransportError: the platform cannot be reached.
        """
        headers = dict(more.pop("headers", {}))
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(uuid4()))
        return self._answer(method, path, headers=headers, **more)

    @contextmanager
    def stream(self, path: str, **more: Any) -> Iterator[httpx.Response]:
        """The answer to a GET whose content is read as it comes; it is asked for again until it begins, not after.

        Raises:
            ApiError, httpx.TransportError: as `send`; the latter, too, while the content is read.
        """
        response = self._answer("GET", path, stream=True, **more)
        try:
            yield response
        finally:
            response.close()

    def _answer(self, method: str, path: str, *, stream: bool = False, **more: Any) -> httpx.Response:
        for number in range(1, self._tries + 1):
            last = number == self._tries
            try:
                response = self._client.send(self._client.build_request(method, path, **more), stream=stream)
                if not response.is_success:
                    response.read()  # why it was refused
            except httpx.UnsupportedProtocol:
                raise  # an address that is none is none the next time, too
            except httpx.TransportError:
                if last:
                    raise
                self._pause(_back_off(number))
                continue
            if response.is_success:
                return response
            error = ApiError(response)
            if last or not (error.status in AGAIN or error.code == IN_USE):
                raise error
            self._pause(_asked_for(response) or _back_off(number))
        raise AssertionError("every try ends above")


def _back_off(number: int) -> float:
    """Twice as long after each try, and never all at the same moment."""
    return min(LONGEST_PAUSE, 0.5 * 2.0**number) * random.uniform(0.5, 1.0)  # noqa: S311 - nothing to guess here


def _asked_for(response: httpx.Response) -> float | None:
    given = response.headers.get("Retry-After", "")
    return min(float(given), 120.0) if given.isdecimal() else None


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
