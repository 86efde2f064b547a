import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# What was read before this row was kept, by the one rule that there was then: all readers must agree.
STAND = """
WITH governing AS (
    SELECT DISTINCT ON (reading.image_id) reading.image_id, protocol.readers_per_image
    FROM reviews_reviewevent event
    JOIN reviews_reading reading ON reading.id = event.reading_id
    JOIN reviews_readingprotocol protocol ON protocol.id = reading.protocol_id
    WHERE event.sequence = 1 AND reading.purpose = 'label'
    ORDER BY reading.image_id, event.at, event.id
), said AS (
    SELECT reading.image_id, count(*) AS verdicts, count(DISTINCT event.label) AS labels,
           min(event.label) AS label, max(event.at) AS at
    FROM reviews_reviewevent event
    JOIN reviews_reading reading ON reading.id = event.reading_id
    WHERE event.kind IN ('verdict', 'amendment') AND reading.purpose = 'label'
      AND NOT EXISTS (SELECT FROM reviews_reviewevent later WHERE later.supersedes_id = event.id)
    GROUP BY reading.image_id
), decided AS (
    SELECT DISTINCT ON (image_id) id, image_id, label, at
    FROM reviews_adjudication ORDER BY image_id, at DESC, id DESC
)
INSERT INTO reviews_imagestanding
    (image_id, collection_id, outcome, label, path, adjudication_id, changed_since, since)
SELECT image.id, image.collection_id,
    CASE WHEN decided.id IS NOT NULL THEN 'final'
         WHEN verdicts < readers_per_image THEN 'waiting'
         WHEN labels > 1 THEN 'disagreement' ELSE 'final' END,
    CASE WHEN decided.id IS NOT NULL THEN decided.label
         WHEN verdicts < readers_per_image OR labels > 1 THEN '' ELSE said.label END,
    CASE WHEN decided.id IS NOT NULL THEN 'adjudicated'
         WHEN verdicts < readers_per_image OR labels > 1 THEN ''
         WHEN verdicts = 1 THEN 'one reader' ELSE 'agreed' END,
    decided.id,
    decided.id IS NOT NULL AND EXISTS (
        SELECT FROM reviews_reviewevent event
        JOIN reviews_reading reading ON reading.id = event.reading_id
        WHERE reading.image_id = image.id AND reading.purpose = 'label' AND event.at > decided.at
          AND event.kind IN ('verdict', 'amendment', 'withdrawal')),
    coalesce(decided.at, said.at)
FROM classifier_image image
LEFT JOIN said ON said.image_id = image.id
LEFT JOIN governing ON governing.image_id = image.id
LEFT JOIN decided ON decided.image_id = image.id
WHERE said.image_id IS NOT NULL OR decided.id IS NOT NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_membership_seniority'),
        ('classifier', '0004_prediction_for_comparison'),
        ('reviews', '0006_figure_snapshot'),
    ]

    operations = [
        migrations.AddField(
            model_name='reading',
            name='seniority',
            field=models.PositiveSmallIntegerField(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name='ImageStanding',
            fields=[
                ('image', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='standing', serialize=False, to='classifier.image')),
                ('outcome', models.CharField(choices=[('unread', 'Unread'), ('waiting', 'Waits for more readers'), ('disagreement', 'Readers disagree'), ('final', 'Final'), ('known', 'Known case')], max_length=12)),
                ('label', models.CharField(blank=True, choices=[('glioma', 'glioma'), ('meningioma', 'meningioma'), ('notumor', 'notumor'), ('pituitary', 'pituitary')], max_length=12)),
                ('path', models.CharField(blank=True, max_length=20)),
                ('changed_since', models.BooleanField(default=False)),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('adjudication', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='reviews.adjudication')),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.collection')),
            ],
            options={
                'ordering': ['-since', '-image_id'],
                'indexes': [models.Index(fields=['collection', 'outcome', 'since', 'image'], name='standing_by_outcome'), models.Index(condition=models.Q(('adjudication__isnull', False)), fields=['collection', '-since', '-image'], name='standing_decided')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('outcome', 'final'), models.Q(('path', ''), _negated=True)), models.Q(models.Q(('outcome', 'final'), _negated=True), ('adjudication', None), ('label', ''), ('path', '')), _connector='OR'), name='standing_final_says_how')],
            },
        ),
        migrations.RunSQL(STAND, migrations.RunSQL.noop),
    ]
