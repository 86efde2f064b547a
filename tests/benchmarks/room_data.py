"""Fills a database with a reading room: as many images as are asked for and three review events for each, in seconds.

Rows are made inside Postgres from series, with triggers off while a table is filled; the worklist's rows are then made
by the function that otherwise keeps them. What comes out obeys every constraint: two readers for each image that is
read, blinded, with first read, reveal and verdict in each reading. Of ten images four are read by both readers, two
by the first reader alone, who so has a fifth of all images behind them that still wait for somebody else, and four
by nobody.
"""

from dataclasses import dataclass

from django.db import connection, transaction

from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Role
from reviews.services.protocols import set_protocol
from tests.factories import make_collection, make_user, make_version

READERS = 8

FILL = """
CREATE TEMP TABLE room ON COMMIT DROP AS
SELECT n, gen_random_uuid() AS image, gen_random_uuid() AS study, gen_random_uuid() AS prediction,
       (ARRAY['glioma', 'meningioma', 'notumor', 'pituitary'])[1 + n %% 4] AS truth, random() AS sure
FROM generate_series(0, %(images)s - 1) AS n;
-- Two images to a study.
UPDATE room SET study = even.study FROM room even WHERE room.n %% 2 = 1 AND even.n = room.n - 1;

INSERT INTO classifier_study (id, collection_id, subject_key, origin, dataset, study_uid, age_band, uploaded_by_id,
                              created_at)
SELECT study, %(collection)s, md5(n::text), 'api', '', '', '', %(uploader)s,
       now() - (%(images)s - n) * interval '1 second'
FROM room WHERE n %% 2 = 0;

INSERT INTO classifier_image (id, study_id, collection_id, position, pixels, stored_bytes, pixel_sha256, width, height,
                              bits, plane, phash, phash_mirrored, cluster, created_at)
SELECT image, study, %(collection)s, n %% 2, 'images/' || image || '.png', 40000, md5(n::text) || md5(n::text),
       512, CASE WHEN n %% 10 = 0 THEN 448 ELSE 512 END, CASE WHEN n %% 20 = 0 THEN 16 ELSE 8 END, '', n, -n,
       gen_random_uuid(), now() - (%(images)s - n) * interval '1 second'
FROM room;

INSERT INTO classifier_prediction (id, image_id, model_version_id, for_comparison, status, attempt, queued_at,
                                   finished_at, probabilities, novelty, not_assessable, worker, runtime, device,
                                   failure_code, failure_reason)
SELECT prediction, image, %(version)s, false, 'succeeded', 1, now(), now(),
       CASE WHEN n %% 50 = 7 THEN NULL ELSE
       (SELECT array_agg(CASE WHEN class - 1 = n %% 4 THEN 0.4 + 0.5 * sure ELSE (0.6 - 0.5 * sure) / 3 END
                         ORDER BY class) FROM generate_series(1, 4) class) END,
       0.4, n %% 50 = 7, '', 'onnxruntime', 'cpu', '', ''
FROM room;

CREATE TEMP TABLE room_reading ON COMMIT DROP AS
SELECT gen_random_uuid() AS id, n, image, prediction, truth, seat,
       CASE WHEN n < 0.4 * %(images)s
            THEN (%(readers)s::uuid[])[1 + (n / 2 * 2 + seat) %% array_length(%(readers)s::uuid[], 1)]
            ELSE (%(readers)s::uuid[])[1] END AS reader,
       now() - (%(images)s - n) * interval '1 second' + seat * interval '10 minutes' AS at,
       gen_random_uuid() AS first, gen_random_uuid() AS reveal, gen_random_uuid() AS verdict,
       -- One in twenty says something else.
       CASE WHEN (n * 7 + seat * 3) %% 20 = 0 THEN 'pituitary' ELSE truth END AS said
FROM room CROSS JOIN generate_series(0, 1) AS seat
WHERE n < 0.4 * %(images)s OR (n < 0.6 * %(images)s AND seat = 0);

INSERT INTO reviews_reading (id, image_id, reader_id, protocol_id, claimed_at, lease_expires_at, draft, finished_at,
                             purpose, drawn, seniority)
SELECT id, image, reader, %(protocol)s, at, at + interval '20 minutes', '{}', at + interval '30 seconds', 'label',
       'arrival', 0
FROM room_reading;

INSERT INTO reviews_reviewevent (id, reading_id, sequence, kind, label, verdict, confidence, reason, note,
    image_quality, location, active_ms, prediction_id, saw_prediction, supersedes_id, idempotency_key, at)
SELECT first, id, 1, 'first_read', said, '', 2, '', '', 'good', '', 9000, NULL::uuid, false, NULL::uuid,
       gen_random_uuid(), at + interval '10 seconds' FROM room_reading
UNION ALL
SELECT reveal, id, 2, 'reveal', '', '', NULL, '', '', '', '', NULL, prediction, false, NULL, gen_random_uuid(),
       at + interval '11 seconds' FROM room_reading
UNION ALL
SELECT verdict, id, 3, 'verdict', said, CASE WHEN said = truth THEN 'confirm' ELSE 'correct' END, NULL,
       CASE WHEN said = truth THEN '' ELSE 'morphology' END, '', '', '', 8000, prediction, true, NULL,
       gen_random_uuid(), at + interval '30 seconds' FROM room_reading;

INSERT INTO reviews_imagestanding (image_id, collection_id, outcome, label, path, changed_since, since)
SELECT image, %(collection)s, outcome, CASE outcome WHEN 'final' THEN label ELSE '' END,
       CASE outcome WHEN 'final' THEN 'agreed' ELSE '' END, false, at
FROM (SELECT image, min(said) AS label, max(at) AS at,
             CASE WHEN count(*) < 2 THEN 'waiting' WHEN count(DISTINCT said) > 1 THEN 'disagreement'
                  ELSE 'final' END AS outcome
      FROM room_reading GROUP BY image) AS standing;

INSERT INTO audit_auditevent (id, at, action, object_type, object_id, actor_id, collection_id, request_id, data)
SELECT gen_random_uuid(), at, 'reading.verdict', 'reading', id::text, reader, %(collection)s, '', '{}'
FROM room_reading;

SELECT count(reviews_keep_worklist_entry(image)) FROM room;
"""

