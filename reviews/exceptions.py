"""What can be asked of the human reader's side and not be done."""

from classifier.exceptions import PlatformError


class ReadingConflict(PlatformError):
    """A step out of order: the reading is not in the state that the request assumes."""

    code = "reading_conflict"
    status = 409


class ReviewRefused(PlatformError):
    """Understood, and refused: a label outside the list, a correction without a reason, nothing to freeze."""

    code = "review_refused"
