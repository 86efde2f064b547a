"""What the navigation needs on every page."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere


class Grants:
    """`may.upload`, `may.read`, … in templates; asks only when a template does."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def __getitem__(self, name: str) -> bool:
        return has_anywhere(self._request.user, Permission(name))


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`navigation`: the main pages that the person's roles open; `may`: what they may do anywhere."""
    if not hasattr(request, "user") or not request.user.is_authenticated:
        return {}
    pages = [("home", "Collections")]
    if has_anywhere(request.user, Permission.VIEW_MODELS):
        pages.append(("versions", "Model versions"))
    if request.user.is_staff:
        pages.append(("admin:index", "Admin"))
    entries = [_entry(request, name, label) for name, label in pages]
    return {"navigation": entries, "may": Grants(request)}


def _entry(request: HttpRequest, name: str, label: str) -> dict[str, Any]:
    url = reverse(name)
    current = request.path == url if url == "/" else request.path.startswith(url)
    return {"url": url, "label": label, "current": current}
