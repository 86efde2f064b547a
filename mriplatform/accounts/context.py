"""What the navigation needs on every page."""

from typing import Any

from django.http import HttpRequest

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere


class Grants:
    """`may.upload`, `may.read`, … in templates; asks only when a template does."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> bool:
        return has_anywhere(self._request.user, Permission(name))


def navigation(request: HttpRequest) -> dict[str, Any]:
    return {"may": Grants(request)} if hasattr(request, "user") else {}
