import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('classifier', '0002_prediction_novelty'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='VersionChoice',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('sequence', models.PositiveIntegerField()),
                ('reason', models.CharField(max_length=500)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
            ],
            options={
                'ordering': ['collection_id', '-sequence'],
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='versionchoice',
            name='chosen_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='versionchoice',
            name='collection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='version_choices', to='accounts.collection'),
        ),
        migrations.AddField(
            model_name='versionchoice',
            name='model_version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='choices', to='classifier.modelversion'),
        ),
        migrations.AddConstraint(
            model_name='versionchoice',
            constraint=models.UniqueConstraint(fields=('collection', 'sequence'), name='version_choice_in_order'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='versionchoice',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f5d27681213a93afd5b6fb49c635f4f16d3fcf9c', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_85bc2', table='classifier_versionchoice', when='BEFORE')),
        ),
    ]
