"""The worklist and the list of what was set aside: queries, in an order that says nothing about the answers."""

from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, SmallIntegerField, Subquery
from django.db.models.functions import Coalesce, Now

from classifier.models import Image, JobStatus
from classifier.selectors import answering_rows
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import Visitor, collections_of
from reviews.models import Reading, ReadingProtocol, WorklistEntry
from reviews.selectors.elsewhere import kept_for_elsewhere
from reviews.selectors.governing import protocol_of, readers_needed

ASSISTED = ReadingProtocol.Mode.ASSISTED
LABEL = Reading.Purpose.LABEL


def readable(user: User, collection: Collection) -> QuerySet[Image]:
    """The images that the user may read now, oldest first, the one they have open among them.

    An image is there once it has been analysed (that it was, never how), while its pixels may be seen, until the
    user has finished it or decided on it, and as long as fewer others than it needs have read it or are at it.
    Known cases are not, nor what was decided or came with its label, unless it was sent back.
    """
    return Image.objects.filter(may_read(user, collection, at="entry__")).order_by("entry__arrived_at", "pk")


def may_read(user: User, collection: Collection, *, at: str = "") -> Q:
    """What `readable` asks of a `WorklistEntry`, which is reached by `at` from the rows that are filtered."""
    asked = {"collection": collection, "open": True}
    return (
        Q(**{f"{at}{name}": value for name, value in asked.items()})
        & ~Q(**{f"{at}closed_to__contains": [user.pk]})
        & ~Q(**{f"{at}pk__in": _held_by_others(user, collection)})
        & ~kept_for_elsewhere(user, collection, at=at)
    )


def worklist(user: User, collection: Collection) -> QuerySet[Image]:
    """What the user may read now, without what was set aside."""
    images = readable(user, collection)
    return images.exclude(apart(user, at="entry__")) if has_list_aside(collection) else images


def set_aside(user: User, collection: Collection) -> QuerySet[Image]:
    """What the user may read now of the images that the machine gave no class.

    To be on this list is the machine's answer. So there is such a list only where the protocol shows the answer from
    the start; elsewhere it is empty, and these images stand in the worklist among the others.
    """
    if not has_list_aside(collection):
        return Image.objects.none()
    return readable(user, collection).filter(apart(user, at="entry__"))


def has_list_aside(collection: Collection) -> bool:
    """Whether images without a class are read from a list of their own here.

    Only the protocol in force counts. When it stops to be assisted, the list ends at once and its images stand in
    the worklist in order of arrival, those that were begun with the answer too. Which images a reader saw on the
    list before, nobody can take back.
    """
    return protocol_of(collection).mode == ASSISTED


def apart(user: User, *, at: str = "") -> Q:
    """Entries without a class that may be known to be so: what is read blind is never told apart by the answer."""
    return Q(**{f"{at}aside": True}) & ~read_blind(user, at=at)


def read_blind(user: User, *, at: str = "") -> Q:
    """Entries of images that the user reads blind, whatever the protocol in force says.

    Such are those that were first read so, and those that the user began so: they stay blind when it changes.
    """
    begun = Reading.objects.filter(reader=user, finished_at=None, purpose=LABEL).exclude(
        protocol__mode=ASSISTED
    )
    governed = Q(**{f"{at}protocol__in": ReadingProtocol.objects.exclude(mode=ASSISTED).values("pk")})
    return (Q(**{f"{at}protocol__isnull": False}) & governed) | Q(**{f"{at}pk__in": begun.values("image")})


def may_hold(user: User, image: Image) -> bool:
    """Whether a place is free for the user at this image: fewer others than it needs are at it."""
    others = _taken().filter(image=image).exclude(reader=user).count()
    return others < readers_needed(image)


def begun(user: User, collection: Collection, *, aside: bool | None = None) -> QuerySet[Reading]:
    """The user's own readings that wait to be gone on with, oldest claim first.

    Not those whose place was taken after the claim ran out, nor those whose pixels are not to be seen any more.

    Args:
        aside: only those of the list of images without a class, or only the others; where there is no such list
            every reading is among the others.
    """
    going_on = ~Q(purpose=LABEL) | may_read(user, collection, at="image__entry__")
    return (
        Reading.objects.filter(
            going_on,
            _of_list(collection, aside=aside),
            reader=user,
            finished_at=None,
            protocol__collection=collection,
            image__entry__visible=True,
            image__hidden_at=None,
        )
        .select_related("image__study", "protocol")
        .order_by("claimed_at", "id")
    )


