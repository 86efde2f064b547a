import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

KEEP = """
CREATE FUNCTION reviews_keep_worklist_entry(the_image uuid) RETURNS void LANGUAGE sql AS $$
INSERT INTO reviews_worklistentry AS entry (
    image_id, collection_id, arrived_at, width, height, bits, aside, entropy, margin, tumour, draw,
    protocol_id, places, closed_to, visible, known, open)
SELECT image.id, image.collection_id, image.created_at, image.width, image.height, image.bits,
    answer.not_assessable, measure.entropy, measure.margin, 1 - answer.probabilities[3], random(),
    governing.id, governing.readers_per_image - finished.readers,
    finished.by || ARRAY(SELECT adjudicator_id FROM reviews_adjudication WHERE image_id = image.id),
    now.visible, now.known,
    now.visible AND NOT now.known AND coalesce(governing.readers_per_image - finished.readers, 1) > 0
FROM classifier_image image
JOIN classifier_prediction answer
    ON answer.image_id = image.id AND answer.status = 'succeeded' AND NOT answer.for_comparison
CROSS JOIN LATERAL (
    SELECT -sum(CASE WHEN p > 0 THEN p * ln(p) ELSE 0 END) AS entropy,
           max(p) - (array_agg(p ORDER BY p DESC))[2] AS margin
    FROM unnest(answer.probabilities) AS p
) measure
CROSS JOIN LATERAL (
    SELECT count(*) AS readers, coalesce(array_agg(reader_id ORDER BY reader_id), '{}') AS by
    FROM reviews_reading WHERE image_id = image.id AND purpose = 'label' AND finished_at IS NOT NULL
) finished
LEFT JOIN LATERAL (
    SELECT protocol.id, protocol.readers_per_image
    FROM reviews_reviewevent event
    JOIN reviews_reading reading ON reading.id = event.reading_id
    JOIN reviews_readingprotocol protocol ON protocol.id = reading.protocol_id
    WHERE reading.image_id = image.id AND reading.purpose = 'label' AND event.sequence = 1
    ORDER BY event.at, event.id LIMIT 1
) governing ON true
CROSS JOIN LATERAL (
    SELECT image.hidden_at IS NULL AND image.pixels <> '' AS visible,
           coalesce((SELECT active FROM reviews_knowncase WHERE image_id = image.id
                     ORDER BY at DESC, id DESC LIMIT 1), false) AS known
) now
WHERE image.id = the_image
ON CONFLICT (image_id) DO UPDATE SET
    protocol_id = excluded.protocol_id, places = excluded.places, closed_to = excluded.closed_to,
    visible = excluded.visible, known = excluded.known, open = excluded.open
WHERE (entry.protocol_id, entry.places, entry.closed_to, entry.visible, entry.known, entry.open)
    IS DISTINCT FROM (excluded.protocol_id, excluded.places, excluded.closed_to, excluded.visible,
                      excluded.known, excluded.open)
$$;

CREATE FUNCTION reviews_worklist_entry_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME = 'classifier_prediction' AND TG_OP = 'DELETE' THEN
        DELETE FROM reviews_worklistentry WHERE image_id = OLD.image_id;
    ELSIF TG_TABLE_NAME = 'classifier_image' THEN
        PERFORM reviews_keep_worklist_entry(NEW.id);
    ELSIF TG_TABLE_NAME = 'reviews_reviewevent' THEN
        PERFORM reviews_keep_worklist_entry(image_id) FROM reviews_reading WHERE id = NEW.reading_id;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM reviews_keep_worklist_entry(OLD.image_id);
    ELSE
        PERFORM reviews_keep_worklist_entry(NEW.image_id);
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER worklist_follows_answer AFTER INSERT OR UPDATE OF status ON classifier_prediction
    FOR EACH ROW WHEN (NEW.status = 'succeeded' AND NOT NEW.for_comparison)
    EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_lost_answer AFTER DELETE ON classifier_prediction
    FOR EACH ROW WHEN (OLD.status = 'succeeded' AND NOT OLD.for_comparison)
    EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_pixels AFTER UPDATE OF hidden_at, pixels ON classifier_image
    FOR EACH ROW EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_new_reading AFTER INSERT ON reviews_reading
    FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_reading AFTER UPDATE OF finished_at, purpose OR DELETE ON reviews_reading
    FOR EACH ROW EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_first_word AFTER INSERT ON reviews_reviewevent
    FOR EACH ROW WHEN (NEW.sequence = 1) EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_decision AFTER INSERT ON reviews_adjudication
    FOR EACH ROW EXECUTE FUNCTION reviews_worklist_entry_follows();
CREATE TRIGGER worklist_follows_known_case AFTER INSERT ON reviews_knowncase
    FOR EACH ROW EXECUTE FUNCTION reviews_worklist_entry_follows();

SELECT reviews_keep_worklist_entry(image_id) FROM classifier_prediction
    WHERE status = 'succeeded' AND NOT for_comparison;
"""

FORGET = """
DROP FUNCTION reviews_worklist_entry_follows() CASCADE;
DROP FUNCTION reviews_keep_worklist_entry(uuid);
"""


def _index(name, field, **condition):
    return models.Index(fields=['collection', field, 'image'], condition=models.Q(**condition), name=name)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_membership_seniority'),
        ('classifier', '0004_prediction_for_comparison'),
        ('reviews', '0007_image_standing'),
    ]

    operations = [
        migrations.CreateModel(
            name='WorklistEntry',
            fields=[
                ('image', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='entry', serialize=False, to='classifier.image')),
                ('collection', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.collection')),
                ('arrived_at', models.DateTimeField()),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('bits', models.PositiveSmallIntegerField()),
                ('aside', models.BooleanField()),
                ('entropy', models.FloatField(null=True)),
                ('margin', models.FloatField(null=True)),
                ('tumour', models.FloatField(null=True)),
                ('draw', models.FloatField()),
                ('protocol', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.readingprotocol')),
                ('places', models.SmallIntegerField(null=True)),
                ('closed_to', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list)),
                ('visible', models.BooleanField()),
                ('known', models.BooleanField()),
                ('open', models.BooleanField()),
            ],
            options={
                'verbose_name_plural': 'worklist entries',
                'ordering': ['arrived_at', 'image_id'],
                'indexes': [
                    _index('worklist_arrival', 'arrived_at', open=True),
                    _index('worklist_draw', 'draw', open=True),
                    _index('worklist_entropy', '-entropy', open=True, aside=False),
                    _index('worklist_margin', 'margin', open=True, aside=False),
                    _index('worklist_tumour', '-tumour', open=True, aside=False),
                    _index('worklist_known', 'draw', known=True),
                ],
            },
        ),
        migrations.RunSQL(KEEP, FORGET),
    ]
