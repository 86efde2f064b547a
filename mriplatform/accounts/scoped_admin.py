"""Admin pages that show a person the rows of their own collections only."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from mriplatform.accounts.selectors import collections_of
from mriplatform.audit.admin import ReadOnlyAdmin


class OwnCollectionsAdmin[M: models.Model](ReadOnlyAdmin[M]):
    """Shows the rows of the collections that the user is a member of, and no others.

    Attributes:
        collection_path: from a row to its collection, as a query names it.
    """

    collection_path: ClassVar[str] = "collection"

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        own: dict[str, Any] = {f"{self.collection_path}__in": collections_of(request.user)}
        return super().get_queryset(request).filter(**own)
