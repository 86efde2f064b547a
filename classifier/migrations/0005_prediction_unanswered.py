from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('classifier', '0004_prediction_for_comparison'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='prediction',
            index=models.Index(condition=models.Q(('for_comparison', False), models.Q(('status', 'succeeded'), _negated=True)), fields=['image', 'status'], name='prediction_unanswered'),
        ),
    ]
