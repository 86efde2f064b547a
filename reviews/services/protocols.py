"""Which protocol a collection is read under; each change is a new version."""

from django.db import transaction

from classifier.models import Study
from mriplatform.accounts.models import Collection, User
from mriplatform.audit.recording import record
from reviews.exceptions import ReviewRefused
from reviews.models import ReadingProtocol
from reviews.selectors import protocol_of
from reviews.services.finality import refresh_finality

MAX_READERS = 5


@transaction.atomic
def set_protocol(
    *, actor: User | None, collection: Collection, mode: str, readers_per_image: int = 1
) -> ReadingProtocol:
    """Put a protocol in force for the readings begun from now on; setting the same again changes nothing.

    Studies become final, or are no longer, where the number of readers changes what their labels are.

    Raises:
        ReviewRefused: an unknown mode, or not 1 to 5 readers.
    """
    if mode not in ReadingProtocol.Mode.values:
        known = ", ".join(ReadingProtocol.Mode.values)
        raise ReviewRefused(f"The mode is none of {known}.", code="unknown_mode", status=400)
    if not 1 <= readers_per_image <= MAX_READERS:
        raise ReviewRefused(
            f"An image has 1 to {MAX_READERS} readers.", code="readers_out_of_range", status=400
        )
    # Two changes at once would both be the next version; the collection's row makes one wait for the other.
    Collection.objects.select_for_update(no_key=True).get(pk=collection.pk)
    current = protocol_of(collection)
    unchanged = (current.mode, current.readers_per_image) == (mode, readers_per_image)
    if not current._state.adding and unchanged:
        return current
    protocol = ReadingProtocol.objects.create(
        collection=collection,
        version=current.version if current._state.adding else current.version + 1,
        mode=mode,
        readers_per_image=readers_per_image,
        set_by=actor,
    )
    record(
        action="protocol.set", actor=actor, target=protocol, collection_id=collection.pk, version=protocol.version,
        mode=mode, readers_per_image=readers_per_image,
    )  # fmt: skip
    if current.readers_per_image != readers_per_image:
        _refresh_studies(collection)
    return protocol


def ensure_protocol(collection: Collection) -> ReadingProtocol:
    """The protocol in force; the first time, version 1 (`blinded_first`, one reader) is made."""
    protocol = protocol_of(collection)
    if not protocol._state.adding:
        return protocol
    return set_protocol(
        actor=None, collection=collection, mode=protocol.mode, readers_per_image=protocol.readers_per_image
    )


def _refresh_studies(collection: Collection) -> None:
    read = Study.objects.filter(collection=collection, images__readings__finished_at__isnull=False)
    for study in read.distinct().order_by("pk"):
        refresh_finality(study.pk)
