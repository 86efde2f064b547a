import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0011_shadow'),
    ]

    operations = [
        migrations.CreateModel(
            name='TraceLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('pixel_sha256', models.CharField(max_length=64)),
                ('label', models.CharField(blank=True, max_length=20)),
                ('used_as', models.CharField(choices=[('train', 'Training'), ('validation', 'Validation'), ('test', 'Test'), ('excluded', 'Excluded')], max_length=10)),
                ('reason', models.CharField(blank=True, max_length=300)),
                ('image', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='trace_lines', to='classifier.image')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='trace_lines', to='classifier.trainingrun')),
            ],
            options={
                'ordering': ['run_id', 'number'],
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('run', 'number'), name='trace_line_once')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='traceline',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ac5e34b9fe7c2dbdcc71db5ba76210c57aa013b1', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6cc4b', table='classifier_traceline', when='BEFORE')),
        ),
    ]
