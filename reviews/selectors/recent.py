"""What a reader said a moment ago and may still take back."""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from django.db.models.functions import Now
from django.utils import timezone

from mriplatform.accounts.models import User
from reviews.models import Reading, ReviewEvent
from reviews.selectors.state import UNDO_SECONDS, reading_state
from reviews.selectors.worklist import readings_of


@dataclass(frozen=True)
class RecentVerdict:
    """A verdict that an undo would still withdraw, and for how many seconds."""

    reading: Reading
    event: ReviewEvent
    seconds: int


def recent_verdict(user: User) -> RecentVerdict | None:
    """The user's newest verdict, as long as it can be undone; an amendment cannot."""
    since = Now() - timedelta(seconds=UNDO_SECONDS)
    reading = readings_of(user).filter(finished_at__gt=since).order_by("-finished_at", "-pk").first()
    if reading is None:
        return None
    state = reading_state(reading)
    event, until = state.undoable, state.undo_until
    if event is None or until is None:
        return None
    seconds = ceil((until - timezone.now()).total_seconds())
    return RecentVerdict(reading, event, min(seconds, UNDO_SECONDS)) if seconds > 0 else None
