"""What was in force when, on the platform and for a collection: spans that follow each other without a gap."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from classifier.models import ModelVersion, Promotion, VersionChoice


@dataclass(frozen=True)
class Span:
    """A version that read, from a moment until the next decision; `until` is None while it still does.

    Attributes:
        promotion: by which it came in force on the platform.
        choice: by which a collection named it, where one did.
    """

    version: ModelVersion
    since: datetime
    until: datetime | None
    promotion: Promotion | None = None
    choice: VersionChoice | None = None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def spans_in_force() -> list[Span]:
    """What was in force on the platform, oldest first."""
    rows = Promotion.objects.select_related("model_version", "promoted_by").order_by("sequence")
    return _closed(Span(row.model_version, row.at, None, promotion=row) for row in rows)


def spans_reading_for(collection_id: UUID) -> list[Span]:
    """What read for a collection, oldest first: the version that it named, or whatever was in force then."""
    choices = VersionChoice.objects.filter(collection=collection_id)
    events: list[Promotion | VersionChoice] = [
        *Promotion.objects.select_related("model_version", "promoted_by"),
        *choices.select_related("model_version", "chosen_by"),
    ]
    in_force: Promotion | None = None
    named: VersionChoice | None = None
    spans: list[Span] = []
    for event in sorted(events, key=lambda event: (event.at, event.sequence)):
        if isinstance(event, Promotion):
            in_force = event
        else:
            named = event
        if named is not None and named.model_version is not None:
            span = Span(named.model_version, event.at, None, choice=named)
        elif in_force is not None:
            span = Span(in_force.model_version, event.at, None, promotion=in_force)
        else:
            continue
        if not spans or (spans[-1].version, spans[-1].choice) != (span.version, span.choice):
            spans.append(span)
    return _closed(spans)


def span_at(spans: Iterable[Span], at: datetime) -> Span | None:
    """The span that holds a moment; None before the first."""
    return next((span for span in reversed(list(spans)) if span.since <= at), None)


def _closed(spans: Iterable[Span]) -> list[Span]:
    """The spans, each ended where the next begins."""
    found = list(spans)
    return [
        replace(span, until=found[number + 1].since if number + 1 < len(found) else None)
        for number, span in enumerate(found)
    ]
