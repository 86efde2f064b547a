"""Changing what was said: the forms that amend a verdict in force or take it back, and the refusals they meet."""

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest

from classifier.exceptions import PlatformError
from reviews.models import Reading
from reviews.selectors import reading_revision, reading_state
from reviews.views.choices import withdrawal_choices
from reviews.views.findings import said_before_undo, said_whole

AMEND: Final = "amend"
WITHDRAW: Final = "withdraw"
# What these steps send says something of the image, and stays filled in where it is refused.
_SAYING: Final = frozenset({"first-read", "verdict", AMEND, WITHDRAW})
# Where a refusal's own sentence is for programs, the page's.
_SENTENCES: Final = {
    "changed_meanwhile": "This reading was changed meanwhile, in another tab or by a program. Below it is as it stands "
    "now; look at it, then send yours again.",
    "idempotency_key_reused": "What you sent before had arrived after all, and stands on record. Below it is as it "
    "stands now; change it there if you mean something else.",
}


def change_asked(request: HttpRequest, *, refused: bool) -> str:
    """Which form the page of a finished reading shows: `amend`, `withdraw`, or none."""
    if refused:
        return WITHDRAW if _step(request) == WITHDRAW else AMEND
    return next((change for change in (AMEND, WITHDRAW) if change in request.GET), "")


def entered_in(request: HttpRequest, reading: Reading, *, refused: bool) -> Mapping[str, Any]:
    """What the page's form is filled in with: what was refused, else the draft, else what was just undone.

    An amendment begins with what is in force.
    """
    state = reading_state(reading)
    if refused and _step(request) in _SAYING:
        return request.POST
    if state.verdict is None:
        return reading.draft or said_before_undo(state)
    return said_whole(state) if change_asked(request, refused=refused) == AMEND else {}


def present_change(
    request: HttpRequest, reading: Reading, entered: Mapping[str, Any], refused: bool
) -> dict[str, Any]:
    """What a panel shows of a change, and of which state of the reading it is one."""
    change = change_asked(request, refused=refused)
    return {
        "amending": change == AMEND,
        "withdrawing": change == WITHDRAW,
        "revision": reading_revision(reading) if change else "",
        "withdrawals": withdrawal_choices(entered),
    }


def sentence_of(refusal: PlatformError | None) -> str:
    """What the page says of a refusal; nothing where there is none."""
    return _SENTENCES.get(refusal.code, refusal.sentence) if refusal else ""


def _step(request: HttpRequest) -> str:
    name = request.resolver_match.url_name if request.resolver_match else None
    return (name or "").removeprefix("reading-")
