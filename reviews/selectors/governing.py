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


def governing_protocols(images: Iterable[UUID]) -> dict[UUID, ReadingProtocol]:
    """By image, the protocol of its earliest reading in which something was said; unread images are not in it.

    Earliest by what was said, not by the claim: a claim of long ago in which the first word falls today must not
    change the rule for what was read since. Repeats and known cases govern nothing.
    """
    entries = WorklistEntry.objects.filter(image__in=list(images), protocol__isnull=False)
    governing = dict(entries.values_list("image", "protocol"))
    # A protocol governs thousands of images: it is made once, not for each of them.
    protocols = ReadingProtocol.objects.in_bulk(set(governing.values()))
    return {image: protocols[protocol] for image, protocol in governing.items() if protocol}
