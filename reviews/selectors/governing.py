"""Which protocol governs an image: the one that its first reader said something under, whatever came later."""

from collections.abc import Iterable
from uuid import UUID

from classifier.models import Image
from mriplatform.accounts.models import Collection
from reviews.models import ReadingProtocol, WorklistEntry


def protocol_of(collection: Collection) -> ReadingProtocol:
    """The protocol in force; where none was set yet, the default one, unsaved."""
    newest = ReadingProtocol.objects.filter(collection=collection).order_by("-version").first()
    if newest is None:
        return ReadingProtocol(collection=collection, version=1)
    newest.collection = collection  # at hand already
    return newest


def governing_protocol(image: Image) -> ReadingProtocol:
    """The protocol under which the image is read: see `governing_protocols`; the one in force where nobody said
    anything about it yet (unsaved where none was ever set, see `protocol_of`)."""
    return governing_protocols([image.pk]).get(image.pk) or protocol_of(image.collection)


def readers_needed(image: Image) -> int:
    """How many readers the image needs: those of the protocol that governs it, and one for each time it was sent back.

    What an import brought comes with its label and needs only those that it was sent back to.
    """
    kept = WorklistEntry.objects.filter(image=image).values_list("readers", flat=True).first()
    return protocol_of(image.collection).readers_per_image if kept is None else kept


def governing_protocols(images: Iterable[UUID]) -> dict[UUID, ReadingProtocol]:
    """By image, the protocol of its earliest reading in which something was said; unread images are not in it.

    Earliest by what was said, not by the claim: a claim of long ago in which the first word falls today must not
    change the rule for what was read since. Repeats and known cases govern nothing.
    """
    return {image: protocol for image, (protocol, _) in governing_rules(images).items()}


def governing_rules(images: Iterable[UUID]) -> dict[UUID, tuple[ReadingProtocol, int]]:
    """By image, the protocol of `governing_protocols`, and how many readers the image needs under it."""
    entries = WorklistEntry.objects.filter(image__in=list(images), protocol__isnull=False)
    found = list(entries.values_list("image", "protocol", "readers"))
    # A protocol governs thousands of images: it is made once, not for each of them.
    protocols = ReadingProtocol.objects.in_bulk({protocol for _, protocol, _ in found if protocol})
    return {image: (protocols[protocol], readers or 0) for image, protocol, readers in found if protocol}
