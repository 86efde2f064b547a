"""A version in the shadow of a collection: it answers what comes in from now on, and no reader is shown it."""

from collections.abc import Iterable
from typing import Final, Literal
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from classifier.exceptions import StateConflict
from classifier.models import Image, ModelVersion, Prediction, Shadow
from classifier.selectors import version_reading_for
from classifier.selectors.shadows import shadows_over
from classifier.services.registry import verify_stored_checkpoint
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record

# One lock for each collection: whoever begins a shadow there holds it alone, uploads hold it together.
_SHADOW_LOCK: Final = 0x73_6861  # "sha"


@transaction.atomic
def queue_shadows(images: list[Image]) -> None:
    """Queue, for comparison, what the versions in the shadow of the images' collections say of them.

    Called where the images are stored, after them and in the same transaction.
    """
    collections = {image.collection_id for image in images}
    _hold("pg_advisory_xact_lock_shared", collections)
    shadows = shadows_over(collections)
    Prediction.objects.bulk_create(
        [
            Prediction(image=image, model_version=version, for_comparison=True)
            for image in images
            for version in shadows.get(image.collection_id, ())
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def start_shadow(*, actor: User | None, version: ModelVersion, collection: Collection, reason: str) -> Shadow:
    """Have a version answer, unseen, every image that comes into a collection from now on.

    Each upload either came before or is answered by it: uploads that are being stored at this moment are waited for.

    Raises:
        StateConflict: no reason was given, the version reads there itself, or is in the shadow already.
        CheckpointRefused: its checkpoint cannot be found, or is not the bytes that were registered.
    """
    if not reason.strip():
        raise StateConflict("Say why: a shadow keeps its reason.", code="reason_missing", status=400)
    verify_stored_checkpoint(version)
    _hold("pg_advisory_xact_lock", [collection.pk])
    reads = version_reading_for(collection.pk)
    if reads is not None and reads.pk == version.pk:
        raise StateConflict(
            f"Version {version.number} reads here itself: its answers are those that readers see.",
            code="reads_already",
        )
    try:
        with transaction.atomic():
            shadow = Shadow.objects.create(
                model_version=version, collection=collection, reason=reason.strip()[:500], started_by=actor
            )
    except IntegrityError as error:
        raise StateConflict(
            f"Version {version.number} is in the shadow of this collection already.", code="shadow_already"
        ) from error
    record(
        action="shadow.started", actor=actor, target=shadow, collection_id=collection.pk, number=version.number,
        reason=shadow.reason,
    )  # fmt: skip
    shadow.refresh_from_db()
    return shadow


@transaction.atomic
def end_shadow(*, actor: User | None, shadow: Shadow) -> Shadow:
    """End a shadow; what came in its time is still answered and counted. Ending twice changes nothing."""
    locked = Shadow.objects.select_for_update(of=("self",)).select_related("model_version").get(pk=shadow.pk)
    if locked.ended_at is None:
        Shadow.objects.filter(pk=locked.pk).update(ended_at=Now(), ended_by=actor)
        record(
            action="shadow.ended", actor=actor, target=locked, collection_id=locked.collection_id,
            number=locked.model_version.number,
        )  # fmt: skip
        locked.refresh_from_db()
    return locked


def _hold(
    lock: Literal["pg_advisory_xact_lock", "pg_advisory_xact_lock_shared"], collections: Iterable[UUID]
) -> None:
    """Hold the collections' locks until this transaction ends.

    An upload that stored its images and asked no shadow has its moment before one that waits for it here; one that
    waits for a shadow to begin sees it afterwards. So nothing that came in a shadow's time was asked of nobody.
    """
    with connection.cursor() as cursor:
        for key in sorted(str(collection) for collection in collections):
            cursor.execute(f"SELECT {lock}(%s, hashtext(%s))", [_SHADOW_LOCK, key])
