"""What the server answered to whom and when, seen from within: every page, fragment, redirect and file of a run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from unittest.mock import patch

from django.core.handlers.base import BaseHandler


@dataclass(frozen=True)
class Answered:
    """One answer of the server.

    Attributes:
        text: its headers, then its body; of a body that is sent in pieces (pixels) the headers alone.
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

    def get_response(self, request):
        response = respond(self, request)
        headers = "\n".join(f"{name}: {value}" for name, value in response.items())
        body = "" if response.streaming else response.content.decode(errors="replace")
        shown = re.search(r'data-reading="([0-9a-f-]+)"', body)
        who = getattr(request, "user", None)
        if who is not None and who.is_authenticated:
            kept.append(
                Answered(
                    who.username,
                    request.path,
                    f"{headers}\n\n{body}",
                    shown[1] if shown else "",
                    datetime.now(UTC),
                )
            )
        return response

    with patch.object(BaseHandler, "get_response", get_response):
        yield kept
