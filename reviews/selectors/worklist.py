"""The worklist: a query, in an order that says nothing about the answers."""

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from classifier.models import Image, JobStatus, Prediction
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of
from reviews.models import Reading, ReadingProtocol


def protocol_of(collection: Collection) -> ReadingProtocol:
    """The protocol in force; where none was set yet, the default one, unsaved."""
    newest = ReadingProtocol.objects.filter(collection=collection).order_by("-version").first()
    return newest or ReadingProtocol(collection=collection, version=1)


def worklist(user: User, collection: Collection) -> QuerySet[Image]:
    """The images that the user may read now, oldest first, the one they have open among them.

    An image is there once it has been analysed (that it was, never how), while its pixels may be seen, until the
    user has finished it, and as long as fewer others than the protocol asks for have read it or are at it.
    """
    finished = Reading.objects.filter(image=OuterRef("pk"), reader=user, finished_at__isnull=False)
    analysed = Prediction.objects.filter(image=OuterRef("pk"), status=JobStatus.SUCCEEDED)
    others = _taken().filter(image=OuterRef("pk")).exclude(reader=user)
    count = others.order_by().values("image").annotate(readers=Count("pk")).values("readers")
    return (
        Image.objects.filter(Exists(analysed), ~Exists(finished), collection=collection, hidden_at=None)
        .exclude(pixels="")
        .alias(others=Coalesce(Subquery(count, output_field=IntegerField()), 0))
        .filter(others__lt=protocol_of(collection).readers_per_image)
        .order_by("created_at", "id")
    )


def may_hold(user: User, image: Image) -> bool:
    """Whether a place is free for the user at this image: fewer others than the protocol asks for are at it."""
    others = _taken().filter(image=image).exclude(reader=user).count()
    return others < protocol_of(image.collection).readers_per_image


def worklist_counts(user: User, collection: Collection) -> dict[str, int]:
    """The user's own progress: `waiting` for a claim, `mine_open`, `done`, and their `total`."""
    readable = worklist(user, collection)
    mine_open = readable.filter(readings__reader=user).count()
    waiting = readable.count() - mine_open
    done = Reading.objects.filter(
        reader=user, image__collection=collection, finished_at__isnull=False
    ).count()
    return {"waiting": waiting, "mine_open": mine_open, "done": done, "total": waiting + mine_open + done}


def readings_of(user: Visitor) -> QuerySet[Reading]:
    """The user's own readings, in collections that they may still read, newest first, events at hand."""
    if not isinstance(user, User):
        return Reading.objects.none()
    return (
        Reading.objects.filter(reader=user, image__collection__in=collections_of(user, Permission.READ))
        .select_related("image", "image__study", "protocol")
        .prefetch_related("events")
        .order_by("-id")
    )


def _taken() -> QuerySet[Reading]:
    """Readings that hold a place at their image: finished, or claimed with a lease that has not run out."""
    return Reading.objects.filter(Q(finished_at__isnull=False) | Q(lease_expires_at__gt=Now()))
