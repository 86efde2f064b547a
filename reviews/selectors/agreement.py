"""What the readers of an image agree on, and where they do not, derived from what was said."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from classifier.models import Image, ModelVersion
from reviews.models import Adjudication, KnownCase, Outcome, Reading, ReadingProtocol, ReviewEvent
from reviews.selectors.governing import governing_rules
from reviews.selectors.settling import ADJUDICATED, Settled, Vote, settle

Kind = ReviewEvent.Kind


@dataclass(frozen=True)
class FinalLabel:
    """The label that counts.

    Attributes:
        label: one of `ml.labels.CLASSES`, or an empty string where the image is not assessable.
        events: the verdicts in force that it rests on, or that an adjudication decided between.
        path: how it came about: "one reader", "agreed", "majority 2 of 3", "senior reader" or "adjudicated".
        adjudication: the decision, where the readers disagreed.
        changed_since: whether a reader amended or withdrew after the decision, which stands all the same.
    """

    label: str
    events: tuple[ReviewEvent, ...]
    path: str
    adjudication: Adjudication | None = None
    changed_since: bool = False

    @property
    def assessable(self) -> bool:
        return self.label != ""

    @property
    def behind(self) -> tuple[ReviewEvent, ...]:
        """The verdicts that say the same, where no adjudicator decided."""
        return () if self.adjudication else tuple(one for one in self.events if one.label == self.label)

    @property
    def at(self) -> datetime:
        """When it became final."""
        return self.adjudication.at if self.adjudication else max(event.at for event in self.events)


@dataclass(frozen=True)
class Standing:
    """What has become of an image: `final` is set where the outcome is `final`."""

    outcome: Outcome
    verdicts: tuple[ReviewEvent, ...] = ()
    final: FinalLabel | None = None


def standings(images: Iterable[Image]) -> dict[UUID, Standing]:
    """Where each image stands, in a constant number of queries however many there are.

    A decision of an adjudicator counts. Without one, the protocol that governs the image says how many verdicts
    there must be and what is done where they differ; a protocol set later changes nothing. A label that was sent back
    waits for one verdict more. Hidden repeats are no verdicts, and a known case has no standing but that.
    """
    found = {image.pk for image in images}
    verdicts: dict[UUID, list[ReviewEvent]] = defaultdict(list)
    for event in verdicts_in_force().filter(reading__image__in=found):
        verdicts[event.reading.image_id].append(event)
    decided = {adjudication.image_id: adjudication for adjudication in adjudications_of(found)}
    rules = governing_rules(verdicts)
    known = active_known_cases().filter(image__in=found).values_list("image", flat=True)
    result = {pk: standing_from(tuple(verdicts[pk]), decided.get(pk), rules.get(pk)) for pk in found}
    return result | {pk: Standing(Outcome.KNOWN, result[pk].verdicts) for pk in known}


def final_label(image: Image) -> FinalLabel | None:
    """The label that counts for this image; None as long as there is none."""
    return standings([image])[image.pk].final


def verdicts_in_force() -> QuerySet[ReviewEvent]:
    """The verdicts and amendments that count for a label, oldest first, with reading, protocol and version.

    What was superseded or withdrawn is not among them, nor are hidden repeats and readings of known cases.
    """
    # Protocols and versions are few: fetched once for all events, and not made anew for each of a hundred thousand.
    version = Prefetch("prediction__model_version", ModelVersion.objects.defer("metadata"))
    return (
        ReviewEvent.objects.filter(
            not_superseded(),
            kind__in=[Kind.VERDICT, Kind.AMENDMENT],
            reading__purpose=Reading.Purpose.LABEL,
        )
        .select_related("reading", "prediction")
        .prefetch_related("reading__protocol", version)
        .defer("prediction__maps", "prediction__embedding")
        .order_by("at", "id")
    )


def not_superseded() -> Q:
    """Events that none amends or withdraws.

    Not `superseded_by__isnull`: of that join the planner expects a single row, and then looks up a hundred thousand
    one by one.
    """
    return ~Q(Exists(ReviewEvent.objects.filter(supersedes=OuterRef("pk"))))


def active_known_cases() -> QuerySet[KnownCase]:
    """The images that are known cases now: of each image the newest row counts, and only if it is active."""
    # Rows of one transaction have one time; their identifiers (uuid7) tell them apart, as the worklist's triggers do.
    later = Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    newer = KnownCase.objects.filter(later, image=OuterRef("image"))
    return KnownCase.objects.filter(~Exists(newer), active=True)


def adjudications_of(images: Iterable[UUID]) -> QuerySet[Adjudication]:
    """Every decision on these images, oldest first: the newest counts. `changed_since` is as `FinalLabel` has it."""
    later = ReviewEvent.objects.filter(
        reading__image=OuterRef("image"),
        reading__purpose=Reading.Purpose.LABEL,
        kind__in=[Kind.VERDICT, Kind.AMENDMENT, Kind.WITHDRAWAL],
        at__gt=OuterRef("at"),
    )
    return (
        Adjudication.objects.filter(image__in=list(images))
        .select_related("adjudicator")
        .annotate(changed_since=Exists(later))
        .order_by("at", "id")
    )


def standing_from(
    verdicts: tuple[ReviewEvent, ...], decided: Adjudication | None, rules: tuple[ReadingProtocol, int] | None
) -> Standing:
    """What verdicts in force and a decision (of `adjudications_of`) come to, of an image that is no known case."""
    if decided is not None:
        changed: bool = decided.changed_since  # type: ignore[attr-defined]  # annotated by adjudications_of
        final = FinalLabel(decided.label, verdicts, ADJUDICATED, decided, changed)
        return Standing(Outcome.FINAL, verdicts, final)
    votes = [Vote(event.label, event.reading.seniority or 0) for event in verdicts]
    settled = _settled(votes, rules)
    if settled.outcome is not Outcome.FINAL:
        return Standing(settled.outcome, verdicts)
    return Standing(Outcome.FINAL, verdicts, FinalLabel(settled.label, verdicts, settled.path))


def _settled(votes: list[Vote], rules: tuple[ReadingProtocol, int] | None) -> Settled:
    if rules is None:
        return Settled(Outcome.UNREAD)
    protocol, readers = rules
    return settle(votes, readers=readers, rule=protocol.adjudication_rule)
