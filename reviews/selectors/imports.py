"""Labels that came with imported data sets."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from mriplatform.accounts.models import Collection
from reviews.models import ImportedLabel


def newest_imported_labels(collection: Collection | None = None) -> QuerySet[ImportedLabel]:
    """Of each image the imported label that counts: the newest.

    Args:
        collection: the images of this one alone.
    """
    # Rows of one statement have one time; their identifiers (uuid7) tell them apart.
    later = Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    newer = ImportedLabel.objects.filter(later, image=OuterRef("image"))
    newest = ImportedLabel.objects.filter(~Exists(newer)).order_by()
    return newest if collection is None else newest.filter(image__collection=collection)
