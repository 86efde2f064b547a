"""What can be asked of the machine reader and not be done, each with a stable code, a status and a sentence."""

from collections.abc import Mapping


class PlatformError(Exception):
    """A refusal that every door says in the same words.

    Attributes:
        code: stable, for programs.
        status: the HTTP status that fits.
    """

    code = "refused"
    status = 422

    def __init__(self, sentence: str, *, code: str | None = None, status: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.code
        self.status = status or self.status


class UploadRefused(PlatformError):
    """An upload that was understood, and of which nothing was stored.

    Attributes:
        by_file: code and sentence by the number of each file that was looked at and refused.
    """

    by_file: Mapping[int, tuple[str, str]] = {}


class TooManyUploads(PlatformError):
    code = "too_many_uploads"
    status = 429

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class StorageQuotaReached(PlatformError):
    code = "storage_quota_reached"
    status = 507


class StateConflict(PlatformError):
    """The row is no longer, or not yet, in the state that the request assumes."""

    code = "state_conflict"
    status = 409


class CheckpointRefused(PlatformError):
    """A checkpoint that is missing, altered or does not fit: nothing is predicted with it."""

    code = "checkpoint_refused"


class PixelsGone(PlatformError):
    """The image is there, and nobody may see its pixels any more."""

    code = "pixels_gone"
    status = 404
