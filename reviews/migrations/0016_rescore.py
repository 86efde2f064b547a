import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_membership_seniority'),
        ('classifier', '0007_plane_and_dataset'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('reviews', '0015_retraining_plan'),
    ]

    operations = [
        migrations.CreateModel(
            name='Rescore',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('running', 'Working'), ('paused', 'Paused'), ('finished', 'Finished'), ('cancelled', 'Cancelled')], default='running', max_length=10)),
                ('per_minute', models.PositiveIntegerField(default=120)),
                ('cursor', models.UUIDField(blank=True, null=True)),
                ('asked', models.PositiveIntegerField(default=0)),
                ('replaced', models.PositiveIntegerField(default=0)),
                ('reason', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('stepped_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rescores', to='accounts.collection')),
                ('model_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rescores', to='classifier.modelversion')),
                ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='rescore',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['running', 'paused'])), fields=('collection',), name='rescore_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='rescore',
            constraint=models.CheckConstraint(condition=models.Q(('per_minute__gte', 1)), name='rescore_some_each_minute'),
        ),
    ]
