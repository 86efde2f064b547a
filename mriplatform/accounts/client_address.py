"""Where a request comes from, for the login throttle."""

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The caller's address: the connection's, or, behind our proxy, the last one that the proxy noted.

    Only the last entry of X-Forwarded-For is the proxy's own word; the ones before are the caller's to invent.
    """
    if settings.BEHIND_PROXY:
        noted = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if noted:
            return noted
    return str(request.META.get("REMOTE_ADDR", ""))
