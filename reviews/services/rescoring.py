"""Reads the backlog of a collection again with the version that reads there now, a few images at a time."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from classifier.exceptions import StateConflict
from classifier.models import Image, ModelVersion
from classifier.selectors import version_reading_for
from classifier.services.answers import replace_answers
from classifier.services.comparison import ask_about
from classifier.services.registry import verify_stored_checkpoint
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReviewRefused
from reviews.models import Rescore
from reviews.selectors.rescoring import active_rescore, in_line, reads_no_more, to_ask, to_replace

Status = Rescore.Status

MOST_PER_MINUTE: Final = 6000
# What was not asked while the worker predicted is caught up with for this long, no longer: the rate is a bound.
CATCH_UP_SECONDS: Final = 30.0
# Answers that are replaced in one transaction, each with its image locked.
AT_ONCE: Final = 500


@transaction.atomic
def start_rescore(
    *, actor: User | None, collection: Collection, version: ModelVersion, per_minute: int, reason: str
) -> Rescore:
    """Have the version that reads for a collection read its backlog again, `per_minute` images at most.

    Backlog is what nobody has begun to read. Each new answer takes the place of the one before, which stays beside it.

    Raises:
        ReviewRefused: 400, no reason was given, or the rate is none.
        StateConflict: the version does not read for the collection, or a pass is under way there.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    if not reason.strip():
        raise ReviewRefused("Say why: a pass keeps its reason.", code="reason_missing", status=400)
    if not 1 <= per_minute <= MOST_PER_MINUTE:
        sentence = f"A pass asks about 1 to {MOST_PER_MINUTE:,} images a minute."
        raise ReviewRefused(sentence, code="no_such_rate", status=400)
    _require_reads_here(version, collection.pk)
    verify_stored_checkpoint(version)
    try:
        with transaction.atomic():
            rescore = Rescore.objects.create(
                collection=collection, model_version=version, per_minute=per_minute, reason=reason.strip()[:500],
                started_by=actor, stepped_at=Now(),
            )  # fmt: skip
    except IntegrityError as error:
        active = active_rescore(collection)
        with_what = f" by version {active.model_version.number}" if active else ""
        raise StateConflict(
            f"The backlog of this collection is being read again{with_what}. Cancel that, or let it finish.",
            code="rescore_active",
        ) from error
    _note(rescore, "started", actor, reason=rescore.reason, per_minute=per_minute)
    rescore.refresh_from_db()
    return rescore


@transaction.atomic
def pause_rescore(*, actor: User | None, rescore: Rescore) -> Rescore:
    """Ask about no further images for now; what is in line is answered, and stays a comparison until the pass goes on.

    Raises:
        StateConflict: it does not run.
    """
    return _turn(rescore, actor, {Status.RUNNING}, Status.PAUSED, "paused")


@transaction.atomic
def resume_rescore(*, actor: User | None, rescore: Rescore) -> Rescore:
    """Go on after the image that was asked about last.

    Raises:
        StateConflict: it is not paused, or its version does not read for the collection any more.
    """
    _require_reads_here(rescore.model_version, rescore.collection_id)
    return _turn(rescore, actor, {Status.PAUSED}, Status.RUNNING, "resumed", stepped_at=Now())


@transaction.atomic
def cancel_rescore(*, actor: User | None, rescore: Rescore) -> Rescore:
    """End a pass where it is: answers that were replaced stay, and no other is.

    Raises:
        StateConflict: it is over already.
    """
    running = {Status.RUNNING, Status.PAUSED}
    return _turn(rescore, actor, running, Status.CANCELLED, "cancelled", finished_at=Now())


def step_rescores() -> int:
    """Take a step of each pass that runs.

    Returns:
        How many images were asked about, and how many answers replaced, together.
    """
    running = list(Rescore.objects.filter(status=Status.RUNNING).order_by("pk").values_list("pk", flat=True))
    return sum(step_rescore(pk) for pk in running)


