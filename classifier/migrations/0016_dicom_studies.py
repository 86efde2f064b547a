from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0015_gate_request'),
    ]

    operations = [
        migrations.AddField(
            model_name='study',
            name='age_band',
            field=models.CharField(blank=True, max_length=8),
        ),
        migrations.AddField(
            model_name='study',
            name='study_uid',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name='study',
            name='origin',
            field=models.CharField(choices=[('portal', 'Portal'), ('api', 'API'), ('dicomweb', 'DICOMweb'), ('archive', 'Archive'), ('import', 'Import'), ('synthetic', 'Synthetic sample')], max_length=12),
        ),
        migrations.AddIndex(
            model_name='study',
            index=models.Index(condition=models.Q(('study_uid', ''), _negated=True), fields=['collection', 'study_uid'], name='study_by_uid'),
        ),
    ]
