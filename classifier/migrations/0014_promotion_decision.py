import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0013_load_check'),
    ]

    operations = [
        migrations.AddField(
            model_name='promotion',
            name='decision',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='promotions', to='classifier.gatedecision'),
        ),
    ]
