"""Decides where readers disagree."""

from django.db import transaction

from classifier.models import Image
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Adjudication, ReviewEvent
from reviews.selectors import Outcome, standings
from reviews.services.finality import refresh_finality
from reviews.services.statements import NOT_ASSESSABLE, clean_note, known_label


@transaction.atomic
def adjudicate(*, adjudicator: User, image: Image, label: str, rationale: str) -> Adjudication:
    """Give an image on which the readers disagree its final label.

    Args:
        label: one of `ml.labels.CLASSES`, or `not_assessable`.
        rationale: why; kept for ever.

    Raises:
        ReviewRefused: 400, an unknown label or a malformed rationale; 422, no rationale, or the adjudicator has
            said something about this image as a reader.
        ReadingConflict: the readers do not disagree, too few have read it, or it was decided already.
    """
    decided = "" if label == NOT_ASSESSABLE else known_label(label)
    rationale = clean_note(rationale)
    if not rationale:
        raise ReviewRefused("Say why you decide so: a decision keeps its reason.", code="rationale_missing")
    locked = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    if ReviewEvent.objects.filter(reading__image=locked, reading__reader=adjudicator).exists():
        raise ReviewRefused(
            "You have read this image yourself; a different person decides.", code="adjudicator_is_reader"
        )
    if standings([locked])[locked.pk].outcome is not Outcome.DISAGREEMENT:
        raise ReadingConflict(
            "There is nothing to decide: its readers agree, are not done yet, or it was decided already.",
            code="no_disagreement",
        )
    adjudication = Adjudication.objects.create(
        image=locked, adjudicator=adjudicator, label=decided, rationale=rationale
    )
    record(action="image.adjudicated", actor=adjudicator, target=locked, collection_id=locked.collection_id)
    refresh_finality(locked.study_id)
    return adjudication
