from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0003_version_choice'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='prediction',
            name='prediction_queue',
        ),
        migrations.AddField(
            model_name='prediction',
            name='for_comparison',
            field=models.BooleanField(default=False),
        ),
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('status', 'queued')), fields=['for_comparison', 'queued_at'], name='prediction_queue'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.UniqueConstraint(condition=models.Q(('for_comparison', False)), fields=('image',), name='prediction_one_answer'),
        ),
        migrations.AddConstraint(
            model_name='prediction',
            constraint=models.CheckConstraint(condition=models.Q(('for_comparison', False), ('model_version__isnull', False), _connector='OR'), name='prediction_comparison_names_version'),
        ),
    ]
