"""Protocols: those that a collection was read by."""

from django.db.models import QuerySet

from mriplatform.accounts.models import Collection
from reviews.models import ReadingProtocol


def protocols_of(collection: Collection) -> QuerySet[ReadingProtocol]:
    """Every version of a collection's protocol, the one in force first."""
    return ReadingProtocol.objects.filter(collection=collection).select_related("set_by").order_by("-version")
