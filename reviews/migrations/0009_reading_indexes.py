from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reviews', '0008_worklist_entry'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(fields=['reader', '-id'], name='reading_newest_of_reader'),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('finished_at__isnull', False)), fields=['reader', 'protocol', 'purpose'], name='reading_done_of_reader'),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('finished_at', None)), fields=['reader', 'claimed_at'], name='reading_open_of_reader'),
        ),
        migrations.AddIndex(
            model_name='reading',
            index=models.Index(condition=models.Q(('finished_at', None)), fields=['lease_expires_at'], name='reading_leases'),
        ),
    ]
