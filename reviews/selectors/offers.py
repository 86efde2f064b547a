"""What a reader is offered next: an order that they cannot foresee, and that says nothing where they read blind."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.crypto import salted_hmac

from classifier.models import Image
from mriplatform.accounts.models import Collection, User
from reviews.models import Reading, ReadingProtocol, ReviewEvent
from reviews.selectors.agreement import not_superseded
from reviews.selectors.elsewhere import kept_for_elsewhere
from reviews.selectors.governing import protocol_of
from reviews.selectors.worklist import ASSISTED, LABEL, begun, has_list_aside, read_blind, set_aside, worklist

Order = ReadingProtocol.Order
Drawn = Reading.Drawn
Purpose = Reading.Purpose

# A reading is repeated once so many others were finished after it, and after a night where there is such a one.
OTHERS_BETWEEN: Final = 5
A_DAY: Final = timedelta(hours=24)
# Among how many of the newest that may be repeated one is drawn.
REPEATED_AMONG: Final = 500

MEASURES: Final = {
    Order.ENTROPY: F("entry__entropy").desc(),
    Order.MARGIN: F("entry__margin").asc(),
    Order.LIKELY_TUMOUR: F("entry__tumour").desc(),
}


@dataclass(frozen=True)
class Offer:
    """Where to look for the next image: the first of `images` that can be had, and what its reading will be."""

    images: QuerySet[Image]
    drawn: Reading.Drawn
    purpose: Reading.Purpose = Purpose.LABEL
    repeats: Reading | None = None


def offers(user: User, collection: Collection, *, aside: bool = False) -> Iterator[Offer]:
    """Where the user's next image is looked for, in turn, until one is found.

    At the protocol's rates it is a known case or a repeat; else it is of the worklist: in order of arrival, or, where
    the protocol says so, by the machine's answer, with the declared share drawn at random.
    """
    if aside:
        yield Offer(set_aside(user, collection), Drawn.ARRIVAL)
        return
    protocol = protocol_of(collection)
    draw = draws(user, collection)
    yield from _hidden(user, protocol, draw)
    yield from _ordinary(user, protocol, draw)


def next_images(
    user: User, collection: Collection, *, after: Reading, aside: bool = False, count: int = 1
) -> list[Image]:
    """The images that the user will most likely get after this reading, the likeliest first.

    Nothing is claimed by asking. Only the first follows from what is drawn already; by chance is the first alone.
    """
    aside = aside and has_list_aside(collection)
    going_on = begun(user, collection, aside=aside).exclude(pk=after.pk)[:count]
    found = [reading.image for reading in going_on]
    for offer in offers(user, collection, aside=aside):
        wanted = count - len(found)
        if wanted <= 0:
            break
        by_chance = offer.purpose != LABEL or offer.drawn == Drawn.RANDOM
        others = offer.images.exclude(pk__in=[after.image_id, *(image.pk for image in found)])
        found += others[: 1 if by_chance else wanted]
    return found


def draws(user: User, collection: Collection) -> Callable[[str], float]:
    """A number from 0 to 1 for each thing to be drawn, the same until the user's next reading is begun.

    It follows from the user's newest reading by a keyed hash: without the key nobody foresees it, and to ask again
    changes nothing.
    """
    newest = Reading.objects.filter(reader=user).order_by("-id").values_list("pk", flat=True).first()

    def draw(what: str) -> float:
        value = f"{what}:{user.pk}:{collection.pk}:{newest}"
        digest = salted_hmac("reviews.offers", value, algorithm="sha256").digest()
        return int.from_bytes(digest[:8]) / 2**64

    return draw


def _ordinary(user: User, protocol: ReadingProtocol, draw: Callable[[str], float]) -> Iterator[Offer]:
    images = worklist(user, protocol.collection)
    if protocol.order == Order.ARRIVAL:
        yield Offer(images, Drawn.ARRIVAL)
        return
    blind = read_blind(user, at="entry__")
    # What is read blind must not be ordered by the answer; it comes first, because somebody began it.
    yield Offer(images.filter(blind), Drawn.ARRIVAL)
    # Said outright, though the rest of an assisted worklist is just that: the indexes by measure ask for it.
    rest, share = images.exclude(blind).filter(entry__aside=False), protocol.random_share
    random = Offer(rest.filter(entry__draw__lt=share).order_by("entry__draw", "pk"), Drawn.RANDOM)
    measure = MEASURES[Order(protocol.order)]
    ordered = Offer(rest.filter(entry__draw__gte=share).order_by(measure, "pk"), Drawn.ORDER)
    yield from (random, ordered) if draw("random") < share else (ordered, random)


def _hidden(user: User, protocol: ReadingProtocol, draw: Callable[[str], float]) -> Iterator[Offer]:
    """A known case, or a repeat, where the draw says so; it may turn out that there is none."""
    drawn = draw("hidden")
    if drawn < protocol.known_rate:
        yield Offer(_known(user, protocol), Drawn.ARRIVAL, Purpose.KNOWN)
    elif drawn < protocol.known_rate + protocol.repeat_rate:
        again = _to_repeat(user, protocol, draw("repeat"))
        if again is not None:
            yield Offer(Image.objects.filter(pk=again.image_id), Drawn.ARRIVAL, Purpose.REPEAT, again)


def _known(user: User, protocol: ReadingProtocol) -> QuerySet[Image]:
    """Known cases that the user has not read for anything, in an order of their own."""
    read = Reading.objects.filter(image=OuterRef("pk"), reader=user)
    cases = Image.objects.filter(
        ~Exists(read),
        entry__collection=protocol.collection,
        entry__known=True,
        entry__visible=True,
        hidden_at=None,
    )
    if protocol.mode == ASSISTED:
        waiting = kept_for_elsewhere(user, protocol.collection, at="entry__")
        cases = cases.filter(~waiting, entry__aside=False)
    return cases.order_by("entry__draw", "pk")


def _to_repeat(user: User, protocol: ReadingProtocol, drawn: float) -> Reading | None:
    """A reading of the user's to be read again as they read it then: same mode, and some others since."""
    finished = Reading.objects.filter(reader=user, finished_at__isnull=False).order_by("-finished_at")
    since = finished.values_list("finished_at", flat=True)[OTHERS_BETWEEN - 1 : OTHERS_BETWEEN].first()
    if since is None:
        return None
    able = _repeatable(finished.filter(finished_at__lt=since), protocol)
    among = list(able.filter(finished_at__lt=Now() - A_DAY)[:REPEATED_AMONG]) or list(able[:REPEATED_AMONG])
    return among[int(drawn * len(among))] if among else None


def _repeatable(readings: QuerySet[Reading], protocol: ReadingProtocol) -> QuerySet[Reading]:
    said = ReviewEvent.objects.filter(
        not_superseded(),
        reading=OuterRef("pk"),
        kind__in=[ReviewEvent.Kind.VERDICT, ReviewEvent.Kind.AMENDMENT],
    )
    # To an assisted reader it would be odd to meet in the worklist what was set aside.
    in_list = Q() if protocol.mode != ASSISTED else Q(image__entry__aside=False)
    return readings.filter(
        Exists(said),
        in_list,
        purpose=LABEL,
        repeated_by=None,
        protocol__collection=protocol.collection,
        protocol__mode=protocol.mode,
        image__entry__visible=True,
        image__entry__known=False,
        image__hidden_at=None,
    )
