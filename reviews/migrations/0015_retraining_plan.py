import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_membership_seniority'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('reviews', '0014_sent_back'),
    ]

    operations = [
        migrations.CreateModel(
            name='RetrainingPlan',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('every_labels', models.PositiveIntegerField(blank=True, null=True)),
                ('every_hours', models.PositiveIntegerField(blank=True, null=True)),
                ('recipe', models.CharField(default='head', max_length=20)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='retraining_plans', to='accounts.collection')),
                ('set_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['collection_id', '-version'],
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='retrainingplan',
            constraint=models.UniqueConstraint(fields=('collection', 'version'), name='retraining_plan_version_once'),
        ),
        migrations.AddConstraint(
            model_name='retrainingplan',
            constraint=models.CheckConstraint(condition=models.Q(('every_labels', None), ('every_labels__gte', 1), _connector='OR'), name='retraining_plan_some_labels'),
        ),
        migrations.AddConstraint(
            model_name='retrainingplan',
            constraint=models.CheckConstraint(condition=models.Q(('every_hours', None), ('every_hours__gte', 1), _connector='OR'), name='retraining_plan_some_hours'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='retrainingplan',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='9437a85bee557041ea972abdb477ebe20aa7cb09', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f6826', table='reviews_retrainingplan', when='BEFORE')),
        ),
    ]
