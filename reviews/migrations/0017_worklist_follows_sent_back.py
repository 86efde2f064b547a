from importlib import import_module

from django.db import migrations, models

# What `worklist_entry` (0008) began, with three things more.
#
# How many readers an image needs is kept beside how many places are left: those of its protocol, and one for each time
# that its label was sent back. What an import brought comes with its label: it waits for nobody until it is sent back.
# And an image that was decided is closed, whoever takes back what they said: the decision stands. It is open again
# only where it was sent back after the decision, to as many as it was sent back to.
KEEP = """
CREATE OR REPLACE FUNCTION reviews_keep_worklist_entry(the_image uuid) RETURNS void LANGUAGE sql AS $$
INSERT INTO reviews_worklistentry AS entry (
    image_id, collection_id, arrived_at, width, height, bits, aside, entropy, margin, tumour, draw,
    protocol_id, readers, places, closed_to, visible, known, open)
SELECT image.id, image.collection_id, image.created_at, image.width, image.height, image.bits,
    answer.not_assessable, measure.entropy, measure.margin, 1 - answer.probabilities[3], random(),
    governing.id, needed.readers, free.places,
    finished.by || ARRAY(SELECT adjudicator_id FROM reviews_adjudication WHERE image_id = image.id),
    now.visible, now.known,
    now.visible AND NOT now.known AND coalesce(free.places, 1) > 0
FROM classifier_image image
JOIN classifier_study study ON study.id = image.study_id
JOIN classifier_prediction answer
    ON answer.image_id = image.id AND answer.status = 'succeeded' AND NOT answer.for_comparison
CROSS JOIN LATERAL (
    SELECT -sum(CASE WHEN p > 0 THEN p * ln(p) ELSE 0 END) AS entropy,
           max(p) - (array_agg(p ORDER BY p DESC))[2] AS margin
    FROM unnest(answer.probabilities) AS p
) measure
CROSS JOIN LATERAL (
    SELECT max(at) AS at FROM reviews_adjudication WHERE image_id = image.id
) decided
CROSS JOIN LATERAL (
    SELECT count(*) AS readers, coalesce(array_agg(reader_id ORDER BY reader_id), '{}') AS by,
           count(*) FILTER (WHERE claimed_at > decided.at) AS since
    FROM reviews_reading WHERE image_id = image.id AND purpose = 'label' AND finished_at IS NOT NULL
) finished
CROSS JOIN LATERAL (
    SELECT count(*) AS times, count(*) FILTER (WHERE at > decided.at) AS since
    FROM reviews_sentback WHERE image_id = image.id
) sent
LEFT JOIN LATERAL (
    SELECT protocol.id, protocol.readers_per_image
    FROM reviews_reviewevent event
    JOIN reviews_reading reading ON reading.id = event.reading_id
    JOIN reviews_readingprotocol protocol ON protocol.id = reading.protocol_id
    WHERE reading.image_id = image.id AND reading.purpose = 'label' AND event.sequence = 1
    ORDER BY event.at, event.id LIMIT 1
) governing ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN study.origin = 'import' THEN 0 ELSE governing.readers_per_image END + sent.times AS readers
) needed
CROSS JOIN LATERAL (
    SELECT CASE WHEN decided.at IS NULL THEN needed.readers - finished.readers
                ELSE least(needed.readers - finished.readers, sent.since - finished.since) END AS places
) free
CROSS JOIN LATERAL (
    SELECT image.hidden_at IS NULL AND image.pixels <> '' AS visible,
           coalesce((SELECT active FROM reviews_knowncase WHERE image_id = image.id
                     ORDER BY at DESC, id DESC LIMIT 1), false) AS known
) now
WHERE image.id = the_image
ON CONFLICT (image_id) DO UPDATE SET
    protocol_id = excluded.protocol_id, readers = excluded.readers, places = excluded.places,
    closed_to = excluded.closed_to, visible = excluded.visible, known = excluded.known, open = excluded.open
WHERE (entry.protocol_id, entry.readers, entry.places, entry.closed_to, entry.visible, entry.known, entry.open)
    IS DISTINCT FROM (excluded.protocol_id, excluded.readers, excluded.places, excluded.closed_to, excluded.visible,
                      excluded.known, excluded.open)
$$;

CREATE TRIGGER worklist_follows_sent_back AFTER INSERT ON reviews_sentback
    FOR EACH ROW EXECUTE FUNCTION reviews_worklist_entry_follows();

SELECT reviews_keep_worklist_entry(image_id) FROM reviews_worklistentry;
"""

FIRST = import_module('reviews.migrations.0008_worklist_entry').KEEP.partition('$$;')[0] + '$$;'
FORGET = "DROP TRIGGER worklist_follows_sent_back ON reviews_sentback;" + FIRST.replace(
    'CREATE FUNCTION', 'CREATE OR REPLACE FUNCTION'
)


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0016_rescore'),
    ]

    operations = [
        migrations.AddField(
            model_name='worklistentry',
            name='readers',
            field=models.SmallIntegerField(null=True),
        ),
        migrations.RunSQL(KEEP, FORGET),
    ]
