"""Reads: which collections, which roles, which permissions."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from mriplatform.accounts.models import Collection, Membership, User
from mriplatform.accounts.roles import READER_ROLES, ROLE_PERMISSIONS, Permission, Role

type Visitor = User | AnonymousUser


def roles_of(user: Visitor) -> dict[UUID, frozenset[Role]]:
    """The user's roles by collection; read once per request and kept on the user object."""
    if not isinstance(user, User) or not user.is_active:
        return {}
    cached: dict[UUID, frozenset[Role]] | None = getattr(user, "_roles_by_collection", None)
    if cached is None:
        found: dict[UUID, set[Role]] = {}
        for collection_id, role in Membership.objects.filter(user=user).values_list("collection_id", "role"):
            found.setdefault(collection_id, set()).add(Role(role))
        cached = {collection_id: frozenset(roles) for collection_id, roles in found.items()}
        user._roles_by_collection = cached  # type: ignore[attr-defined]  # a per-request cache
    return cached


def permissions_in(user: Visitor, collection_id: UUID) -> frozenset[Permission]:
    """What the user may do in a collection. A superuser is its administrator, unless they are a member as well."""
    roles = roles_of(user).get(collection_id, frozenset())
    if not roles and user.is_superuser and user.is_active:
        roles = frozenset({Role.ADMIN})
    return frozenset().union(*(ROLE_PERMISSIONS[role] for role in roles)) if roles else frozenset()


def has_anywhere(user: Visitor, permission: Permission) -> bool:
    """Whether the user holds a permission in any collection: for what belongs to the platform, such as models."""
    if user.is_superuser and user.is_active:
        return permission in ROLE_PERMISSIONS[Role.ADMIN]
    return any(permission in ROLE_PERMISSIONS[role] for roles in roles_of(user).values() for role in roles)


def is_reader_in(user: Visitor, collection_id: UUID) -> bool:
    """Whether the user reads in the collection, and so must not see the machine's answers there."""
    return bool(roles_of(user).get(collection_id, frozenset()) & READER_ROLES)


def is_reader_anywhere(user: Visitor) -> bool:
    return any(roles & READER_ROLES for roles in roles_of(user).values())


def collections_of(user: Visitor, permission: Permission | None = None) -> QuerySet[Collection]:
    """The collections a user is a member of (all of them for a superuser), or where they hold `permission`."""
    everything = Collection.objects.all()
    if user.is_superuser and user.is_active and not roles_of(user):
        granted = permission is None or permission in ROLE_PERMISSIONS[Role.ADMIN]
        return everything if granted else everything.none()
    ids = [
        collection_id
        for collection_id in roles_of(user)
        if permission is None or permission in permissions_in(user, collection_id)
    ]
    return everything.filter(pk__in=ids)


def memberships_of(user: User) -> QuerySet[Membership]:
    """The user's roles with their collections, in the order of their names."""
    return Membership.objects.filter(user=user).select_related("collection")
