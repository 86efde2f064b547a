"""Which final labels a person may see outside of a reading."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from classifier.models import Study
from classifier.selectors import sees_answers
from classifier.selectors.final_labels import FinalSaid
from mriplatform.accounts.models import User
from mriplatform.accounts.selectors import Visitor, is_reader_in
from reviews.models import Adjudication, ImageStanding, Outcome, Reading, ReviewEvent


def final_labels_for(*, user: Visitor, studies: Sequence[Study], **_: Any) -> dict[UUID, FinalSaid]:
    """The final labels in these studies that the user may see, by image, in two queries at most.

    Whoever may see the machine's answers sees them. A reader of the collection sees the label of an image that they
    have finished or decided, and not while they have it open: a label would give away what others, and mostly the
    machine, say of it.
    """
    open_to_user = [study.pk for study in studies if sees_answers(user, study)]
    read_by_user = [study.pk for study in studies if is_reader_in(user, study.collection_id)]
    if not isinstance(user, User) or not (open_to_user or read_by_user):
        return {}
    allowed = Q(image__study__in=open_to_user)
    if read_by_user:
        allowed |= Q(image__study__in=read_by_user) & _done_by(user)
    rows = ImageStanding.objects.filter(allowed, outcome=Outcome.FINAL)
    return {
        row.pk: FinalSaid(
            label=row.label or ReviewEvent.Verdict.NOT_ASSESSABLE.value,
            path=row.path,
            at=row.since,
            changed_since=row.changed_since,
        )
        for row in rows
    }


def _done_by(user: User) -> Q:
    own = Reading.objects.filter(reader=user, image=OuterRef("image"))
    label = own.filter(purpose=Reading.Purpose.LABEL, finished_at__isnull=False)
    decided = Adjudication.objects.filter(adjudicator=user, image=OuterRef("image"))
    return (Q(Exists(label)) | Q(Exists(decided))) & ~Q(Exists(own.filter(finished_at=None)))
