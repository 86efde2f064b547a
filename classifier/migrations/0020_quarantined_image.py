"""Two images of the quarantine may become one: masked, their pixels can be the same."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("classifier", "0019_archives"),
    ]

    operations = [
        migrations.AlterField(
            model_name="quarantinedimage",
            name="image",
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="quarantined_as", to="classifier.image"),
        ),
    ]
