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
        ('reviews', '0011_worklist_follows_comparison'),
    ]

    operations = [
        migrations.AddField(
            model_name='labelset',
            name='dataset',
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name='labelsetentry',
            name='weight',
            field=models.FloatField(default=1.0),
        ),
        migrations.CreateModel(
            name='EligibilityPolicy',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('rule', models.CharField(choices=[('protocol', 'Final by the reading protocol'), ('adjudicated', 'Decided by an adjudicator'), ('agreeing', 'Agreeing blinded reads'), ('single', 'A single read')], default='protocol', max_length=12)),
                ('agreeing_reads', models.PositiveSmallIntegerField(default=2)),
                ('seen', models.CharField(choices=[('include', 'Take them as the others'), ('exclude', 'Leave them out'), ('weigh', 'Take them with less weight')], default='include', max_length=8)),
                ('seen_weight', models.FloatField(default=0.5)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('collection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='eligibility_policies', to='accounts.collection')),
                ('set_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'eligibility policies',
                'ordering': ['collection_id', '-version'],
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='labelset',
            name='policy',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='label_sets', to='reviews.eligibilitypolicy'),
        ),
        migrations.AddConstraint(
            model_name='eligibilitypolicy',
            constraint=models.UniqueConstraint(fields=('collection', 'version'), name='policy_version_once'),
        ),
        migrations.AddConstraint(
            model_name='eligibilitypolicy',
            constraint=models.CheckConstraint(condition=models.Q(('agreeing_reads__range', (2, 5))), name='policy_two_to_five_agreeing'),
        ),
        migrations.AddConstraint(
            model_name='eligibilitypolicy',
            constraint=models.CheckConstraint(condition=models.Q(('seen_weight__gt', 0.0), ('seen_weight__lte', 1.0)), name='policy_weight_in_range'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='eligibilitypolicy',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='85d9e6ef3998967cd9c6ed6cc806b8c24da3745f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_f8c16', table='reviews_eligibilitypolicy', when='BEFORE')),
        ),
    ]
