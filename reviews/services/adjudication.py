"""Decides where readers disagree."""

from uuid import UUID

from django.db import transaction

from classifier.models import Image
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Adjudication, Reading
from reviews.selectors import Outcome, standings
from reviews.services.finality import refresh_finality
from reviews.services.statements import NOT_ASSESSABLE, clean_note, known_label


@transaction.atomic
def adjudicate(
    *, adjudicator: User, image: Image, label: str, rationale: str, supersedes: UUID | None = None
) -> Adjudication:
    """Give an image on which the readers disagree its final label, or decide anew what was decided before.

    A decision stands until another takes its place, whatever the readers say after it. The same person's same
    decision sent twice is one decision.

    Args:
        label: one of `ml.labels.CLASSES`, or `not_assessable`.
        rationale: why; kept for ever.
        supersedes: the decision in force that this one takes the place of; None where there is none yet.

    Raises:
        ReviewRefused: 400, an unknown label or a malformed rationale; 422, no rationale, or the adjudicator is a
            reader of this image.
        ReadingConflict: the readers do not disagree, too few have read it, it was decided already or decided anew
            meanwhile, or its pixels are not to be seen.
    """
    decided = "" if label == NOT_ASSESSABLE else known_label(label)
    rationale = clean_note(rationale)
    if not rationale:
        raise ReviewRefused("Say why you decide so: a decision keeps its reason.", code="rationale_missing")
    locked = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    _ensure_no_reader(adjudicator, locked)
    standing = standings([locked])[locked.pk]
    before = standing.final.adjudication if standing.final else None
    if before is not None and _same(before, adjudicator, decided, rationale, supersedes):
        return before
    if not locked.pixels_available:
        raise ReadingConflict(
            "The pixels of this image were hidden or removed; there is nothing left to decide.",
            code="image_hidden",
        )
    _ensure_open(standing.outcome, before, supersedes)
    adjudication = Adjudication.objects.create(
        image=locked, adjudicator=adjudicator, label=decided, rationale=rationale, supersedes=before
    )
    record(
        action="image.adjudicated", actor=adjudicator, target=locked, collection_id=locked.collection_id,
        adjudication=str(adjudication.pk), supersedes=str(before.pk) if before else None,
    )  # fmt: skip
    refresh_finality(locked.study_id, image_id=locked.pk)
    return adjudication


def _ensure_no_reader(adjudicator: User, image: Image) -> None:
    """Whoever has begun to read the image is its reader, for whatever purpose and with however little said."""
    if Reading.objects.filter(image=image, reader=adjudicator).exists():
        raise ReviewRefused(
            "You have read this image yourself, or begun to; a different person decides.",
            code="adjudicator_is_reader",
        )


def _same(
    before: Adjudication, adjudicator: User, label: str, rationale: str, supersedes: UUID | None
) -> bool:
    said = (before.adjudicator_id, before.label, before.rationale, before.supersedes_id)
    return said == (adjudicator.pk, label, rationale, supersedes)


def _ensure_open(outcome: Outcome, before: Adjudication | None, supersedes: UUID | None) -> None:
    if before is not None and supersedes is None:
        raise ReadingConflict(
            "This image was decided already. To decide it anew, name the decision that yours takes the place of.",
            code="decided_already",
        )
    if before is not None and before.pk != supersedes:
        raise ReadingConflict(
            "Another decision was made meanwhile. Look at it first, then decide anew if you still want to.",
            code="decided_meanwhile",
        )
    if before is None and supersedes is not None:
        raise ReadingConflict(
            "The decision that yours is to take the place of is not this image's.",
            code="nothing_to_supersede",
        )
    if before is None and outcome is not Outcome.DISAGREEMENT:
        raise ReadingConflict(
            "There is nothing to decide: its readers agree, or are not done yet.", code="no_disagreement"
        )
