"""Sends labels that are likely wrong back: their images are read once more, by somebody who is not told why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from classifier.models import Image, JobStatus, Prediction
from classifier.services.predictions import queue_predictions
from mriplatform.accounts.models import Collection, Membership, User
from mriplatform.accounts.roles import ROLE_PERMISSIONS, Permission
from mriplatform.audit.recording import record
from reviews.exceptions import ReviewRefused
from reviews.models import ImageStanding, LabelSet, LabelSetEntry, Outcome, SentBack, Split, WorklistEntry
from reviews.selectors.likely_errors import newest_found
from reviews.services.finality import refresh_finality
from reviews.services.statements import clean_note

MAX_AT_ONCE = 1000
LIKELY_WRONG = "likely wrong by confident learning"
_READERS = [role for role, granted in ROLE_PERMISSIONS.items() if Permission.READ in granted]

ALREADY = "It was sent back from this label set before."
GONE = "Its pixels were hidden or removed."
WAITS = "It waits for readers as it is."
DISPUTED = "Its readers disagree; it waits for an adjudicator."
KNOWN = "It is a known case, by which readers are measured."
FAILED = "Its analysis failed, so nobody would be given it to read. Have it analysed again first."
NOBODY = (
    "Everybody who reads in this collection has read it or decided on it. Let another person read here, or have an "
    "adjudicator decide."
)


@dataclass
class Sending:
    """What was sent back, and by image why another was not."""

    sent: list[SentBack] = field(default_factory=list)
    kept: dict[UUID, str] = field(default_factory=dict)


@transaction.atomic
def send_back(
    *,
    actor: User | None,
    label_set: LabelSet,
    images: Sequence[UUID] | None = None,
    top: int | None = None,
    reason: str = LIKELY_WRONG,
) -> Sending:
    """Give images of a label set one more place in the worklist each, so that somebody else reads them.

    Until that reader has finished, the image waits and has no final label, unless an adjudicator decided: the decision
    stands. Then the rule of its protocol settles what all its readers say. Nothing that readers get says that an
    image was sent back, by whom, or what its label was. What cannot be read again is kept, with the reason.

    Args:
        images: which; or
        top: the likeliest errors of the newest search, so many.
        reason: kept in the ledger.

    Raises:
        ReviewRefused: 400, neither or both are named, too many, or an image that the set has in no part; 422, no
            search was made yet.
    """
    reason = clean_note(reason)[:300] or LIKELY_WRONG
    scores = _scores(label_set)
    wanted = _wanted(label_set, images, top, scores)
    locked = {
        image.pk: image
        for image in Image.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=wanted)
        .order_by("pk")
    }
    result = Sending(kept=_kept(label_set, locked))
    sent = [locked[pk] for pk in wanted if pk not in result.kept]
    # One by one: a trigger gives each image its place.
    result.sent = [
        SentBack.objects.create(
            image=image, label_set=label_set, score=scores.get(image.pk, 0.0), reason=reason, sent_by=actor
        )
        for image in sent
    ]
    _have_analysed(sent)
    for image in sorted(sent, key=lambda image: image.study_id):
        refresh_finality(image.study_id, image_id=image.pk)
    record(
        action="labels.sent_back", actor=actor, target=label_set, collection_id=label_set.collection_id,
        images=[str(image.pk) for image in sent], kept=len(result.kept),
    )  # fmt: skip
    return result


def _scores(label_set: LabelSet) -> dict[UUID, float]:
    """By image, how likely its label is wrong, in the order of the ranking."""
    search = newest_found(label_set)
    rows = (search.result or {}).get("rows", []) if search else []
    return {UUID(row[0]): float(row[5]) for row in rows}


def _wanted(
    label_set: LabelSet, images: Sequence[UUID] | None, top: int | None, scores: dict[UUID, float]
) -> list[UUID]:
    if (images is None) == (top is None):
        raise _malformed("Name the images, or how many of the likeliest errors.", "what_is_sent_back")
    asked = len(images) if images is not None else top or 0
    if not 1 <= asked <= MAX_AT_ONCE:
        raise _malformed(f"From 1 to {MAX_AT_ONCE:,} labels are sent back at once.", "how_many")
    if images is None:
        if not scores:
            raise ReviewRefused("Look for likely errors first: nothing is ranked yet.", code="nothing_ranked")
        return list(scores)[:top]
    wanted = list(dict.fromkeys(images))
    used = LabelSetEntry.objects.filter(label_set=label_set, image__in=wanted).exclude(split=Split.EXCLUDED)
    if used.count() < len(wanted):
        raise _malformed("An image is in no part of this label set.", "not_in_label_set")
    return wanted


def _kept(label_set: LabelSet, images: dict[UUID, Image]) -> dict[UUID, str]:
    """By image, why it is not sent back."""
    before = set(
        SentBack.objects.filter(label_set=label_set, image__in=images).values_list("image", flat=True)
    )
    entries = WorklistEntry.objects.in_bulk(list(images))
    outcomes = dict(ImageStanding.objects.filter(image__in=images).values_list("image", "outcome"))
    readers = _readers(label_set.collection)
    failed = set(_answers(images.values()).filter(status=JobStatus.FAILED).values_list("image", flat=True))
    kept: dict[UUID, str] = {}
    for pk, image in images.items():
        entry = entries.get(pk)
        if pk in before:
            kept[pk] = ALREADY
        elif not image.pixels_available:
            kept[pk] = GONE
        elif outcomes.get(pk) == Outcome.KNOWN or (entry is not None and entry.known):
            kept[pk] = KNOWN
        elif outcomes.get(pk) == Outcome.DISAGREEMENT:
            kept[pk] = DISPUTED
        elif entry is not None and entry.open:
            kept[pk] = WAITS
        elif pk in failed:
            kept[pk] = FAILED
        elif not readers - set(entry.closed_to if entry else ()):
            kept[pk] = NOBODY
    return kept


def _readers(collection: Collection) -> set[UUID]:
    """Who reads in the collection."""
    members = Membership.objects.filter(collection=collection, role__in=_READERS, user__is_active=True)
    return set(members.values_list("user", flat=True))


def _have_analysed(images: Sequence[Image]) -> None:
    """Queue what an import brought without predictions: what has no answer is in no worklist."""
    have = set(_answers(images).values_list("image", flat=True))
    if missing := [image for image in images if image.pk not in have]:
        queue_predictions(missing)


def _answers(images: Iterable[Image]) -> QuerySet[Prediction]:
    """The predictions that readers of these images are, or will be, shown."""
    return Prediction.objects.filter(image__in=list(images), for_comparison=False)


def _malformed(sentence: str, code: str) -> ReviewRefused:
    return ReviewRefused(sentence, code=code, status=400)
