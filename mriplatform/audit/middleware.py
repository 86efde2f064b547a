"""Gives every request an identifier that its audit rows, its log lines and its answer share."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from mriplatform.audit.recording import request_id
from mriplatform.identifiers import uuid7


class RequestIdMiddleware:
    """Sets the request identifier (always our own: a caller's could carry a name) and returns it as X-Request-ID."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        identifier = str(uuid7())
        token = request_id.set(identifier)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-ID"] = identifier
        return response
