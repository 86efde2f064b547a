import django.db.models.deletion
import django.db.models.functions.datetime
import mriplatform.identifiers
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0007_plane_and_dataset'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('reviews', '0013_imported_label'),
    ]

    operations = [
        migrations.CreateModel(
            name='SentBack',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('score', models.FloatField()),
                ('reason', models.CharField(max_length=300)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sent_back', to='classifier.image')),
                ('label_set', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sent_back', to='reviews.labelset')),
                ('sent_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'sent back',
                'ordering': ['-at', '-id'],
                'abstract': False,
            },
        ),
        migrations.AddConstraint(
            model_name='sentback',
            constraint=models.UniqueConstraint(fields=('image', 'label_set'), name='sent_back_once_per_label_set'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='sentback',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='eb991465487ef2aceb7bd49a3dc09f9b037df8fd', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6a573', table='reviews_sentback', when='BEFORE')),
        ),
    ]
