"""Searches a label set for labels that are likely wrong: asked for by a person, found by a worker."""

import logging
import time
from typing import Any, Final

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now

from classifier import doorbell
from classifier.models import ModelVersion
from ml.label_errors import find_label_errors
from ml.labels import CLASSES, InputError
from mriplatform.accounts.models import User
from mriplatform.audit.recording import record
from reviews.models import LabelErrorSearch, LabelSet
from reviews.selectors.likely_errors import labelled

logger = logging.getLogger(__name__)

FIND: Final = "reviews.find_label_errors"
_QUEUE: Final = "inference"
MAX_ATTEMPTS: Final = 3
# The likely errors are kept, however many, and of the others so many that the ranking has these rows at least.
ROWS_KEPT: Final = 200

Status = LabelErrorSearch.Status


@transaction.atomic
def ask_for_label_errors(*, actor: User | None, label_set: LabelSet) -> LabelErrorSearch:
    """Ask which labels of a set are likely wrong; as long as nobody has answered, asking again adds but a bell."""
    # One who asks at the same moment waits here, and then finds this one's row.
    LabelSet.objects.select_for_update(no_key=True).get(pk=label_set.pk)
    doorbell.ring(FIND, _QUEUE)
    waiting = LabelErrorSearch.objects.filter(label_set=label_set, status=Status.QUEUED).first()
    if waiting is not None:
        return waiting
    search = LabelErrorSearch.objects.create(label_set=label_set, asked_by=actor)
    record(
        action="label_errors.asked", actor=actor, target=search, collection_id=label_set.collection_id,
        label_set=label_set.number,
    )  # fmt: skip
    return search


def find_due_label_errors() -> int:
    """Answer what was asked, one search after another; one that a worker is at is left to it.

    Returns:
        How many were answered.
    """
    answered = 0
    while _answer_one():
        answered += 1
    return answered


def _answer_one() -> bool:
    with transaction.atomic():
        # Counted before the work and for itself: what kills a worker three times is not tried a fourth.
        search = _queued().first()
        if search is None:
            return False
        LabelErrorSearch.objects.filter(pk=search.pk).update(attempt=F("attempt") + 1)
    with transaction.atomic():
        held = _queued().filter(pk=search.pk).select_related("label_set").first()
        if held is None:
            return True  # another worker took it in between
        if held.attempt > MAX_ATTEMPTS:
            _fail(
                held, "The worker stopped during each of 3 attempts; the label set may be too large for it."
            )
            return True
        try:
            _find(held)
        except InputError as error:
            _fail(held, str(error))
        except (OperationalError, InterfaceError):
            raise  # the database is away: no fault of this label set's
        except Exception as error:
            logger.exception("The likely errors of label set %s could not be found.", held.label_set.number)
            _fail(held, f"The search stopped with a fault ({type(error).__name__}).")
    return True


def _queued() -> Any:
    rows = LabelErrorSearch.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return rows.filter(status=Status.QUEUED).order_by("asked_at", "id")


def _find(search: LabelErrorSearch) -> None:
    begun = time.monotonic()
    found = labelled(search.label_set)
    if found is None:
        raise InputError(
            "No image of this label set has an embedding yet. Have a version read them, or train, then ask again."
        )
    errors = find_label_errors(found.embeddings, found.labels, found.groups)
    ranked = errors.ranked()[: max(ROWS_KEPT, int(errors.likely.sum()))]
    rows = [
        [
            str(found.images[place]),
            CLASSES[label],
            CLASSES[suggested],
            round(float(p[label]), 4),
            round(float(p[suggested]), 4),
            round(float(errors.score[place]), 4),
            bool(errors.likely[place]),
        ]
        for place in ranked
        for label, p in [(found.labels[place], errors.probabilities[place])]
        for suggested in [_suggested(p, int(label))]
    ]
    result = {
        "rows": rows,
        "likely": int(errors.likely.sum()),
        "used": len(found.images),
        "without": found.without,
        "joint": [[round(float(value), 1) for value in row] for row in errors.joint],
        "seconds": round(time.monotonic() - begun, 2),
    }
    _end(search, Status.SUCCEEDED, result=result, model_version=found.version)
    record(
        action="label_errors.found", target=search, collection_id=search.label_set.collection_id,
        likely=result["likely"], used=result["used"],
    )  # fmt: skip


def _suggested(probabilities: Any, label: int) -> int:
    """The most probable class but the label: what the score compares it with."""
    return max(
        (index for index in range(len(CLASSES)) if index != label), key=lambda index: probabilities[index]
    )


def _fail(search: LabelErrorSearch, reason: str) -> None:
    _end(search, Status.FAILED, failure_reason=reason[:300])


def _end(
    search: LabelErrorSearch,
    status: LabelErrorSearch.Status,
    *,
    result: dict[str, Any] | None = None,
    model_version: ModelVersion | None = None,
    failure_reason: str = "",
) -> None:
    LabelErrorSearch.objects.filter(pk=search.pk).update(
        status=status,
        finished_at=Now(),
        result=result,
        model_version=model_version,
        failure_reason=failure_reason,
    )
