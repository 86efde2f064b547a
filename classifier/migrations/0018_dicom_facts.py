import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0017_quarantine'),
    ]

    operations = [
        migrations.CreateModel(
            name='DicomFacts',
            fields=[
                ('image', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='dicom', serialize=False, to='classifier.image')),
                ('series_uid', models.CharField(max_length=64)),
                ('instance_uid', models.CharField(db_index=True, max_length=64)),
                ('frame', models.PositiveIntegerField(default=1)),
                ('modality', models.CharField(max_length=16)),
                ('sequence_family', models.CharField(blank=True, choices=[('t1', 'T1'), ('t1_contrast', 'T1 with contrast'), ('t2', 'T2'), ('flair', 'FLAIR'), ('diffusion', 'Diffusion'), ('susceptibility', 'Susceptibility'), ('proton_density', 'Proton density'), ('other', 'Other')], max_length=16)),
                ('slice_position', models.FloatField(blank=True, null=True)),
                ('row_spacing', models.FloatField(blank=True, null=True)),
                ('column_spacing', models.FloatField(blank=True, null=True)),
                ('orientation', django.contrib.postgres.fields.ArrayField(base_field=models.FloatField(), blank=True, null=True, size=6)),
                ('bits_stored', models.PositiveSmallIntegerField()),
            ],
            options={
                'verbose_name_plural': 'DICOM facts',
            },
        ),
        migrations.CreateModel(
            name='ReceiptLine',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('file_sha256', models.CharField(max_length=64)),
                ('study_uid', models.CharField(db_index=True, max_length=64)),
                ('series_uid', models.CharField(max_length=64)),
                ('instance_uid', models.CharField(max_length=64)),
                ('frame', models.PositiveIntegerField(default=1)),
                ('outcome', models.CharField(max_length=12)),
                ('profile', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=16))),
                ('received_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['id'],
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='receiptline',
            name='image',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipt_lines', to='classifier.image'),
        ),
        migrations.AddField(
            model_name='receiptline',
            name='quarantined',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipt_lines', to='classifier.quarantinedimage'),
        ),
        migrations.AddField(
            model_name='receiptline',
            name='study',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='receipt_lines', to='classifier.study'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='receiptline',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='092e0986a7a52f8eff9d87393cb9ada671182a4f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_8ba2e', table='classifier_receiptline', when='BEFORE')),
        ),
    ]
