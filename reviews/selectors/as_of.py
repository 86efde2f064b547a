"""Since when what is said of images is what it is now, by their readers and by the machine.

A report that went out is never taken back; a newer one must be known as newer. So a label that was taken back, and an
answer that is in its place again, have a moment of their own, although what is said is what was said once before.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from classifier.models import Prediction
from mriplatform.audit.models import AuditEvent
from reviews.models import Adjudication, KnownCase, Reading, ReadingProtocol, Rescore, ReviewEvent, SentBack
from reviews.selectors.agreement import FinalLabel, adjudications_of, standing_from
from reviews.selectors.governing import governing_rules

Kind = ReviewEvent.Kind
_SAID: Final = (Kind.VERDICT, Kind.AMENDMENT, Kind.WITHDRAWAL)


@dataclass
class _Ledger:
    """Everything that decides where one image stands, oldest first; `readers` is how many it needs by now."""

    events: list[ReviewEvent] = field(default_factory=list)
    decisions: list[Adjudication] = field(default_factory=list)
    sent_back: list[datetime] = field(default_factory=list)
    known: list[KnownCase] = field(default_factory=list)
    rules: tuple[ReadingProtocol, int] | None = None

    def moments(self) -> list[datetime]:
        rows = [row.at for rows in (self.events, self.decisions, self.known) for row in rows]
        return sorted({*rows, *self.sent_back})

    def final_at(self, moment: datetime) -> FinalLabel | None:
        """The final label that the image had then."""
        known = [case for case in self.known if case.at <= moment]
        if known and known[-1].active:
            return None
        said = [event for event in self.events if event.at <= moment]
        superseded = {event.supersedes_id for event in said}
        verdicts = tuple(
            event for event in said if event.kind != Kind.WITHDRAWAL and event.pk not in superseded
        )
        decided = [decision for decision in self.decisions if decision.at <= moment]
        return standing_from(verdicts, decided[-1] if decided else None, self._rules_at(moment)).final

    def _rules_at(self, moment: datetime) -> tuple[ReadingProtocol, int] | None:
        if self.rules is None:
            return None
        protocol, readers = self.rules
        return protocol, readers - sum(at > moment for at in self.sent_back)


def settled_since(images: Iterable[UUID]) -> dict[UUID, datetime]:
    """By image, when its final label last became another one, or none.

    An image that never had a final label is not in it: what its readers say before they settle on something moves
    nothing that others may see. Nor does what they say after an adjudicator's decision, which stands.
    """
    found = {}
    for pk, ledger in _ledgers(images).items():
        before: Any = None
        for moment in ledger.moments():
            now = _content(ledger.final_at(moment))
            if now != before:
                found[pk] = moment
            before = now
    return found


def _content(final: FinalLabel | None) -> Any:
    """What is told of a final label: what it is, and on whose word."""
    if final is None:
        return None
    decision = final.adjudication.pk if final.adjudication else None
    return final.label, final.path, final.at, decision, {event.pk for event in final.behind}


def _ledgers(images: Iterable[UUID]) -> Mapping[UUID, _Ledger]:
    wanted = list(images)
    found: dict[UUID, _Ledger] = defaultdict(_Ledger)
    events = ReviewEvent.objects.filter(
        reading__image__in=wanted, reading__purpose=Reading.Purpose.LABEL, kind__in=_SAID
    )
    for event in events.select_related("reading").order_by("at", "id"):
        found[event.reading.image_id].events.append(event)
    for decision in adjudications_of(wanted):
        found[decision.image_id].decisions.append(decision)
    # What nobody ever gave a label had none: that some of it was sent back or is a known case changes nothing.
    for image, at in SentBack.objects.filter(image__in=found).order_by("at").values_list("image", "at"):
        found[image].sent_back.append(at)
    for case in KnownCase.objects.filter(image__in=found).order_by("at", "id"):
        found[case.image_id].known.append(case)
    for image, rules in governing_rules(found).items():
        found[image].rules = rules
    return found


def answered_since(answers: Mapping[UUID, Prediction], *, collection_id: UUID) -> dict[UUID, datetime]:
    """By image, when the machine's answer took the place of another version's; none where it never did.

    Args:
        answers: by image, those that count, of images of this collection.
    """
    versions = {answer.model_version_id for answer in answers.values()}
    passes = Rescore.objects.filter(collection=collection_id, model_version__in=versions, replaced__gt=0)
    by_version = {str(one.pk): one.model_version_id for one in passes}
    if not by_version:
        return {}
    # Which images a step of a pass came to stands in its trace alone.
    steps = AuditEvent.objects.filter(
        object_type=Rescore._meta.label_lower, object_id__in=by_version, action="rescore.replaced",
        data__images__has_any_keys=[str(pk) for pk in answers],
    )  # fmt: skip
    found: dict[UUID, datetime] = {}
    for step in steps.order_by("at", "id"):
        for pk in map(UUID, step.data["images"]):
            if pk in answers and answers[pk].model_version_id == by_version[step.object_id]:
                found[pk] = step.at
    return found
