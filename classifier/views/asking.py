"""What pages that ask again by themselves have in common, and identifiers in an address."""

from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest

# Milliseconds until a waiting page asks again: often while an answer is due, then ever more rarely.
_PAUSES = (1, 50, 100, 150, 250, 250, 250, 250, 250, 400, 600, 900, 1300, 2000)


def identifier_in(request: HttpRequest, name: str) -> UUID | None:
    """The identifier that a query parameter names, if there is one.

    Raises:
        BadRequest: it is none.
    """
    asked = request.GET.get(name)
    try:
        return UUID(asked) if asked else None
    except ValueError as error:
        raise BadRequest(f"The query parameter {name!r} must be an identifier.") from error


def times_asked(request: HttpRequest) -> int:
    """How often a waiting page has asked, as it says itself."""
    asked = request.GET.get("asked", "0")
    return int(asked) if asked.isdecimal() and len(asked) < 6 else 0


def brings_news(request: HttpRequest, settled: bool) -> bool:
    """Whether to send what has settled: once only, since sent again it would be taken away under who looks at it."""
    return settled and "answered" not in request.GET


def pause_after(asked: int) -> int:
    """Milliseconds until a page that has asked so often asks again."""
    return _PAUSES[min(asked, len(_PAUSES) - 1)]
