"""Admin pages that show a person the rows of their own collections only, and who acts in them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.filters import RelatedFieldListFilter
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of
from mriplatform.audit.admin import ReadOnlyAdmin


def staff_person(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else this far."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class OwnCollectionsAdmin[M: models.Model](ReadOnlyAdmin[M]):
    """Shows the rows of the collections in which the user holds a permission, and no others.

    Django's permissions know no collections: who is an engineer in one may be an uploader in the next.

    Attributes:
        collection_path: from a row to its collection, as a query names it.
        permission: what one must hold in that collection.
    """

    collection_path: ClassVar[str] = "collection"
    permission: ClassVar[Permission] = Permission.VIEW_STUDIES

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        own: dict[str, Any] = {f"{self.collection_path}__in": collections_of(request.user, self.permission)}
        return super().get_queryset(request).filter(**own)


class OwnRowsFilter(RelatedFieldListFilter):
    """A filter of a list that offers only what belongs to the user's own collections: names tell, too."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> list[tuple[str, Any]]:
        to_collection = "pk__in" if field.remote_field.model is Collection else "collection__in"
        permission = getattr(model_admin, "permission", None)
        own = {to_collection: collections_of(request.user, permission)}
        return list(field.get_choices(include_blank=False, limit_choices_to=own))