@transaction.atomic
def step_rescore(rescore_id: UUID) -> int:
    """One step: put the new answers that have come in their places, and ask about as many images as are due.

    A step that is killed leaves nothing; the next does it again. Of two at once, one does nothing.

    Returns:
        As `step_rescores`.
    """
    # Its time is the database's, taken once the row is held.
    held = Rescore.objects.select_for_update(skip_locked=True, of=("self",)).filter(status=Status.RUNNING)
    rescore = held.annotate(now=Now()).select_related("model_version").filter(pk=rescore_id).first()
    if rescore is None:
        return 0
    if reads_no_more(rescore):
        Rescore.objects.filter(pk=rescore.pk).update(status=Status.PAUSED)
        _note(rescore, "paused", None, why="reads_no_more")
        return 0
    replaced = _replace(rescore)
    asked = _ask(rescore)
    if not (to_ask(rescore).exists() or in_line(rescore).exists()):
        Rescore.objects.filter(pk=rescore.pk).update(status=Status.FINISHED, finished_at=Now())
        _note(rescore, "finished", None)
    return replaced + asked


def _replace(rescore: Rescore) -> int:
    """Put new answers in their places, each image locked as a claim locks it, and looked at again once it is.

    A reading that is begun at this moment has its image locked; that image is passed over, and looked at again later.
    """
    found = list(to_replace(rescore).values_list("pk", flat=True)[:AT_ONCE])
    locking = Image.objects.filter(pk__in=found).order_by("pk").only("pk")
    locked = [image.pk for image in locking.select_for_update(no_key=True, skip_locked=True)]
    free = list(to_replace(rescore).filter(pk__in=locked).only("pk"))
    replaced = replace_answers(images=free, version=rescore.model_version)
    if replaced:
        Rescore.objects.filter(pk=rescore.pk).update(replaced=F("replaced") + replaced)
        _note(rescore, "replaced", None, images=[str(image.pk) for image in free])
    return replaced


def _ask(rescore: Rescore) -> int:
    """Ask about the images that are due, and note the last of them and when."""
    due, stepped_at = _due(rescore)
    # No more than a minute's worth stands in line, so that a slow worker is not buried.
    room = max(0, rescore.per_minute - in_line(rescore).count()) if due else 0
    images = list(to_ask(rescore)[: min(due, room)])
    if images:
        ask_about(images=images, version=rescore.model_version)
        rescore.cursor = images[-1].pk
    Rescore.objects.filter(pk=rescore.pk).update(
        asked=F("asked") + len(images), cursor=rescore.cursor, stepped_at=stepped_at
    )
    return len(images)


def _due(rescore: Any) -> tuple[int, Any]:
    """How many images may be asked about by now, and since when the next ones are counted."""
    each = 60 / rescore.per_minute
    passed = (rescore.now - (rescore.stepped_at or rescore.now)).total_seconds()
    passed = min(max(passed, 0.0), max(CATCH_UP_SECONDS, each))
    due = int(passed / each)
    return due, rescore.now - timedelta(seconds=passed - due * each)


def _turn(
    rescore: Rescore, actor: User | None, before: set[Status], after: Status, word: str, **more: Any
) -> Rescore:
    locked = (
        Rescore.objects.select_for_update(of=("self",)).select_related("model_version").get(pk=rescore.pk)
    )
    if locked.status not in before:
        state = Status(locked.status).label.lower()
        raise StateConflict(f"This pass cannot be {word}: it is {state}.", code="rescore_state")
    Rescore.objects.filter(pk=locked.pk).update(status=after, **more)
    _note(locked, word, actor)
    locked.refresh_from_db()
    return locked


def _require_reads_here(version: ModelVersion, collection_id: UUID) -> None:
    reads = version_reading_for(collection_id)
    if reads is None or reads.pk != version.pk:
        raise StateConflict(
            f"Version {version.number} does not read in this collection, so readers must not be shown its answers. "
            "Put it in force, or name it for the collection, first.",
            code="does_not_read_here",
        )


def _note(rescore: Rescore, what: str, actor: User | None, **data: Any) -> None:
    record(
        action=f"rescore.{what}", actor=actor, target=rescore, collection_id=rescore.collection_id,
        number=rescore.model_version.number, **data,
    )  # fmt: skip
