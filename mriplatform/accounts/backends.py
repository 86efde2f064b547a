"""Turns the role table into Django's permissions, for the admin."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Model

from mriplatform.accounts.models import User
from mriplatform.accounts.roles import ADMIN_PERMISSIONS
from mriplatform.accounts.selectors import roles_of


class RoleBackend(ModelBackend):
    """Django's model backend, with what each role may do in the admin added."""

    def get_all_permissions(self, user_obj: Any, obj: Model | None = None) -> set[str]:
        granted: set[str] = set(super().get_all_permissions(user_obj, obj))
        if isinstance(user_obj, User) and user_obj.is_active and user_obj.is_staff and obj is None:
            for roles in roles_of(user_obj).values():
                granted.update(*(ADMIN_PERMISSIONS.get(role, frozenset()) for role in roles))
        return granted

    def has_perm(self, user_obj: Any, perm: str, obj: Model | None = None) -> bool:
        return bool(user_obj.is_active) and perm in self.get_all_permissions(user_obj, obj)
