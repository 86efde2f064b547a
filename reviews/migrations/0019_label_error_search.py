import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0011_shadow'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('reviews', '0018_rescored_answer'),
    ]

    operations = [
        migrations.CreateModel(
            name='LabelErrorSearch',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('queued', 'In line'), ('succeeded', 'Done'), ('failed', 'Failed')], default='queued', max_length=10)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('result', models.JSONField(blank=True, null=True)),
                ('failure_reason', models.CharField(blank=True, max_length=300)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('label_set', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='error_searches', to='reviews.labelset')),
                ('model_version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='classifier.modelversion')),
            ],
            options={
                'verbose_name_plural': 'label error searches',
                'ordering': ['-asked_at', '-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'queued')), fields=('label_set',), name='label_error_search_once_at_a_time')],
            },
        ),
    ]
