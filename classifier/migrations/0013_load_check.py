import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('classifier', '0012_trace_line'),
    ]

    operations = [
        migrations.CreateModel(
            name='LoadCheck',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('answered_at', models.DateTimeField(blank=True, null=True)),
                ('passed', models.BooleanField(blank=True, null=True)),
                ('words', models.CharField(blank=True, max_length=300)),
                ('worker', models.CharField(blank=True, max_length=120)),
                ('runtime', models.CharField(blank=True, max_length=40)),
                ('device', models.CharField(blank=True, max_length=80)),
                ('asked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('model_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='load_checks', to='classifier.modelversion')),
            ],
            options={
                'ordering': ['-asked_at', '-id'],
                'indexes': [models.Index(condition=models.Q(('answered_at', None)), fields=['asked_at'], name='load_check_unanswered')],
            },
        ),
        migrations.AddField(
            model_name='promotion',
            name='load_check',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='classifier.loadcheck'),
        ),
    ]
