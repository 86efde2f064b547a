"""The worklist and the list of what was set aside: queries, in an order that says nothing about the answers."""

from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from classifier.models import Image, JobStatus
from classifier.selectors import answering_rows
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of
from reviews.models import Reading, ReadingProtocol
from reviews.selectors.governing import protocol_of


def readable(user: User, collection: Collection) -> QuerySet[Image]:
    """The images that the user may read now, oldest first, the one they have open among them.

    An image is there once it has been analysed (that it was, never how), while its pixels may be seen, until the
    user has finished it, and as long as fewer others than the protocol asks for have read it or are at it.
    """
    finished = Reading.objects.filter(image=OuterRef("pk"), reader=user, finished_at__isnull=False)
    analysed = answering_rows().filter(image=OuterRef("pk"), status=JobStatus.SUCCEEDED)
    others = _taken().filter(image=OuterRef("pk")).exclude(reader=user)
    count = others.order_by().values("image").annotate(readers=Count("pk")).values("readers")
    return (
        Image.objects.filter(Exists(analysed), ~Exists(finished), collection=collection, hidden_at=None)
        .exclude(pixels="")
        .alias(others=Coalesce(Subquery(count, output_field=IntegerField()), 0))
        .filter(others__lt=protocol_of(collection).readers_per_image)
        .order_by("created_at", "id")
    )


def worklist(user: User, collection: Collection) -> QuerySet[Image]:
    """What the user may read now, without what was set aside."""
    return _by_answer(user, collection, aside=False)


def set_aside(user: User, collection: Collection) -> QuerySet[Image]:
    """What the user may read now of the images that the machine gave no class.

    To be on this list is the machine's answer. So there is such a list only where the protocol shows the answer from
    the start; elsewhere it is empty, and these images stand in the worklist among the others.
    """
    return _by_answer(user, collection, aside=True)


def has_list_aside(collection: Collection) -> bool:
    """Whether images without a class are read from a list of their own here."""
    return protocol_of(collection).mode == ReadingProtocol.Mode.ASSISTED


def _by_answer(user: User, collection: Collection, *, aside: bool) -> QuerySet[Image]:
    images = readable(user, collection)
    if not has_list_aside(collection):
        return images.none() if aside else images
    answers = answering_rows().filter(image=OuterRef("pk"), status=JobStatus.SUCCEEDED)
    answer = answers.values("not_assessable")[:1]
    # A reading that was begun blind stays blind when the collection's protocol changes.
    blind = Reading.objects.filter(image=OuterRef("pk"), reader=user).exclude(
        protocol__mode=ReadingProtocol.Mode.ASSISTED
    )
    return images.alias(apart=Subquery(answer), blind=Exists(blind)).filter(
        Q(apart=True, blind=False) if aside else Q(apart=False) | Q(blind=True)
    )


def may_hold(user: User, image: Image) -> bool:
    """Whether a place is free for the user at this image: fewer others than the protocol asks for are at it."""
    others = _taken().filter(image=image).exclude(reader=user).count()
    return others < protocol_of(image.collection).readers_per_image


def worklist_counts(user: User, collection: Collection) -> dict[str, int]:
    """The user's own progress: `waiting` for a claim, `mine_open`, `set_aside`, `done`, and their `total`."""
    listed = worklist(user, collection)
    mine_open = listed.filter(readings__reader=user).count()
    waiting, aside = listed.count() - mine_open, set_aside(user, collection).count()
    done = Reading.objects.filter(
        reader=user, image__collection=collection, finished_at__isnull=False
    ).count()
    total = waiting + mine_open + aside + done
    return {
        "waiting": waiting, "mine_open": mine_open, "set_aside": aside, "done": done, "total": total
    }  # fmt: skip


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
