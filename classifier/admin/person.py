"""Who acts in the admin."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from mriplatform.accounts.models import User


def staff_person(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else this far."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user
