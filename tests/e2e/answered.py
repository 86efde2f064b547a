"""What the server answered to whom and when, seen from within: every page, fragment, redirect and file of a run."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from django.core.handlers.base import BaseHandler


@dataclass(frozen=True)
class Answered:
    """One answer of the server.

    Attributes:
        text: its headers, then its body; of pixels the headers alone.
        reading: the reading whose panel it shows; empty where it shows none.
        at: when it was complete, by the machine's clock, which is the database's too.
    """

    to: str
    address: str
    text: str
    reading: str
    at: datetime


@contextmanager
def answers_kept() -> Iterator[list[Answered]]:
    """Keeps every answer that a server of this process gives to somebody signed in."""
    kept: list[Answered] = []
    respond = BaseHandler.get_response

    def get_response(self: BaseHandler, request: Any) -> Any:
        response = respond(self, request)
        who = getattr(request, "user", None)
        if who is None or not who.is_authenticated:
            return response
        name, headers = who.username, "\n".join(f"{name}: {value}" for name, value in response.items())

        def keep(body: bytes) -> None:
            text = body.decode(errors="replace")
            shown = re.search(r'data-reading="([0-9a-f-]+)"', text)
            at = datetime.now(UTC)
            kept.append(Answered(name, request.path, f"{headers}\n\n{text}", shown[1] if shown else "", at))

        if not response.streaming:
            keep(response.content)
        elif response["Content-Type"].startswith("image/"):
            keep(b"")
        else:
            response.streaming_content = _listened(response.streaming_content, keep)
        return response

    with patch.object(BaseHandler, "get_response", get_response):
        yield kept


def _listened(pieces: Iterable[bytes], keep: Any) -> Iterator[bytes]:
    whole = b""
    try:
        for piece in pieces:
            whole += piece
            yield piece
    finally:  # also where the one who asked is gone
        keep(whole)
