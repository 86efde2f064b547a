"""The same pixels in a collection that somebody reads: what is said of the ones is said of the others.

Three doors, one rule. A list leaves such rows out (`same_pixels_read_by`). What is whole, so that its counts or its
hash would say what a row left out says, is refused as soon as it may hold one (`reads_pixels_of`). Of one study or
image, `sees_answers` asks.
"""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from classifier.models import Image
from mriplatform.accounts.models import User
from mriplatform.accounts.selectors import Visitor, is_reader_in, roles_of


def collections_read_by(user: Visitor) -> list[UUID]:
    """The collections in which the user is a reader."""
    return [collection_id for collection_id in roles_of(user) if is_reader_in(user, collection_id)]


def same_pixels_read_by(user: Visitor | None, *, at: str = "") -> Q:
    """Rows of images whose pixels lie in a collection in which the user reads; of nobody, none.

    Args:
        at: the way to an `Image` from the rows that are filtered, such as `image__`.
    """
    read = collections_read_by(user) if user is not None else []
    if not read:
        return Q(pk__in=[])
    same = Image.objects.filter(collection__in=read, pixel_sha256=OuterRef(f"{at}pixel_sha256"))
    return Q(Exists(same))


def reads_pixels_of(user: Visitor, collection_id: UUID) -> bool:
    """Whether the user reads in a collection, or reads some of its pixels in another one.

    Asked once per request and collection, as roles are, and of nobody who reads nowhere.
    """
    if is_reader_in(user, collection_id):
        return True
    if not isinstance(user, User) or not collections_read_by(user):
        return False
    known: dict[UUID, bool] = user.__dict__.setdefault("_reads_pixels_of", {})
    if collection_id not in known:
        shared = Image.objects.filter(same_pixels_read_by(user), collection=collection_id)
        known[collection_id] = shared.exists()
    return known[collection_id]
