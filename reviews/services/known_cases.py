"""Images whose label is known from elsewhere: readers are measured by them, and no label rests on them."""

from typing import Final

from django.db import transaction

from classifier.models import Image
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import KnownCase, WorklistEntry
from reviews.selectors.known_cases import known_case_of
from reviews.services.finality import refresh_finality
from reviews.services.statements import NOT_ASSESSABLE, clean_note, known_label

MAX_SOURCE_CHARACTERS: Final = 300


@transaction.atomic
def set_known_case(*, actor: User, image: Image, label: str, source: str) -> KnownCase:
    """Make an image a known case, or say otherwise of one; saying the same again changes nothing.

    From now on it is offered as a known case alone. What readers said about it before stays on record and counts
    for no label any more.

    Args:
        label: one of `ml.labels.CLASSES`, or `not_assessable`.
        source: where the label is known from, such as histology.

    Raises:
        ReviewRefused: 400, an unknown label or a malformed source; 422, no source.
        ReadingConflict: the image is not analysed yet, or its pixels are not to be seen.
    """
    known = "" if label == NOT_ASSESSABLE else known_label(label)
    source = _clean_source(source)
    locked = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    if not WorklistEntry.objects.filter(image=locked, visible=True).exists():
        raise ReadingConflict(
            "Only an image that was analysed and whose pixels may be seen can be a known case.",
            code="image_not_to_be_read",
        )
    current = known_case_of(locked)
    if current is not None and (current.label, current.source) == (known, source):
        return current
    return _say(actor, locked, label=known, source=source, active=True)


@transaction.atomic
def take_back_known_case(*, actor: User, image: Image, reason: str) -> KnownCase:
    """Make a known case an image like any other: it goes back to the worklist, and its readings count again.

    Raises:
        ReviewRefused: 400, a malformed reason; 422, no reason.
        ReadingConflict: the image is no known case.
    """
    reason = _clean_source(reason)
    locked = Image.objects.select_for_update(no_key=True).get(pk=image.pk)
    current = known_case_of(locked)
    if current is None:
        raise ReadingConflict("This image is no known case.", code="no_known_case")
    return _say(actor, locked, label=current.label, source=reason, active=False)


def _say(actor: User, image: Image, *, label: str, source: str, active: bool) -> KnownCase:
    case = KnownCase.objects.create(image=image, label=label, source=source, active=active, set_by=actor)
    action = "known_case.set" if active else "known_case.taken_back"
    record(action=action, actor=actor, target=image, collection_id=image.collection_id, case=str(case.pk))
    refresh_finality(image.study_id, image_id=image.pk)
    return case


def _clean_source(source: str) -> str:
    source = clean_note(source)
    if not source:
        raise ReviewRefused("Say where that is known from, such as histology.", code="source_missing")
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise ReviewRefused(
            f"The source has {len(source):,} characters; the limit is {MAX_SOURCE_CHARACTERS}.",
            code="source_too_long", status=400,
        )  # fmt: skip
    return source
