import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_intake_reviewer'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('classifier', '0018_dicom_facts'),
    ]

    operations = [
        migrations.CreateModel(
            name='Archive',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('size', models.PositiveBigIntegerField()),
                ('dry_run', models.BooleanField(default=False)),
                ('partial', models.BooleanField(default=False)),
                ('folder_labels', models.BooleanField(default=False)),
                ('dataset', models.CharField(blank=True, max_length=120)),
                ('subject_key', models.CharField(blank=True, max_length=64)),
                ('status', models.CharField(choices=[('receiving', 'Being sent'), ('checking', 'Being checked'), ('checked', 'Checked'), ('storing', 'Being stored'), ('stored', 'Stored'), ('refused', 'Refused'), ('cancelled', 'Cancelled'), ('failed', 'Failed')], default='receiving', max_length=10)),
                ('code', models.CharField(blank=True, max_length=40)),
                ('sentence', models.CharField(blank=True, max_length=300)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('lease_expires_at', models.DateTimeField(blank=True, null=True)),
                ('worker', models.CharField(blank=True, max_length=120)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('expires_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='ArchiveEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('sha256', models.CharField(blank=True, max_length=64)),
                ('size', models.PositiveBigIntegerField(default=0)),
                ('label', models.CharField(blank=True, choices=[('glioma', 'glioma'), ('meningioma', 'meningioma'), ('notumor', 'notumor'), ('pituitary', 'pituitary')], max_length=12)),
                ('outcome', models.CharField(choices=[('pending', 'Not looked at yet'), ('good', 'Good'), ('stored', 'Stored'), ('duplicate', 'Already here'), ('quarantined', 'In quarantine'), ('refused', 'Refused'), ('ignored', 'Ignored')], default='pending', max_length=12)),
                ('code', models.CharField(blank=True, max_length=40)),
                ('sentence', models.CharField(blank=True, max_length=300)),
                ('pixel_sha256', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'verbose_name_plural': 'archive entries',
                'ordering': ['archive_id', 'number'],
            },
        ),
        migrations.CreateModel(
            name='ArchivePart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('size', models.PositiveIntegerField()),
                ('content', models.BinaryField()),
            ],
            options={
                'ordering': ['archive_id', 'number'],
            },
        ),
        migrations.AddField(
            model_name='archive',
            name='collection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='archives', to='accounts.collection'),
        ),
        migrations.AddField(
            model_name='archive',
            name='created_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='archives', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='archiveentry',
            name='archive',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='classifier.archive'),
        ),
        migrations.AddField(
            model_name='archiveentry',
            name='image',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='classifier.image'),
        ),
        migrations.AddField(
            model_name='archiveentry',
            name='study',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='classifier.study'),
        ),
        migrations.AddField(
            model_name='archivepart',
            name='archive',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='classifier.archive'),
        ),
        migrations.AddIndex(
            model_name='archive',
            index=models.Index(condition=models.Q(('status__in', ['receiving', 'checking', 'checked', 'storing'])), fields=['created_at'], name='archive_unfinished'),
        ),
        migrations.AddConstraint(
            model_name='archiveentry',
            constraint=models.UniqueConstraint(fields=('archive', 'number'), name='archive_entry_once'),
        ),
        migrations.AddConstraint(
            model_name='archivepart',
            constraint=models.UniqueConstraint(fields=('archive', 'number'), name='archive_part_once'),
        ),
    ]
