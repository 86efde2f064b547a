import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('classifier', '0007_plane_and_dataset'),
    ]

    operations = [
        migrations.CreateModel(
            name='GateRule',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField(unique=True)),
                ('allowed_change', models.TextField(max_length=2000)),
                ('protocol', models.TextField(max_length=4000)),
                ('criteria', models.JSONField()),
                ('impact', models.TextField(max_length=4000)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('written_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-number'],
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='GateDecision',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('verdict', models.CharField(choices=[('pass', 'Passed'), ('fail', 'Failed'), ('insufficient', 'Too little to say')], max_length=12)),
                ('criteria', models.JSONField()),
                ('parts', models.JSONField()),
                ('figures', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('candidate', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='gate_decisions', to='classifier.modelversion')),
                ('incumbent', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='classifier.modelversion')),
                ('training_run', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='gate_decisions', to='classifier.trainingrun')),
                ('rule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='classifier.gaterule')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gaterule',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='53872ea869d1408f4c04c622486939147cb94f45', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2cf9c', table='classifier_gaterule', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='gatedecision',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='39fd5026dc030eab9d0439972dd2beee82043647', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_31d03', table='classifier_gatedecision', when='BEFORE')),
        ),
    ]
