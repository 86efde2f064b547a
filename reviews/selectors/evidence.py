"""All that speaks for a label of an image: its readers, an adjudicator, and what an import brought with it.

Rows are read by one statement, so that what is said of an image fits together however much is read meanwhile, and
made into plain values: there is one for every labelled image of a collection at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from mriplatform.accounts.models import Collection
from reviews.models import Outcome

# Rows that come over at a time.
_ROWS: Final = 2000


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a reader said and that is in force.

    Attributes:
        label: a class, or an empty string for "not assessable".
        saw: whether the machine's answer had been shown to this reader.
        model_version: number of the version whose answer was shown; None where none was.
        protocol: mode and version, as "assisted/2".
    """

    event: str
    label: str
    at: datetime
    saw: bool
    model_version: int | None
    protocol: str


@dataclass(frozen=True, slots=True)
class Read:
    """A finished reading: its verdict in force, and the last that the reader said unaware of the machine's answer."""

    verdict: Statement
    before: Statement | None

    @property
    def after_answer(self) -> bool:
        """Whether the reader said this only once they had seen the machine's answer, and had not said it before."""
        return self.verdict.saw and (self.before is None or self.before.label != self.verdict.label)


@dataclass(frozen=True, slots=True)
class Decision:
    """An adjudicator's decision in force; `changed_since` as `FinalLabel` has it."""

    adjudication: str
    at: datetime
    changed_since: bool


@dataclass(frozen=True, slots=True)
class Imported:
    """The newest label that came with an import, and the part that it was in there; empty where it named none."""

    row: str
    label: str
    split: str
    dataset: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """An image with what speaks for its label.

    Attributes:
        source: the data set that the image came with, else the door that it came through.
        outcome, label, path: as `ImageStanding` has them; empty where nobody has read the image.
        decision: of an adjudicator, who decided for `label`.
        reads: finished readings for a label, in the order of their verdicts.
        sent_back: whether its label was sent back and the reader that it waits for has not finished since; a decision
            stands.
    """

    image: str
    pixel_sha256: str
    cluster: str
    plane: str
    source: str
    hidden: bool
    removed: bool
    outcome: str
    label: str
    path: str
    decision: Decision | None
    reads: tuple[Read, ...]
    imported: Imported | None
    sent_back: bool


def evidence(collection: Collection) -> Iterator[Evidence]:
    """Everything labelled of a collection, by the images' identifiers; images without any label are not in it."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_STATEMENT, {"collection": collection.pk})
        while rows := cursor.fetchmany(_ROWS):
            yield from map(_evidence, rows)


def _evidence(row: tuple[Any, ...]) -> Evidence:
    *about, dataset, origin, outcome, label, path, changed, decision, decided_at = row[:14]
    imported, said, sent_back_at = row[14:19], row[19], row[20]
    image, pixel_sha256, cluster, plane, hidden, removed = about
    reads = _reads(said) if said else ()
    decided = Decision(decision, decided_at, changed) if decision else None
    last = max((read.verdict.at for read in reads), default=None)
    return Evidence(
        image,
        pixel_sha256,
        cluster,
        plane,
        dataset or origin,
        hidden,
        removed,
        outcome or "",
        label or "",
        path or "",
        decided,
        reads,
        Imported(*imported) if imported[0] else None,
        sent_back_at is not None
        and decided is None
        # Who had read it before may say something anew: that ends no waiting.
        and (last is None or last < sent_back_at or outcome == Outcome.WAITING),
    )


def _reads(said: list[list[Any]]) -> tuple[Read, ...]:
    """The finished readings among statements in force, which come in the order in which each reading has them."""
    verdicts: dict[str, Statement] = {}
    before: dict[str, Statement] = {}
    for reading, first_read, event, label, at, saw, version, protocol in said:
        statement = Statement(event, label, datetime.fromisoformat(at), saw, version, protocol)
        if not first_read:
            verdicts[reading] = statement
        if not saw:
            before[reading] = statement
    reads = (Read(verdict, before.get(reading)) for reading, verdict in verdicts.items())
    return tuple(sorted(reads, key=lambda read: (read.verdict.at, read.verdict.event)))


_STATEMENT: Final = """
WITH said AS (
    SELECT reading.image_id,
           json_agg(json_build_array(reading.id, event.kind = 'first_read', event.id, event.label, event.at,
                                     event.saw_prediction, version.number, protocol.mode || '/' || protocol.version)
                    ORDER BY event.sequence) AS statements
    FROM reviews_reviewevent event
    JOIN reviews_reading reading ON reading.id = event.reading_id AND reading.purpose = 'label'
    JOIN classifier_image image ON image.id = reading.image_id AND image.collection_id = %(collection)s
    JOIN reviews_readingprotocol protocol ON protocol.id = reading.protocol_id
    LEFT JOIN classifier_prediction prediction ON prediction.id = event.prediction_id
    LEFT JOIN classifier_modelversion version ON version.id = prediction.model_version_id
    WHERE event.kind IN ('first_read', 'verdict', 'amendment')
      AND NOT EXISTS (SELECT FROM reviews_reviewevent later WHERE later.supersedes_id = event.id)
    GROUP BY reading.image_id
), imported AS (
    SELECT DISTINCT ON (image_id) image_id, id, label, split, dataset, at
    FROM reviews_importedlabel ORDER BY image_id, at DESC, id DESC
), sent_back AS (
    SELECT image_id, max(at) AS at FROM reviews_sentback GROUP BY image_id
)
SELECT image.id::text, image.pixel_sha256, image.cluster::text, image.plane, image.hidden_at IS NOT NULL,
       image.pixels = '', study.dataset, study.origin,
       standing.outcome, standing.label, standing.path, standing.changed_since, decision.id::text, decision.at,
       imported.id::text, imported.label, imported.split, imported.dataset, imported.at,
       said.statements, sent_back.at
FROM classifier_image image
JOIN classifier_study study ON study.id = image.study_id
LEFT JOIN reviews_imagestanding standing ON standing.image_id = image.id
LEFT JOIN reviews_adjudication decision ON decision.id = standing.adjudication_id
LEFT JOIN imported ON imported.image_id = image.id
LEFT JOIN said ON said.image_id = image.id
LEFT JOIN sent_back ON sent_back.image_id = image.id
WHERE image.collection_id = %(collection)s AND (standing.image_id IS NOT NULL OR imported.id IS NOT NULL)
ORDER BY image.id
"""
