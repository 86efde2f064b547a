"""How much may be in memory at once of what was sent, and how much one person may store: one rule for every door."""

from typing import Final

from django.conf import settings

from classifier.exceptions import StorageQuotaReached, UploadRefused
from classifier.intake import TakenIn
from classifier.selectors import bytes_stored_for
from classifier.services.decoding import Decoded, Verdict
from mriplatform.accounts.models import User

PORTION_BYTES: Final = 64 * 2**20
"""What files unpack to that are stored together only so that it goes faster: with these it is enough."""

_NEAR: Final = 2**30
"""Of the room that is left: what other requests of the same person may fill meanwhile."""


class Unpacked:
    """What several files unpack to: all of it is in memory until it is stored."""

    def __init__(self) -> None:
        self.bytes = 0

    def add(self, taken: TakenIn) -> None:
        self.bytes += sum(len(frame.image.png) for frame in taken.frames)

    @property
    def is_enough(self) -> bool:
        """Whether what is there should be stored before more is decoded, where nobody asked for all or nothing."""
        return self.bytes >= PORTION_BYTES

    def counted(self, item: Decoded) -> Decoded:
        """A file of a request, which is stored as a whole; it is counted.

        Raises:
            UploadRefused: 413, with it they are more than one request may bring, packed or not.
        """
        if not isinstance(item, Verdict):
            self.add(item[1])
        if self.bytes > settings.UPLOAD_MAX_REQUEST_BYTES:
            raise UploadRefused(
                "What was sent unpacks to more than one request may bring; send fewer files at once.",
                code="too_much_unpacked",
                status=413,
            )
        return item


def check_room_for(actor: User, size: int) -> int:
    """Refuse what would fill the storage that one person may fill.

    Returns:
        How many bytes are left before anything of it is stored.

    Raises:
        StorageQuotaReached: it would.
    """
    left = settings.UPLOAD_BYTES_PER_USER - bytes_stored_for(actor)
    if size > left:
        raise StorageQuotaReached(
            "Your storage is full. Ask an administrator to purge studies or raise the limit."
        )
    return left


def check_room_after(actor: User, *, brought: int = 0, left: int = 0) -> None:
    """The same once all is stored: what is here already took nothing, and the rest may be more than was sent.

    To be called at the end of the transaction that stores, which the refusal undoes. With `left` from before and what
    was `brought` since, a sum over all that somebody ever sent is made again only where it may come out otherwise.
    """
    if brought + _NEAR > left:
        check_room_for(actor, 0)
