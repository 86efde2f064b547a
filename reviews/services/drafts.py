"""What a reader has filled in but not said yet."""

from typing import Any, Final

from django.db import transaction

from mriplatform.accounts.models import User
from reviews.exceptions import ReadingConflict, ReviewRefused
from reviews.models import Reading
from reviews.selectors import reading_revision, reading_state
from reviews.services.claims import renew_lease
from reviews.services.findings import clean_region, known_active_ms
from reviews.services.statements import clean_note

DRAFT_FIELDS: Final = frozenset(
    {
        "label", "confidence", "verdict", "reason", "note",
        "image_quality", "location", "region", "active_ms",
    }
)  # fmt: skip


@transaction.atomic
def save_draft(
    *,
    reader: User,
    reading: Reading,
    draft: dict[str, Any],
    step: str | None = None,
    if_revision: str | None = None,
) -> Reading:
    """Keep what is filled in but not said yet, and the claim with it. A draft is no statement and leaves no trace.

    Args:
        step: the step that it is filled in for; None presumes none. A draft that was under way while its step was
            committed must not fill in the next one.
        if_revision: the `reading_revision` that the caller saw; a draft that is based on another is refused.

    Raises:
        ReviewRefused: 400, an unknown field, a value that is no short text or number, or a malformed region.
        ReadingConflict: the reading is finished or lost, or at another step; 412, it changed meanwhile.
    """
    checked = _checked_draft(draft)
    held = renew_lease(reader=reader, reading=reading)
    if step is not None and step != reading_state(held).step:
        raise ReadingConflict("This draft is of another step; it is not kept.", code="other_step")
    ensure_unchanged(held, if_revision)
    held.draft = checked
    held.save(update_fields=["draft"])
    return held


def ensure_unchanged(held: Reading, if_revision: str | None) -> None:
    """Refuse what is based on another state of a locked reading than it has; None presumes nothing.

    Raises:
        ReadingConflict: 412, the reading changed since that `reading_revision`.
    """
    if if_revision is not None and if_revision != reading_revision(held):
        raise ReadingConflict(
            "This reading changed meanwhile. Fetch it again, then send this with its new ETag.",
            code="changed_meanwhile", status=412,
        )  # fmt: skip


def _checked_draft(draft: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(draft) - DRAFT_FIELDS)
    if unknown:
        raise ReviewRefused(
            f"A draft has no field {unknown[0][:100]!r}; it may have {', '.join(sorted(DRAFT_FIELDS))}.",
            code="unknown_field", status=400,
        )  # fmt: skip
    checked: dict[str, Any] = {}
    for name, value in draft.items():
        if name == "region":
            checked[name] = clean_region(value)
        elif name == "active_ms":
            checked[name] = known_active_ms(value)
        elif isinstance(value, str):
            checked[name] = clean_note(value)
        elif value is None or (name == "confidence" and isinstance(value, int) and abs(value) < 100):
            checked[name] = value
        else:
            raise ReviewRefused(f"The draft's {name} is no short text.", code="malformed_draft", status=400)
    return checked