FILLED = (
    "classifier_prediction", "classifier_image", "reviews_reading", "reviews_reviewevent", "audit_auditevent"
)  # fmt: skip


@dataclass(frozen=True)
class Room:
    """A collection as the generator made it, and the people in it."""

    collection: Collection
    readers: list[User]
    adjudicator: User
    engineer: User
    images: int
    events: int


def fill_room(images: int, *, name: str) -> Room:
    """A collection of so many images, all analysed and six of ten read; see the module.

    Args:
        images: a multiple of ten.
    """
    collection = make_collection(name)
    version = make_version()
    readers = [
        make_user(f"{name}-reader{number}", collection=collection, role=Role.RADIOLOGIST)
        for number in range(READERS)
    ]
    protocol = set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    values = {
        "images": images, "collection": collection.pk, "version": version.pk, "protocol": protocol.pk,
        "uploader": make_user(f"{name}-uploader", collection=collection, role=Role.UPLOADER).pk,
        "readers": [str(reader.pk) for reader in readers],
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        for table in FILLED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(FILL, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in FILLED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("SELECT count(*) FROM reviews_reviewevent e JOIN reviews_reading r ON r.id = e.reading_id "
                       "WHERE r.protocol_id = %s", [protocol.pk])  # fmt: skip
        events = cursor.fetchone()[0]
    with connection.cursor() as cursor:
        # As autovacuum has done soon after so many rows came: indexes then answer without looking at the rows.
        cursor.execute("VACUUM ANALYZE")
    return Room(
        collection,
        readers,
        make_user(f"{name}-adjudicator", collection=collection, role=Role.ADJUDICATOR),
        make_user(f"{name}-engineer", collection=collection, role=Role.ML_ENGINEER, is_staff=True),
        images,
        events,
    )