def _of_list(collection: Collection, *, aside: bool | None) -> Q:
    if aside is None:
        return Q()
    if not has_list_aside(collection):
        return Q(pk__in=[]) if aside else Q()
    apart = Q(image__entry__aside=True, protocol__mode=ASSISTED)
    return apart if aside else ~apart


def not_begun(user: User, images: QuerySet[Image]) -> QuerySet[Image]:
    """The images of a list that the user has not begun."""
    return images.exclude(pk__in=Reading.objects.filter(reader=user, finished_at=None).values("image"))


def is_being_analysed(collection: Collection) -> bool:
    """Whether the machine still works on images of the collection, or has them in line."""
    waiting = answering_rows().filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    return waiting.filter(image__collection=collection).exists()


def worklist_counts(user: User, collection: Collection) -> dict[str, int]:
    """The user's own progress: `waiting` for a claim, `mine_open`, `set_aside`, `done`, and their `total`.

    To the reader a hidden repeat or a known case is a reading like any other. So `waiting` has those still to be
    expected among it: each claim lowers it by one, whatever it is for.
    """
    protocol = protocol_of(collection)
    mine = Reading.objects.filter(reader=user, finished_at=None, protocol__collection=collection)
    begun = list(mine.values_list("image", "purpose", "image__entry__visible"))
    aside = apart(user) if protocol.mode == ASSISTED else Q(pk__in=[])
    # As values: a subquery would be asked of every entry.
    mine_open = Q(pk__in=[image for image, purpose, _ in begun if purpose == LABEL])
    listed = WorklistEntry.objects.filter(may_read(user, collection)).aggregate(
        waiting=Count("pk", filter=~mine_open & ~aside),
        mine_open=Count("pk", filter=mine_open & ~aside),
        set_aside=Count("pk", filter=aside),
    )
    hidden_open = sum(purpose != LABEL and bool(visible) for _, purpose, visible in begun)
    done = _done(user, collection)
    finished = sum(done.values())
    ordinary = listed["waiting"] + listed["mine_open"] + done.get(LABEL, 0)
    hidden = finished - done.get(LABEL, 0) + hidden_open
    if listed["waiting"]:
        listed["waiting"] += max(0, _expected_hidden(protocol, ordinary) - hidden)
    listed["mine_open"] += hidden_open
    return {**listed, "done": finished, "total": sum(listed.values()) + finished}


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


def open_reading(user: User) -> Reading | None:
    """What the user began last and has not finished, wherever it was: to go on with after a crash or a sign-out."""
    mine = readings_of(user).filter(finished_at=None, image__entry__visible=True, image__hidden_at=None)
    return next(
        (reading for reading in mine[:5] if reading.purpose != LABEL or may_hold(user, reading.image)), None
    )


def _held_by_others(user: User, collection: Collection) -> QuerySet[Reading, UUID]:
    """Images of which others hold all places that are left, by claims that have not run out."""
    newest = ReadingProtocol.objects.filter(collection=collection).order_by("-version")
    in_force = Subquery(newest.values("readers_per_image")[:1])
    return (
        _claimed()
        .filter(protocol__collection=collection)
        .exclude(reader=user)
        .order_by()
        .values("image")
        .annotate(holders=Count("pk"))
        .filter(
            holders__gte=Coalesce(F("image__entry__places"), in_force, 1, output_field=SmallIntegerField())
        )
        .values_list("image", flat=True)
    )


def _claimed() -> QuerySet[Reading]:
    return Reading.objects.filter(purpose=LABEL, finished_at=None, lease_expires_at__gt=Now())


def _taken() -> QuerySet[Reading]:
    """Readings that hold a place at their image: finished, or claimed with a lease that has not run out."""
    return Reading.objects.filter(Q(finished_at__isnull=False) | Q(lease_expires_at__gt=Now()), purpose=LABEL)


def _done(user: User, collection: Collection) -> dict[str, int]:
    finished = Reading.objects.filter(reader=user, protocol__collection=collection, finished_at__isnull=False)
    # `*`, so that the index alone can answer: it has no identifiers.
    return dict(finished.order_by().values_list("purpose").annotate(count=Count("*")))


def _expected_hidden(protocol: ReadingProtocol, ordinary: int) -> int:
    """How many repeats and known cases come with so many ordinary readings, by the protocol's rates."""
    rate = protocol.repeat_rate + protocol.known_rate
    return round(ordinary * rate / (1 - rate))
