import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0014_promotion_decision'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GateRequest',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('judgement', 'Judge again'), ('curve', 'Learning curve')], max_length=10)),
                ('status', models.CharField(choices=[('queued', 'In line'), ('running', 'Working'), ('succeeded', 'Finished'), ('failed', 'Failed')], default='queued', max_length=10)),
                ('attempt', models.PositiveSmallIntegerField(default=0)),
                ('lease_expires_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('failure_reason', models.CharField(blank=True, max_length=300)),
                ('asked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decision', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='requests', to='classifier.gatedecision')),
                ('training_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='gate_requests', to='classifier.trainingrun')),
                ('version', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='gate_requests', to='classifier.modelversion')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'judgement'), ('status__in', ['queued', 'running'])), fields=('version',), name='gate_judges_once_at_a_time'), models.UniqueConstraint(condition=models.Q(('kind', 'curve'), ('status__in', ['queued', 'running'])), fields=('training_run',), name='gate_draws_once_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('kind', 'judgement'), ('version__isnull', False)), models.Q(('kind', 'curve'), ('training_run__isnull', False)), _connector='OR'), name='gate_request_is_about_something')],
            },
        ),
    ]
