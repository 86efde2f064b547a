"""Who may hear of what: the same roles as at every other door, and never a reader of what they read, too early.

Asked again at each delivery, with the owner's roles as they are then: who lost a role, or was made a reader, is told
nothing more from that moment on.
"""

from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from classifier.models import Image, Study
from classifier.selectors.same_pixels import collections_read_by
from mriplatform.accounts.models import User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import has_anywhere, is_reader_in, permissions_in
from mriplatform.outbox.audience import NOBODY, May
from mriplatform.outbox.kinds import TEST, Kind
from mriplatform.outbox.models import Endpoint, OutboxEvent

YES: Final = May(hear=True)


def audience(endpoint: Endpoint, event: OutboxEvent) -> May:
    """Whether an endpoint's owner may know of an event now."""
    # Read anew: roles are kept on the object, and this one may have been read a moment ago.
    owner = User.objects.filter(pk=endpoint.owner_id, is_active=True).first()
    if owner is None or not may_have(owner, endpoint.collection_id):
        return NOBODY
    if (
        endpoint.collection_id is not None
        and event.kind != TEST
        and event.collection_id != endpoint.collection_id
    ):
        return NOBODY
    rule = _RULES.get(event.kind)
    return rule(owner, event) if rule else NOBODY


def may_have(owner: User, collection_id: UUID | None) -> bool:
    """Whether somebody may have an endpoint at all: of a collection whose studies they see, or of the platform."""
    if collection_id is None:
        return has_anywhere(owner, Permission.VIEW_MODELS)
    return Permission.VIEW_STUDIES in permissions_in(owner, collection_id)


def kinds_for(owner: User, collection_id: UUID | None) -> list[Kind]:
    """What somebody's endpoint may be told of, there; some of it perhaps only when a study is final."""
    if not may_have(owner, collection_id):
        return []
    if collection_id is None:
        return [Kind.TRAINING_RUN_FINISHED, Kind.MODEL_VERSION_PROMOTED]
    granted = permissions_in(owner, collection_id)
    kinds = [Kind.PREDICTION_SUCCEEDED, Kind.PREDICTION_FAILED, Kind.STUDY_FINAL]
    if Permission.DOWNLOAD_LABELS in granted or is_reader_in(owner, collection_id):
        kinds.append(Kind.REVIEW_SUBMITTED)
    if Permission.VIEW_MODELS in granted:
        kinds.append(Kind.TRAINING_RUN_FINISHED)
    return kinds


def _prediction(owner: User, event: OutboxEvent) -> May:
    """At once to who reads nothing of it; to a reader of these pixels when all that they may still read is final.

    What another version was asked for comparison is only for who may view predictions, never for a reader.
    """
    if event.collection_id is None:
        return NOBODY
    comparison = event.data.get("for_comparison") is True
    if comparison and Permission.VIEW_PREDICTIONS not in permissions_in(owner, event.collection_id):
        return NOBODY
    read = collections_read_by(owner)
    if not read:
        return YES
    image = Image.objects.filter(pk=event.data["image"]).only("study_id", "pixel_sha256").first()
    if image is None:
        return NOBODY
    same = Image.objects.filter(collection__in=read, pixel_sha256=image.pixel_sha256)
    here = {image.study_id} if event.collection_id in read else set()
    studies = here | set(same.values_list("study_id", flat=True))
    if studies and comparison:
        return NOBODY
    return _when_final(studies)


def _when_final(studies: Iterable[UUID]) -> May:
    open_ = Study.objects.filter(pk__in=studies, finalised_at=None).order_by("pk").first()
    return YES if open_ is None else May(hear=False, wait_for=open_.pk)


def _review(owner: User, event: OutboxEvent) -> May:
    """To a reader of the collection their own; to others where they may see labels."""
    if event.collection_id is None:
        return NOBODY
    if is_reader_in(owner, event.collection_id):
        return May(hear=event.actor_id == owner.pk)
    return May(hear=Permission.DOWNLOAD_LABELS in permissions_in(owner, event.collection_id))


def _models(owner: User, event: OutboxEvent) -> May:
    return May(hear=has_anywhere(owner, Permission.VIEW_MODELS))


def _anybody(owner: User, event: OutboxEvent) -> May:
    return YES


_RULES: Final[dict[str, Callable[[User, OutboxEvent], May]]] = {
    Kind.PREDICTION_SUCCEEDED: _prediction,
    Kind.PREDICTION_FAILED: _prediction,
    Kind.REVIEW_SUBMITTED: _review,
    Kind.STUDY_FINAL: _anybody,
    Kind.TRAINING_RUN_FINISHED: _models,
    Kind.MODEL_VERSION_PROMOTED: _models,
    TEST: _anybody,
}
