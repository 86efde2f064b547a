import classifier.models.study
import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_intake_reviewer'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('classifier', '0016_dicom_studies'),
    ]

    operations = [
        migrations.CreateModel(
            name='QuarantinedImage',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('group', models.UUIDField(db_index=True)),
                ('origin', models.CharField(choices=[('portal', 'Portal'), ('api', 'API'), ('dicomweb', 'DICOMweb'), ('archive', 'Archive'), ('import', 'Import'), ('synthetic', 'Synthetic sample')], max_length=12)),
                ('arrival', models.JSONField(default=dict)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('pixels', models.FileField(blank=True, max_length=200, storage=classifier.models.study.pixel_storage, upload_to='')),
                ('stored_bytes', models.PositiveIntegerField(default=0)),
                ('pixel_sha256', models.CharField(max_length=64)),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('bits', models.PositiveSmallIntegerField(default=8)),
                ('plane', models.CharField(blank=True, choices=[('axial', 'Axial'), ('coronal', 'Coronal'), ('sagittal', 'Sagittal')], max_length=8)),
                ('window_centre', models.FloatField(blank=True, null=True)),
                ('window_width', models.FloatField(blank=True, null=True)),
                ('cause', models.CharField(choices=[('text', 'Text found in the pixels'), ('declared', 'The DICOM header says that there is text in the pixels')], max_length=10)),
                ('boxes', models.JSONField(default=list)),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('released', 'Released'), ('masked', 'Masked'), ('rejected', 'Rejected')], default='waiting', max_length=10)),
                ('masks', models.JSONField(default=list)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.AddField(
            model_name='quarantinedimage',
            name='collection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='quarantined', to='accounts.collection'),
        ),
        migrations.AddField(
            model_name='quarantinedimage',
            name='decided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='quarantinedimage',
            name='image',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quarantined_as', to='classifier.image'),
        ),
        migrations.AddField(
            model_name='quarantinedimage',
            name='study',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='quarantined', to='classifier.study'),
        ),
        migrations.AddField(
            model_name='quarantinedimage',
            name='uploaded_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='quarantinedimage',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['collection', '-id'], name='quarantine_waiting'),
        ),
        migrations.AddConstraint(
            model_name='quarantinedimage',
            constraint=models.UniqueConstraint(fields=('collection', 'pixel_sha256'), name='quarantined_once_per_collection'),
        ),
        migrations.AddConstraint(
            model_name='quarantinedimage',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('status', 'waiting')), models.Q(models.Q(('status', 'waiting'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='quarantine_decided_has_time'),
        ),
    ]
