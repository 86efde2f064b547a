import django.core.serializers.json
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
        ('reviews', '0012_eligibility_policy'),
    ]

    operations = [
        migrations.CreateModel(
            name='ImportedLabel',
            fields=[
                ('id', models.UUIDField(default=mriplatform.identifiers.uuid7, editable=False, primary_key=True, serialize=False)),
                ('label', models.CharField(choices=[('glioma', 'glioma'), ('meningioma', 'meningioma'), ('notumor', 'notumor'), ('pituitary', 'pituitary')], max_length=12)),
                ('split', models.CharField(blank=True, choices=[('train', 'Training'), ('validation', 'Validation'), ('test', 'Test'), ('excluded', 'Excluded')], max_length=10)),
                ('dataset', models.CharField(max_length=120)),
                ('provenance', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('image', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='imported_labels', to='classifier.image')),
                ('imported_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['image_id', 'at'],
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='importedlabel',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f005b9bbb77f40ee3ac010fa455c598584d2f8c5', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6c739', table='reviews_importedlabel', when='BEFORE')),
        ),
    ]
