"""Pixels that lie in two collections, and that a reader has still to read without the machine's answer in one."""

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from classifier.models import Image
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import permissions_in, roles_of
from reviews.models import Reading, ReadingProtocol
from reviews.selectors.governing import protocol_of

Mode = ReadingProtocol.Mode


def kept_for_elsewhere(user: User, collection: Collection, *, at: str = "") -> Q:
    """Entries that the user may not begin here yet: the answer would be shown from the start, to pixels that they
    have still to read blind in another collection.

    An answer to the same pixels is the same answer. So these images, their place in an order and their list aside
    wait until the user has finished with the others, or cannot read those any more. What was begun here stays.

    Args:
        at: the way to a `WorklistEntry` from the rows that are filtered.
    """
    others = [
        pk for pk in roles_of(user) if pk != collection.pk and Permission.READ in permissions_in(user, pk)
    ]
    if not others:
        return Q(pk__in=[])
    shown_at_once = Q(**{f"{at}protocol__mode": Mode.ASSISTED})
    if protocol_of(collection).mode == Mode.ASSISTED:
        shown_at_once |= Q(**{f"{at}protocol__isnull": True})
    same_pixels = _to_read_blind(user).filter(
        collection__in=others, pixel_sha256=OuterRef(f"{at}image__pixel_sha256")
    )
    begun = Reading.objects.filter(reader=user, image=OuterRef(f"{at}image"))
    return shown_at_once & Q(Exists(same_pixels)) & ~Q(Exists(begun))


def still_read_blind_elsewhere(user: User, *, at: str) -> Q:
    """Rows of images whose pixels the user has still to read blind in another collection.

    Who decides between readers is told what they said, and with that mostly what the machine did: these wait, too.

    Args:
        at: the way to an `Image` from the rows that are filtered, such as `image__`.
    """
    read = [pk for pk in roles_of(user) if Permission.READ in permissions_in(user, pk)]
    if not read:
        return Q(pk__in=[])
    same_pixels = _to_read_blind(user).filter(
        ~Q(collection=OuterRef(f"{at}collection")),
        collection__in=read,
        pixel_sha256=OuterRef(f"{at}pixel_sha256"),
    )
    return Q(Exists(same_pixels))


def _to_read_blind(user: User) -> QuerySet[Image]:
    """Images that the user has not finished, may yet come to read, and would read without an answer at first."""
    newest = ReadingProtocol.objects.filter(collection=OuterRef("collection")).order_by("-version")
    mine = Reading.objects.filter(reader=user, image=OuterRef("pk"))
    to_come = (
        Q(entry__isnull=True)
        | (Q(entry__open=True) & ~Q(entry__closed_to__contains=[user.pk]))
        | Q(entry__known=True)
        | Exists(mine.filter(finished_at=None))
    )
    return (
        Image.objects.filter(to_come, ~Exists(mine.filter(finished_at__isnull=False)), hidden_at=None)
        .exclude(pixels="")
        .alias(
            mode=Coalesce(
                "entry__protocol__mode", Subquery(newest.values("mode")[:1]), Value(Mode.BLINDED_FIRST.value)
            )
        )
        .exclude(mode=Mode.ASSISTED)
    )
