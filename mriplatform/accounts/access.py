"""Permission as functions that return the object or raise: not yours is 404, a role that may never is 403."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404

from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of, has_anywhere, permissions_in

NOT_FOUND = "There is nothing here, or it is not yours to see."


def get_collection(user: Visitor, collection_id: UUID, permission: Permission) -> Collection:
    """The collection, if the user is a member and a role of theirs grants `permission`."""
    collection = collections_of(user).filter(pk=collection_id).first()
    if collection is None:
        raise Http404(NOT_FOUND)
    require_in(user, collection_id, permission)
    return collection


def get_platform_administrator(user: Visitor) -> User:
    """The user, if the whole platform is theirs to administer."""
    if not (isinstance(user, User) and user.is_active and user.is_superuser):
        raise PermissionDenied("Only administrators of the platform may do this.")
    return user


def require_in(user: Visitor, collection_id: UUID, permission: Permission) -> None:
    if permission not in permissions_in(user, collection_id):
        raise PermissionDenied(f"None of your roles in this collection may do this ({permission}).")


def require_anywhere(user: Visitor, permission: Permission) -> None:
    if not has_anywhere(user, permission):
        raise PermissionDenied(f"None of your roles may do this ({permission}).")
