"""A receipt's line says whose it is: by that, and by the study's UID, a study that comes later finds it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("classifier", "0020_quarantined_image"),
    ]

    operations = [
        migrations.AddField(
            model_name="receiptline",
            name="subject_key",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
    ]
